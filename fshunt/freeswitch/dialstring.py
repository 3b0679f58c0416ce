"""Dial strings: what is handed to ``bridge`` to ring the phones of one stage.

Everything in a dial string is either made here or checked here against its kind; nothing a caller controls gets in
(design, section 9). A registered contact is the only thing that is escaped, each character in the one way that was seen
to reach the phone unchanged (fact 38); in values of variables nothing is (fact 24).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fshunt.errors import BadValue
from fshunt.freeswitch.caller_id import CallerId
from fshunt.freeswitch.directory import is_by_directory
from fshunt.freeswitch.endings import LEG_VARIABLES
from fshunt.freeswitch.offers import CONFIRM_DIGIT
from fshunt.hunting import validation
from fshunt.hunting.addresses import MemberAddress

BACKSTOP_SECONDS = 3
"""How much longer than the daemon FreeSWITCH's own timers wait. They count whole clock seconds and are up to a second
early (fact 5); they only matter when the daemon is gone."""

ALWAYS_PLAYS = ("tone_stream://", "silence_stream://")
"""What needs no file."""

CONFIRM_TONE = "tone_stream://%(150,100,660)%(150,1600,880);loops=2"
"""Two rising notes, and a pause, twice: it asks without words to press the key."""

SEPARATOR = "~"
"""Between the variables of brackets that hold a comma: no value of a variable has it."""

MAX_LEGS = 128
"""FreeSWITCH takes no more legs than this in one list (fact 23)."""

FEW_LEGS = 8
"""More phones than this at once do not count for the sessions per second of the switch, whose number is for callers:
the phones of one large group would use it up, and callers would be refused for a second (fact 43). Such a string also
passes ``max-sessions``; whoever makes it keeps to that number (``capacity``)."""

_HARMFUL = re.compile(r"\[[0-9A-Fa-f:.]+\]|[][,']|:_(?=:)|mod_(?=event_socket)")
"""What would be read as a part of the dial string or of the command; an IPv6 address in its brackets is not."""

_ESCAPED = {",": "\\,", "'": "%27", "[": "%5B", "]": "%5D", ":_": ":%5F", "mod_": "mod%5F"}


@dataclass(frozen=True, slots=True)
class Confirm:
    """How an answered leg must confirm: the prompt that is played, and how many seconds it has.

    ``inband_dtmf`` says that the key may come as a tone in the sound.
    """

    prompt: str
    timeout: float
    inband_dtmf: bool = False

    def text(self) -> str:
        """Return the variables, in brackets of their own: in a tone stream are commas (fact 24).

        A leg whose prompt cannot be played is hung up, and so what is played ends with a tone: where the prompt cannot
        be played, the tone is, alone (fact 63).
        """
        prompt = validation.check_prompt(self.prompt)
        if not prompt.startswith(ALWAYS_PLAYS):
            prompt = f"file_string://{prompt}!{CONFIRM_TONE}"
        variables = [
            f"group_confirm_key={CONFIRM_DIGIT}",
            f"group_confirm_file={prompt}",
            f"group_confirm_timeout={math.ceil(self.timeout) + BACKSTOP_SECONDS}",
            "rtp_liberal_dtmf=true",
        ]
        if self.inband_dtmf:
            variables += ["execute_on_answer=start_dtmf", "bridge_pre_execute_app=stop_dtmf"]
        return f"[^^{SEPARATOR}{SEPARATOR.join(variables)}]"


@dataclass(frozen=True, slots=True)
class LegPlan:
    """One phone to be rung: the channel uuid it shall have, its endpoint, and for how many seconds at most."""

    uuid: str
    endpoint: str
    presence_id: str | None
    longest: float
    confirm: Confirm | None = None
    caller_id: CallerId | None = None
    """What the leg shows instead of the caller."""

    def text(self) -> str:
        """Return ``[variables]endpoint``; raise BadValue if a part does not fit its kind."""
        variables = [
            f"origination_uuid={validation.check_uuid(self.uuid)}",
            f"leg_timeout={math.ceil(self.longest) + BACKSTOP_SECONDS}",
        ]
        if self.presence_id is not None:
            number, _, domain = self.presence_id.partition("@")
            validation.check_extension(number)
            validation.check_domain(domain)
            variables += [
                f"presence_id={number}@{domain}",
                f"sip_invite_domain={domain}",
                f"dialed_user={number}",
                f"dialed_domain={domain}",
            ]
        if self.caller_id is not None:
            variables += self.caller_id.variables()
        if is_by_directory(self.endpoint):
            variables.append("loopback_bowout=false")  # or our leg ends in the middle of the talk (fact 48)
        confirm = "" if self.confirm is None else self.confirm.text()
        return f"[{','.join(variables)}]{confirm}{as_dialled(self.endpoint)}"


def as_dialled(endpoint: str) -> str:
    """Return an endpoint as it stands in a dial string, meaning the same (fact 38); raise BadValue if it cannot.

    The phone receives the address that it registered: FreeSWITCH takes a comma after a backslash for a comma, and a
    character that RFC 3261 does not reserve is equivalent to its percent-encoded form.
    """
    return _HARMFUL.sub(lambda found: _ESCAPED.get(found[0], found[0]), validation.check_endpoint(endpoint))


def external_endpoint(address: MemberAddress) -> str:
    """Return the endpoint of an external number, through the gateway that carries it."""
    address.check()
    return f"sofia/gateway/{address.gateway}/{address.number}"


def dial_string(legs: Sequence[LegPlan]) -> str:
    """Return the dial string that rings all the legs at once.

    Raises BadValue if a part does not fit its kind, or there are more than ``MAX_LEGS``.

    ``ignore_early_media`` keeps a phone that sends 183 from winning and the caller's ringing from stopping (fact 16).
    ``outbound_redirect_fatal`` keeps a phone that forwards its calls (302) from having the switch dial what it says
    (fact 35; design, section 9): it is a phone that cannot be reached. ``sofia_suppress_url_encoding`` keeps FreeSWITCH
    from cutting off a contact at its last ``/`` (fact 38).
    """
    if len(legs) > MAX_LEGS:
        raise BadValue(f"A dial string takes at most {MAX_LEGS} phones, not {len(legs)}.")
    longest = max(leg.longest + (leg.confirm.timeout if leg.confirm else 0) for leg in legs)
    timeout = math.ceil(longest) + 2 * BACKSTOP_SECONDS
    head = "ignore_early_media=true,outbound_redirect_fatal=true,sofia_suppress_url_encoding=true"
    head += f",originate_timeout={timeout},{','.join(LEG_VARIABLES)}"
    if len(legs) > FEW_LEGS:
        head += ",no_throttle_limits=true"
    return f"{{{head}}}" + ",".join(leg.text() for leg in legs)
