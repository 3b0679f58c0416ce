"""Callers who are called back instead of waiting in the queue: who may ask for it, and how far a request is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, WhenBusy

IN_PLACE = "callback of call "
"""What the reason in the record of a call in a caller's place begins with; the hunt that is called back follows."""

MAX_TRIES = 2
"""How often the phone of a caller is called in all, whether it rings or not."""

_NOBODY = Destination(DestinationKind.HANGUP, "NO_ANSWER")


class CallbackState(StrEnum):
    """What is done for an open request now."""

    WAITING = "waiting"
    CALLING_MEMBER = "calling-member"
    """A call of ours is in the queue in the caller's place, or rings a member."""
    CALLING_CALLER = "calling-caller"
    """A member is on the phone; the caller's phone is called, or both talk."""


class CallbackOutcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no-answer"
    """The caller has not answered at any try."""
    NOT_SEEN = "not-seen"
    """Nobody knows whether the caller answered: they are not called once more."""
    REMOVED = "removed"
    SERVED = "served"
    """The caller has called again, and reached a member: they are not called back."""


def may_be_called(number: str, allowed: Collection[str]) -> bool:
    """Tell whether one of the patterns has the number; a star at the end of a pattern stands for any digits."""
    return any(number.startswith(each[:-1]) if each.endswith("*") else number == each for each in allowed)


def is_in_place(reason: str | None) -> bool:
    """Tell by the reason in a call's record whether the call is in the place of a caller who is called back."""
    return reason is not None and reason.startswith(IN_PLACE)


def as_served(group: Group) -> Group:
    """Return the group as the call in a caller's place has it: nothing is played, and no destination is left for it."""
    return replace(
        group,
        when_busy=WhenBusy.QUEUE,
        hunt_timeout=None,
        music=None,
        answer_first=False,
        queue_limit=None,
        announce_seconds=None,
        voicemail_key=False,
        callback=False,
        on_no_answer=_NOBODY,
        on_busy=_NOBODY,
        on_unreachable=_NOBODY,
        on_closed=_NOBODY,
    )
