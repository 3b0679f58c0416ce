"""The outcomes of an offer, and the results and states of a hunt, as one table.

The picture in ``docs/hunt-states.md`` is drawn from ``TRANSITIONS``; a test fails when they differ.
"""

from __future__ import annotations

from enum import StrEnum

from fshunt.errors import FshuntError


class Outcome(StrEnum):
    """How an offer ended; the set is closed (design, section 4)."""

    ANSWERED = "answered"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    DECLINED = "declined"
    UNREGISTERED = "unregistered"
    UNREACHABLE = "unreachable"
    ANSWERED_ELSEWHERE = "answered-elsewhere"
    CALLER_GONE = "caller-gone"
    CONFIRM_REFUSED = "confirm-refused"
    SWITCH_LOST = "switch-lost"


class Result(StrEnum):
    """How a hunt ended; every hunt has exactly one (design, section 6)."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    REJECTED = "rejected"
    FAILED = "failed"


class State(StrEnum):
    """The state of a hunt; the first is seeking, when its order is decided."""

    SEEKING = "seeking"
    RINGING = "ringing"
    WAITING = "waiting"
    TALKING = "talking"
    LEAVING = "leaving"
    ENDED = "ended"


class Event(StrEnum):
    """The events that move a hunt from state to state."""

    PASSED_OVER = "passed-over"
    RUNG = "rung"
    RANG_OUT = "rang-out"
    ANSWERED = "answered"
    WAITS = "waits"
    MEMBER_FREE = "member-free"
    EXHAUSTED = "exhausted"
    TALK_ENDED = "talk-ended"
    DETACHED = "detached"
    DELIVERED = "delivered"
    CALLER_GONE = "caller-gone"
    TAKEN = "taken"
    FAILED = "failed"


class IllegalTransition(FshuntError):
    """The event cannot happen in this state; nothing was changed."""


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SEEKING, Event.PASSED_OVER): State.SEEKING,
    (State.SEEKING, Event.RUNG): State.RINGING,
    (State.RINGING, Event.RANG_OUT): State.SEEKING,
    (State.RINGING, Event.ANSWERED): State.TALKING,
    (State.SEEKING, Event.WAITS): State.WAITING,
    (State.WAITING, Event.MEMBER_FREE): State.SEEKING,
    (State.SEEKING, Event.EXHAUSTED): State.LEAVING,
    (State.WAITING, Event.EXHAUSTED): State.LEAVING,
    (State.TALKING, Event.TALK_ENDED): State.ENDED,
    (State.TALKING, Event.DETACHED): State.ENDED,
    (State.RINGING, Event.DETACHED): State.ENDED,
    (State.LEAVING, Event.DELIVERED): State.ENDED,
    (State.LEAVING, Event.DETACHED): State.ENDED,
    (State.SEEKING, Event.CALLER_GONE): State.ENDED,
    (State.RINGING, Event.CALLER_GONE): State.ENDED,
    (State.WAITING, Event.CALLER_GONE): State.ENDED,
    (State.LEAVING, Event.CALLER_GONE): State.ENDED,
    (State.SEEKING, Event.TAKEN): State.ENDED,
    (State.RINGING, Event.TAKEN): State.ENDED,
    (State.WAITING, Event.TAKEN): State.ENDED,
    (State.LEAVING, Event.TAKEN): State.ENDED,
    (State.SEEKING, Event.FAILED): State.ENDED,
    (State.RINGING, Event.FAILED): State.ENDED,
    (State.WAITING, Event.FAILED): State.ENDED,
    (State.LEAVING, Event.FAILED): State.ENDED,
}
"""Every legal transition. None leads from talking back to ringing: no other phone rings then (invariant I6)."""


def after(state: State, event: Event) -> State:
    """Return the state that follows; raise IllegalTransition if the event cannot happen in this state."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"A hunt that is {state} cannot have the event '{event}'.") from None
