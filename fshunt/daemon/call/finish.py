"""The ends of a call: the talk until it is over, or voicemail, another number, or a hang-up (design, section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from fshunt.daemon.call.caller import OVERFLOWS, UNDELIVERED, Caller
from fshunt.errors import FshuntError
from fshunt.esl import api, commands
from fshunt.esl.commands import UnsafeText
from fshunt.esl.frames import Frame
from fshunt.esl.session import CallerGone, Session, SwitchLost
from fshunt.hunting import validation
from fshunt.hunting.group import Group
from fshunt.settings import Settings

LONGEST_TALK_SECONDS = 24 * 3600.0
"""A talk that lasts longer is detached: it goes on, its end is not recorded."""

LONGEST_VOICEMAIL_SECONDS = 3600.0
HANGUP_SECONDS = 3.0
"""How long the switch may take to tell of a hang-up; it takes some ten milliseconds (fact 6)."""

TAKEN_SECONDS = 0.1
"""Within this time after voicemail has ended the switch has said whether somebody else has the caller (fact 34)."""

AT_ONCE_SECONDS = 5.0
"""A voicemail that has ended sooner, and has recorded nothing, was none: a greeting alone takes as long."""

CLOCK = time.monotonic


LEG_ENDS = ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")

CALLER_HUNG_UP = "the caller hung up"
"""The reason of a call that was abandoned."""


class Detach(BaseException):
    """Told to a call that talks: the daemon stops, the talk continues without it."""


class LeftRinging(BaseException):
    """A hunt whose phones keep ringing without us: the daemon stops."""


class Stopped(BaseException):
    """Told to a hunt that did not end in time: the daemon stops, the switch takes the caller on."""


def protect_talk(session: Session, caller: Caller) -> None:
    """See to it that the call outlives us from here on, and that the dialplan never sends it to voicemail after.

    The dialplan does the same when the caller's channel is answered; a caller who was answered before the hunt, by an
    announcement say, depends on this (fact 7).
    """
    session.post(api.uuid_setvar_multi(caller.uuid, {"socket_resume": "false", "fshunt_answered": "true"}))


def leave_ringing(session: Session, caller: Caller) -> None:
    """Leave a caller while phones ring: they keep ringing, and the first to pick up has the call. Raises nothing.

    With ``socket_resume`` the switch would end the ringing when we leave, and cut a call that is picked up at that very
    moment. Without it the bridge continues alone; if nobody picks up, the dialplan's next action takes the caller to
    the daemon that follows (fact 7, and seen).
    """
    with suppress(FshuntError):  # then the switch has ended the ringing already
        session.leave_with(api.uuid_setvar(caller.uuid, "socket_resume", "false"))


def give_up(session: Session, caller: Caller) -> None:
    """Leave the caller to the dialplan, and have it try a second daemon at most: what failed here would fail there.

    It is said with the goodbye, which is heard as well where FreeSWITCH can be read no more. What was requested and has
    not begun is dropped: a ``bridge`` would else ring in the midst of the fallback (fact 27). Raises nothing.
    """
    last_words = []
    with suppress(UnsafeText):  # a uuid of the caller's own choice, which cannot be said
        last_words += [api.uuid_break(caller.uuid), api.uuid_setvar(caller.uuid, "fshunt_served", "false")]
    session.hand_back(*last_words)


def leave_undelivered(session: Session, caller: Caller) -> None:
    """Leave a caller who is not answered to the dialplan's fallback: no destination of the group is real.

    The dialplan tries a further daemon first; the variable has that one hand the caller on without a new hunt. It holds
    for this arrival only. Raises nothing.
    """
    last_words = []
    with suppress(UnsafeText):  # a uuid of the caller's own choice
        values = {UNDELIVERED: caller.arrival, "fshunt_served": "false"}
        last_words = [api.uuid_setvar_multi(caller.uuid, values)]
    session.hand_back(*last_words)


def talk(session: Session, bridge_uuid: str, leg: str | None, clock: Callable[[], float] = CLOCK) -> bool:
    """Wait until the talk is over; tell whether its end was seen.

    The ``bridge`` alone does not say so: where the media goes past the switch (``bypass_media_after_bridge``,
    ``uuid_media off``), it ends at once while the two talk on. The talk is over when the member's ``leg`` is, too.
    """
    limit = clock() + LONGEST_TALK_SECONDS
    bridge_over, leg_over = False, leg is None
    try:
        while not (bridge_over and leg_over) and (frame := session.next_event(limit)) is not None:
            event = frame.event
            name = event.get("Event-Name")
            if name == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application-UUID") == bridge_uuid:
                bridge_over = True
            elif name in LEG_ENDS and event.get("Unique-ID") == leg:
                leg_over = True
            elif _is_own_hangup(session, event):
                return True
        return bridge_over and leg_over
    except SwitchLost as lost:
        return session.gone or lost.final


def part(session: Session) -> None:
    """Stay with a caller whose talk is over until the channel has ended; mostly it ends at once.

    The switch hangs up by itself (``hangup_after_bridge``). If it does not, a member has transferred the caller. A
    hang-up from us would end the call that follows; and if the caller was transferred to a pilot, even our leaving
    would take the caller away from the hunt that is under way there (seen: FreeSWITCH then goes on in the dialplan).
    """
    with suppress(SwitchLost):
        _until_gone(session, CLOCK() + LONGEST_TALK_SECONDS)


def to_voicemail(session: Session, caller: Caller, domain: str, box: str, settings: Settings) -> bool:
    """Answer the caller, and stay while voicemail runs; tell whether it did more than end at once (fact 10).

    Nobody is hung up here. A caller who leaves or is taken by somebody else meanwhile has been in voicemail.
    """
    protect_talk(session, caller)
    session.execute("answer")
    arguments = f"{validation.check_profile(settings.voicemail_profile)} {validation.check_domain(domain)} {box}"
    began, voicemail = CLOCK(), session.execute("voicemail", arguments)
    with suppress(CallerGone):
        ended = session.wait_completion(voicemail, began + LONGEST_VOICEMAIL_SECONDS)
        session.check_caller(TAKEN_SECONDS)
        return CLOCK() - began > AT_ONCE_SECONDS or _has_recorded(session, ended)
    return True


def _has_recorded(session: Session, ended: Frame) -> bool:
    """Whether mod_voicemail came as far as its recording: it sets this variable there (fact 59)."""
    name = "variable_RECORD_DATE"
    return ended.event.get(name) not in (None, "", session.channel.get(name))


def note_overflow(session: Session, caller: Caller, group: Group) -> None:
    """Have the caller, who is about to overflow from a group, take along which groups that was.

    It is forgotten at the bridge, by which a person has the call. Exported, it also reaches the far side of a
    ``loopback``; a leg over SIP does not have it.
    """
    session.post(
        commands.execute("export", f"{OVERFLOWS}={caller.overflows.leaving(group.id)}", str(uuid4())),
        api.uuid_setvar(caller.uuid, "execute_on_pre_bridge_fshunt_3", f"unset {OVERFLOWS}"),
    )


def context_of(group: Group, caller: Caller, settings: Settings) -> str:
    """Return the dialplan context of a transfer: the group's, else the setting's, else the caller's own."""
    return validation.check_context(group.transfer_context or settings.transfer_context or caller.context)


