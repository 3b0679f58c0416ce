"""The calls by which a caller is called back, as FreeSWITCH is told to make them (design, section 20; fact 82).

One call is in the caller's place: a ``loopback`` to the pilot. Its far side is hunted for like any caller. Its near
side is answered when a member is; then a daemon is asked for, which calls the caller and connects the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.hunting import validation

SERVES = "fshunt_callback"
"""The variable of a call in a caller's place; FreeSWITCH gives it to both sides. No caller can set it."""
MEMBER_TALKS = "fshunt_callback_member"
"""The variable of its near side, once that is answered."""
OTHER_SIDE = "other_loopback_leg_uuid"

REALM, ANSWERED = "fshunt_callbacks", "answered"
"""Where FreeSWITCH itself notes, by the uuid of the near side, that a caller has answered (``mod_db``)."""

WAIT_SECONDS = 7200
"""How long the call in the caller's place may last; the hunt gives up before that."""
RING_SECONDS = 40
"""How long the phone of a caller rings."""
SAME_CHANNELS = ("loopback_bowout=false", "loopback_bowout_on_execute=false")
"""Else FreeSWITCH takes both sides out of the call when it is connected, and nobody could see that it goes on."""
CODECS = (
    "media_mix_inbound_outbound_codecs=true",
    "export_vars=media_mix_inbound_outbound_codecs",
)
"""A loopback has the codec L16, and phones would be offered no other (fact 74)."""
RINGING = "%(2000,4000,440,480)"


@dataclass(frozen=True, slots=True)
class Serving:
    """Which request a channel serves, and the uuid of the near side, by which the request knows it."""

    request_id: int
    attempt: str

    def __str__(self) -> str:
        return f"{self.request_id}:{self.attempt}"


def serving_of(channel: Frame, variable: str = SERVES) -> Serving | None:
    """Read from what the switch says of a channel which request it serves; None: it is a caller's."""
    request_id, _, attempt = (channel.get(f"variable_{variable}") or "").partition(":")
    if not (request_id.isascii() and request_id.isdecimal() and len(request_id) < 10):
        return None
    if not validation.fits(validation.check_uuid, attempt):
        return None
    return Serving(int(request_id), attempt)


def call_in_place(
    serving: Serving, *, domain: str, pilot: str, context: str, number: str, daemons: Sequence[str]
) -> Command:
    """Return the command that makes the call in the caller's place. Raises BadValue or UnsafeText."""
    values = (
        f"origination_uuid={validation.check_uuid(serving.attempt)}",
        f"{SERVES}={serving}",
        f"origination_caller_id_number={validation.check_caller_number(number)}",
        f"origination_caller_id_name={number}",
        f"domain_name={validation.check_domain(domain)}",
        *SAME_CHANNELS,
        *CODECS,
        "ignore_early_media=true",
        f"originate_timeout={WAIT_SECONDS}",
    )
    dial_string = f"{{{','.join(values)}}}loopback/{validation.check_pilot(pilot)}/{validation.check_context(context)}"
    actions = (
        f"set:{MEMBER_TALKS}={serving}",
        "set:socket_resume=false",
        f"socket:{'|'.join(daemons)} async full",
        "hangup:NORMAL_CLEARING",
    )
    return api.originate_to(dial_string, ",".join(actions))


def ringing_values() -> dict[str, str]:
    """Return the variables of the near side by which the member hears that the caller's phone rings."""
    return {
        "ringback": RINGING,
        "transfer_ringback": RINGING,
        "instant_ringback": "true",
        "hangup_after_bridge": "true",
        "continue_on_fail": "true",
    }


def dial_caller(serving: Serving, *, number: str, internal: bool, domain: str, dial_context: str, shown: str) -> str:
    """Return the argument of ``bridge`` that calls the caller's phone. Raises BadValue.

    An extension is called at its phones, so that no voicemail answers; another number by the dialplan.
    """
    validation.check_domain(domain)
    validation.check_caller_number(number)
    values = [
        f"origination_caller_id_number={validation.check_caller_number(shown)}",
        f"origination_caller_id_name={shown}",
        f"execute_on_answer=db insert/{REALM}/{validation.check_uuid(serving.attempt)}/{ANSWERED}",
        "ignore_early_media=true",
        f"originate_timeout={RING_SECONDS}",
        f"{SERVES}=",
    ]
    if internal:
        endpoint = f"user/{validation.check_extension(number)}@{domain}"
    else:
        values += [f"domain_name={domain}", *SAME_CHANNELS, *CODECS]
        endpoint = f"loopback/{validation.check_caller_number(number)}/{validation.check_context(dial_context)}/XML"
    return f"{{{','.join(values)}}}{endpoint}"


def was_answered(reply: str) -> bool | None:
    """Read FreeSWITCH's note whether a caller has answered; None: it keeps none (``mod_db`` is not loaded)."""
    said = reply.strip()
    if said == ANSWERED:
        return True
    return None if said.startswith("-ERR") and "no reply" not in said else False
