"""Whether a number can become the pilot of a group: what the database, and the dialplan of the switches, have of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.switch_checks import Ask, Checked, Question, QuestionKind
from fshunt.settings import Settings

DEMONSTRATIONS = (
    "ivr_demo",
    "dynamic_conference",
    "rtp_multicast_page",
    "park",
    "unpark",
    "valet_park",
    "freeswitch_public_conf_via_sip",
    "mad_boss",
    "fax_",
    "ringback_",
    "cluecon",
    "show_info",
    "video_",
    "delay_echo",
    "echo",
    "milliwatt",
    "tone_stream",
    "hold_music",
    "laugh",
    "pizza_demo",
    "snom-demo",
    "talking",
    "group_dial_",
    "nb_conferences",
    "wb_conferences",
    "uwb_conferences",
    "cdquality_",
)
"""Beginnings of the names of extensions that FreeSWITCH's own dialplan has for trying it out."""


class PilotState(StrEnum):
    """What becomes of calls to a number that no group has yet."""

    LED_HERE = "led here"
    DEMONSTRATION = "demonstration"
    OTHERWISE = "otherwise"
    USER = "user"
    NOT_THERE = "not there"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PilotCheck:
    """A state, what it is based on in a few words, and the context that was looked at."""

    state: PilotState
    why: str
    context: str


def check_pilot_at_switches(domain: str, pilot: str, settings: Settings, ask: Ask) -> PilotCheck:
    """Ask the switches what they do with a number. Raises BadValue for what cannot be asked."""
    context = settings.transfer_context or DEFAULT_CONTEXT
    number, user = ask([Question(QuestionKind.NUMBER, (pilot, context)), Question(QuestionKind.USER, (pilot, domain))])
    return PilotCheck(_state(number, user), number.why, context)


def _state(number: Checked, user: Checked) -> PilotState:
    if number.answer is Answer.FOUND and number.controlled:
        return PilotState.LED_HERE
    if user.answer is Answer.FOUND:
        return PilotState.USER
    if number.after_the_table:
        return PilotState.LED_HERE
    if number.answer is Answer.FOUND:
        return PilotState.DEMONSTRATION if _is_demonstration(number.why.split()) else PilotState.OTHERWISE
    if number.controlled:  # a daemon adds it to the table of pilots as soon as a group has it
        return PilotState.LED_HERE
    return PilotState.NOT_THERE if number.answer is Answer.NOT_FOUND else PilotState.UNKNOWN


def _is_demonstration(why: Sequence[str]) -> bool:
    """Tell by the words of a lookup, ``extension NAME, context CONTEXT``."""
    return len(why) > 1 and why[1].rstrip(",").lower().startswith(DEMONSTRATIONS)