def transfer(session: Session, caller: Caller, target: str) -> None:
    """Transfer the caller, and leave, in one write (fact 7)."""
    session.leave_with(api.uuid_setvar(caller.uuid, "socket_resume", "false"), "transfer", target)


def reject(session: Session, caller: Caller, cause: str) -> None:
    """Hang a caller up whom nobody took, with a cause."""
    # Or the caller hears the SIP answer of the last phone that refused, whatever the cause is.
    session.post(api.uuid_setvar(caller.uuid, "last_bridge_proto_specific_hangup_cause"))
    hang_up(session, validation.check_cause(cause))


def hang_up(session: Session, cause: str) -> None:
    """Hang the caller up and wait until it is done."""
    if session.gone:
        return
    session.execute("hangup", cause)
    with suppress(SwitchLost):
        hang_up_seen(session)


def hang_up_seen(session: Session) -> bool:
    """Wait until the caller's channel has ended, which takes some ten milliseconds; tell whether it has."""
    return _until_gone(session, CLOCK() + HANGUP_SECONDS)


def _until_gone(session: Session, deadline: float) -> bool:
    while (frame := session.next_event(deadline)) is not None:
        event = frame.event
        if _is_own_hangup(session, event):
            return True
    return False


def _is_own_hangup(session: Session, event: Frame) -> bool:
    return event.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE" and session.is_callers(event)
