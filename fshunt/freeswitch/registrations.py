"""Who has a phone registered at one switch, kept by its events and its lists. Pure: no socket and no clock.

The lists are sofia's own (``sofia xmlstatus profile NAME reg``), not ``show registrations``: the core's table holds one
phone an extension, and forgets it when any of them unregisters (fact 30).
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fshunt.esl.frames import Frame, ProtocolError
from fshunt.freeswitch.channels import NOTHING, Change
from fshunt.freeswitch.contacts import is_of_domain
from fshunt.freeswitch.slices import Breathe, hold_breath, in_slices

CHUNK_CHARS = 64 * 1024  # are cut into lines at a time; a registration has 1 KB
GONE_KEPT = 20_000  # registrations that a late event or list could bring back

_PROFILE = re.compile(r"^<profile>\n<name>(.*)</name>\n<type>profile</type>$", re.MULTILINE)
_VALUE = re.compile(r" {8}<(call-id|user|contact)>(.*)</\1>")

_TOLD = {"sofia::register": "register", "sofia::unregister": "unregister", "sofia::expire": "expire"}


class NoSofia(ProtocolError):
    """The switch has not loaded its SIP module."""

    WHAT = "FreeSWITCH has not loaded its SIP module, mod_sofia."
    WHY = "No phone can register or ring."
    MEND = (
        "Load it by `fs_cli -x 'load mod_sofia'`. If that fails, FreeSWITCH's log says why: the example configuration "
        "needs a STUN server that can be reached, or an address of the host as external_rtp_ip and external_sip_ip in "
        "vars.xml."
    )

    def __init__(self) -> None:
        super().__init__(f"{self.WHAT} {self.WHY} {self.MEND}")


RegistrationKey = tuple[str, str, str, str]
"""User, domain, Call-ID, contact. FreeSWITCH lists a phone by one of the last two, as its profile is set."""


@dataclass(frozen=True, slots=True)
class _Said:
    """The last that was said of one registration."""

    kind: str
    sequence: int
    state: int
    """which state was taken last before"""

    @property
    def alive(self) -> bool:
        return self.kind == "register"


@dataclass(slots=True)
class RegistrationTable:
    """The registrations, by extension."""

    count: int = 0
    _said: dict[tuple[str, str], dict[RegistrationKey, _Said]] = field(default_factory=dict)
    _domains: dict[str, set[str]] = field(default_factory=dict)
    """of each user: the domains at which they are registered"""
    _gone: dict[RegistrationKey, None] = field(default_factory=dict)
    """those that are registered no more, oldest first"""
    _state: int = 0

    def begin(self) -> None:
        """Says that the state is about to be taken."""
        self._state += 1

    def is_registered(self, user: str, domain: str) -> bool:
        """Whether an extension has a phone: of the domain itself, or of no tenant (``is_of_domain``)."""
        return any(is_of_domain(registered, domain) for registered in self._domains.get(user.lower(), ()))

    def registered_in(self, domain: str) -> Iterator[str]:
        """The extensions of a domain that have a phone, as they are now: others may register meanwhile."""
        return (user for user in list(self._domains) if self.is_registered(user, domain))

    def on_event(self, event: Frame) -> Change:
        """Takes in ``sofia::register``, ``sofia::unregister`` or ``sofia::expire``; the last names its headers anew."""
        kind = _TOLD.get(event.get("Event-Subclass", ""))
        user = (event.get("from-user") or event.get("user", "")).lower()
        domain = (event.get("from-host") or event.get("host", "")).lower()
        call_id, sequence = event.get("call-id", ""), event.get("Event-Sequence", "")
        if kind is None or not (user and domain and call_id):
            return NOTHING
        number = int(sequence) if sequence.isascii() and sequence.isdecimal() and len(sequence) < 20 else 0
        return self._say((user, domain, call_id, event.get("contact", "")), _Said(kind, number, self._state))

    def take(self, text: str, breathe: Breathe = hold_breath) -> Change:
        """Takes in the lists of all profiles, one after another. Raises ProtocolError, and then has changed nothing.

        ``breathe`` is called after every few registrations: a switch may have thousands.

        What was said since the state was begun counts more; so does a leaving not much older, for FreeSWITCH tells of
        an expired phone before it takes it from its list.
        """
        listed = set(in_slices(_listed(text), breathe))
        changes, before = [], self._state - 1
        for key in in_slices(listed, breathe):
            all_said = self._said.get(key[:2], {})
            # As if it were said after all that was said long ago, so that nothing of it stands against the list.
            newest = max((one.sequence for one in all_said.values() if one.state < before), default=-1)
            known = all_said.get(key)
            if known is None or (not known.alive and known.state < before):
                changes.append(self._say(key, _Said("register", newest, before)))
        for said in in_slices(list(self._said.values()), breathe):
            for key, one in list(said.items()):
                if one.alive and one.state <= before and key not in listed:
                    changes.append(self._say(key, _Said("expire", one.sequence, before)))
        return Change.of(changes)

    def _say(self, key: RegistrationKey, said: _Said) -> Change:
        user, domain = key[:2]
        was_registered = self.is_registered(user, domain)
        all_said = self._said.setdefault((user, domain), {})
        known = all_said.get(key)
        if known is None or said.sequence >= known.sequence:
            if said.alive and any(_ends(other, one, key, said) for other, one in all_said.items()):
                said = replace(said, kind="expire")
            self._put(key, said)
            for other, one in list(all_said.items()):
                if one.alive and _ends(key, said, other, one):
                    self._put(other, replace(one, kind="expire"))
        self._prune()
        came = self._said[user, domain][key].alive and (known is None or not known.alive)
        if not came and self.is_registered(user, domain) == was_registered:
            return NOTHING
        whose = frozenset({f"{user}@{domain}"})
        return Change(whose, with_new_phone=whose if came else frozenset())

    def _put(self, key: RegistrationKey, said: _Said) -> None:
        user, domain = key[:2]
        all_said = self._said[user, domain]
        known = all_said.get(key)
        self.count += said.alive - (known is not None and known.alive)
        all_said[key] = said
        self._gone.pop(key, None)
        if not said.alive:
            self._gone[key] = None
        domains = self._domains.setdefault(user, set())
        (domains.add if any(one.alive for one in all_said.values()) else domains.discard)(domain)
        if not domains:
            del self._domains[user]

    def _prune(self) -> None:
        while len(self._gone) > GONE_KEPT:
            key = next(iter(self._gone))
            del self._gone[key], self._said[key[:2]][key]
            if not self._said[key[:2]]:
                del self._said[key[:2]]


def _ends(key: RegistrationKey, said: _Said, other: RegistrationKey, one: _Said) -> bool:
    """Whether what was said of one registration ends another, older one of the same extension.

    A phone that starts anew registers its contact under another Call-ID, and one that leaves may do so under a third;
    a broken connection is told by its Call-ID alone. What expires is one row of FreeSWITCH's list and no more.
    """
    if said.sequence <= one.sequence or key == other or said.kind == "expire":
        return False
    return key[3] == other[3] if key[3] else said.kind == "unregister" and key[2] == other[2]


def profile_names(text: str) -> list[str]:
    """The names of the profiles in ``sofia xmlstatus``. Raises ProtocolError; NoSofia: the command is not known."""
    if "Command not found" in text:
        raise NoSofia
    if "<profiles>" not in text or "</profiles>" not in text:
        raise ProtocolError("FreeSWITCH's list of SIP profiles cannot be read.")
    return sorted(set(_PROFILE.findall(text)))


def registered(text: str) -> frozenset[tuple[str, str]]:
    """Return who has a phone, (user, domain) in small letters, in the lists of all profiles. Raises ProtocolError."""
    return frozenset(key[:2] for key in _listed(text))


def _listed(text: str) -> Iterator[RegistrationKey]:
    """The registrations in the lists. Read line by line: FreeSWITCH does not escape a Call-ID in its XML."""
    found: dict[str, str] | None = None
    depth = 0
    for line in _lines(text):
        if line in ("  <registrations>", "  </registrations>"):
            depth += 1 if line == "  <registrations>" else -1
        elif line == "    <registration>":
            found = {}
        elif line == "    </registration>" and found is not None:
            user, _, domain = html.unescape(found.get("user", "")).rpartition("@")
            if user and domain and found.get("call-id"):
                yield user.lower(), domain.lower(), found["call-id"], html.unescape(found.get("contact", ""))
            found = None
        elif found is not None and (value := _VALUE.fullmatch(line)):
            found.setdefault(value[1], value[2])
    if depth or found is not None or (text and "<registrations>" not in text):
        raise ProtocolError("FreeSWITCH's list of registrations cannot be read.")


def _lines(text: str) -> Iterator[str]:
    """The lines, a chunk of text after the other."""
    start = 0
    while (end := text.find("\n", start + CHUNK_CHARS)) >= 0:
        yield from text[start:end].split("\n")
        start = end + 1
    yield from text[start:].split("\n")
