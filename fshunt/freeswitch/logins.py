"""Who has logged in to make a call: the user of FreeSWITCH's directory whose password the phone has proven (fact 80).

This is stricter than ``channels.account_of``, which says whose phone is busy: there the worst that a wrong name does is
that somebody is not rung. Here it would let a caller act in another one's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from fshunt.esl.frames import Frame


@dataclass(frozen=True, slots=True)
class Login:
    """A user of a domain of the directory. ``names``: that of the login, and the number that is another name of it."""

    names: tuple[str, ...]
    domain: str
    address: str | None
    """Where the request came from."""

    def __str__(self) -> str:
        return f"{self.names[0]}@{self.domain}"


def login_of(channel: Frame) -> Login | str:
    """Return who has logged in to make the call of a channel; else why nobody counts as logged in, in a few words.

    Only what FreeSWITCH itself sets when it has checked a password is read: ``user_name`` is also set where a phone is
    known by its address or by its word, and an application of the dialplan may set it.
    """
    if channel.get("Call-Direction") != "inbound" or channel.get("Caller-Source") != "mod_sofia":
        return "it is not a call that a SIP phone makes"
    if channel.get("Caller-Profile-Index") != "1":
        return "the call was sent here by a transfer"
    name = channel.get("variable_sip_auth_username") or ""
    domain = channel.get("variable_requested_domain_name") or ""
    if channel.get("variable_sip_authorized") != "true" or not (name and domain):
        return "no password was asked for"
    alias = channel.get("variable_sip_number_alias") or name
    return Login(tuple(dict.fromkeys((name, alias))), domain, channel.get("variable_sip_network_ip"))
