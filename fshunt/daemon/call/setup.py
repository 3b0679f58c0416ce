"""The first words with the switch about a call: which events we need, and how the channel shall behave."""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import uuid4

from fshunt.daemon.call.caller import OVERFLOWS, PRESENTED, REPLACES, Caller
from fshunt.daemon.call.music import RINGBACK_TONE
from fshunt.esl import api, commands
from fshunt.esl.session import Session
from fshunt.freeswitch.left_variables import disturbing
from fshunt.hunting import validation
from fshunt.hunting.group import Group
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

LINGER_SECONDS = 5
"""How long the switch goes on telling us of a call after its end: the result of a bridge comes then (fact 6)."""

EVENTS = (
    *("CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER", "CHANNEL_BRIDGE"),
    *("CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"),
)
"""The events a hunt is steered by; all others cost time only (fact 2)."""

CHANNEL_VARIABLES = {
    "continue_on_fail": "true",  # or a busy member hangs the caller up (fact 16)
    "hangup_after_bridge": "true",  # or a caller whose talk has ended stays (fact 7)
    "ignore_early_media": "true",  # or a phone that sends 183 wins the race (fact 16)
    "preserve_originated_vars": "false",  # or the legs of older stages are listed again (fact 21)
    "fail_on_single_reject": "false",  # or one busy phone ends the stage (fact 22)
    "fshunt_served": "true",  # or the dialplan tries no further daemon when this one leaves
    "bypass_media": "false",  # or the bridge completes at once, while the talk continues and its end is not seen
}
"""What a hunt needs, whatever the dialplan has set; ``left_variables`` says what it must not find."""

PRESENTATION_VARIABLES = (
    *("effective_caller_id_name", "ringback", "transfer_ringback", "instant_ringback"),
    *("initial_callee_id_name", "initial_callee_id_number", "ignore_display_updates", "playback_terminators"),
)
"""The variables that depend on the group, or on its callers' waiting."""

CUTS_A_NAME = "/@"
"""FreeSWITCH takes what is before or after these in a callee's name for no part of it (switch_utils.h)."""


def greet(session: Session, caller: Caller) -> None:
    """Agree with the switch on events and behaviour, and have the caller hear ringing.

    Raises SwitchLost, TimedOut or CommandRefused if the switch does not agree.
    """
    uuid = validation.check_call_uuid(caller.uuid)
    session.post(
        api.uuid_break(uuid),  # what a dead daemon had requested would run in this hunt (fact 27)
        commands.linger(LINGER_SECONDS),
        commands.add_filter(uuid),
        commands.subscribe(*EVENTS),
        *api.uuid_unset_all(uuid, _cleared(session)),
        api.uuid_setvar_multi(uuid, CHANNEL_VARIABLES | _way_here(caller)),
        commands.execute("ring_ready", "", str(uuid4())),
    )


def _way_here(caller: Caller) -> dict[str, str]:
    """Return what is kept of the way here, and what was of this arrival alone."""
    return {OVERFLOWS: caller.overflows.arrived(caller.arrival), REPLACES: ""}


def _cleared(session: Session) -> list[str]:
    """Return the variables of the dialplan that are to be cleared, and say so: the administrator set them for nothing.

    They stay cleared after the hunt: an extension to which the caller is transferred sets its own.
    """
    found = disturbing(session.channel)
    names = [name for name in found if api.is_variable(name)]
    if names:
        words = "call %s: variables of the dialplan cleared for the hunt: %s"
        log.info(words, session.uuid, ", ".join(names), extra=about(LogEvent.VARIABLES_CLEARED, call=session.uuid))
    if len(names) < len(found):
        others = ", ".join(ascii(name) for name in found if name not in names)
        words = "call %s: variables that would change the hunt cannot be cleared: %s"
        log.warning(words, session.uuid, others, extra=about(LogEvent.CALL_WARNING, call=session.uuid))
    return names


def present(session: Session, caller: Caller, group: Group) -> None:
    """Set what depends on the group: the name that members see, and what the caller hears and sees while waiting.

    It is to be taken back when the caller is sent elsewhere.
    """
    if caller.presented:
        clear_presentation(session, caller)
    values = _shown_to_the_caller(group)
    if group.prefix:
        values["effective_caller_id_name"] = caller.prefixed_name(validation.check_prefix(group.prefix))
    if group.music or caller.answered:
        music = validation.check_music(group.music) if group.music else RINGBACK_TONE
        # transfer_ringback is for a channel that is answered; without instant_ringback a silent phone makes silence.
        values |= {"ringback": music, "transfer_ringback": music, "instant_ringback": "true"}
    values["playback_terminators"] = "none"  # or a key ends the music of who waits (fact 54)
    values[PRESENTED] = "true"
    session.post(*(api.uuid_setvar(caller.uuid, name, value) for name, value in values.items()))


def _shown_to_the_caller(group: Group) -> dict[str, str]:
    """Return what has the caller see the pilot, and never who of its members answers, nor at which number (fact 51).

    It also keeps the prefix on the member's phone, whatever name the caller's side says later.
    """
    pilot = validation.check_pilot(group.pilot)
    name = validation.check_name(group.name) if group.name else pilot
    return {
        "initial_callee_id_name": pilot if any(mark in name for mark in CUTS_A_NAME) else name,
        "initial_callee_id_number": pilot,
        "ignore_display_updates": "true",
    }


ANSWER_HOOKS = ("execute_on_answer_fshunt_1", "execute_on_answer_fshunt_2", "execute_on_answer_fshunt_music")
"""By these an answer is a member's: the caller outlives the daemon, goes no further, and hears no more music."""


def answer_first(session: Session, caller: Caller, group: Group) -> Caller:
    """Answer a caller who is about to wait, and return the caller as answered (design, section 4).

    The dialplan's hooks go first: for such a caller the answer says nothing, and a daemon that dies hands the caller on
    as before. The hooks of the bridge stay; they are for callers who were answered before the hunt (fact 55).
    """
    session.post(*api.uuid_unset_all(caller.uuid, ANSWER_HOOKS))
    session.execute("answer")
    answered = replace(caller, answered=True)
    present(session, answered, group)
    return answered


def clear_presentation(session: Session, caller: Caller) -> None:
    """Take back what ``present`` has set: it is of one group, and the caller goes on to another place."""
    session.post(*api.uuid_unset_all(caller.uuid, (*PRESENTATION_VARIABLES, PRESENTED)))
