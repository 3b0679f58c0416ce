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
    CALLBACK = "callback"
    """The caller has asked to be called back, or a call back found no member; it is no missed call."""
    FAILED = "failed"


class HuntState(StrEnum):
    """The state of a hunt; the first is selecting, when its order is decided."""

    SELECTING = "selecting"
    RINGING = "ringing"
    QUEUED = "queued"
    TALKING = "talking"
    LEAVING = "leaving"
    ENDED = "ended"


class HuntEvent(StrEnum):
    """The events that move a hunt from state to state."""

    SKIPPED = "skipped"
    OFFERED = "offered"
    NOT_ANSWERED = "not-answered"
    ANSWERED = "answered"
    QUEUED = "queued"
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


TRANSITIONS: dict[tuple[HuntState, HuntEvent], HuntState] = {
    (HuntState.SELECTING, HuntEvent.SKIPPED): HuntState.SELECTING,
    (HuntState.SELECTING, HuntEvent.OFFERED): HuntState.RINGING,
    (HuntState.RINGING, HuntEvent.NOT_ANSWERED): HuntState.SELECTING,
    (HuntState.RINGING, HuntEvent.ANSWERED): HuntState.TALKING,
    (HuntState.SELECTING, HuntEvent.QUEUED): HuntState.QUEUED,
    (HuntState.QUEUED, HuntEvent.MEMBER_FREE): HuntState.SELECTING,
    (HuntState.SELECTING, HuntEvent.EXHAUSTED): HuntState.LEAVING,
    (HuntState.QUEUED, HuntEvent.EXHAUSTED): HuntState.LEAVING,
    (HuntState.TALKING, HuntEvent.TALK_ENDED): HuntState.ENDED,
    (HuntState.TALKING, HuntEvent.DETACHED): HuntState.ENDED,
    (HuntState.RINGING, HuntEvent.DETACHED): HuntState.ENDED,
    (HuntState.LEAVING, HuntEvent.DELIVERED): HuntState.ENDED,
    (HuntState.LEAVING, HuntEvent.DETACHED): HuntState.ENDED,
    (HuntState.SELECTING, HuntEvent.CALLER_GONE): HuntState.ENDED,
    (HuntState.RINGING, HuntEvent.CALLER_GONE): HuntState.ENDED,
    (HuntState.QUEUED, HuntEvent.CALLER_GONE): HuntState.ENDED,
    (HuntState.LEAVING, HuntEvent.CALLER_GONE): HuntState.ENDED,
    (HuntState.SELECTING, HuntEvent.TAKEN): HuntState.ENDED,
    (HuntState.RINGING, HuntEvent.TAKEN): HuntState.ENDED,
    (HuntState.QUEUED, HuntEvent.TAKEN): HuntState.ENDED,
    (HuntState.LEAVING, HuntEvent.TAKEN): HuntState.ENDED,
    (HuntState.SELECTING, HuntEvent.FAILED): HuntState.ENDED,
    (HuntState.RINGING, HuntEvent.FAILED): HuntState.ENDED,
    (HuntState.QUEUED, HuntEvent.FAILED): HuntState.ENDED,
    (HuntState.LEAVING, HuntEvent.FAILED): HuntState.ENDED,
}
"""Every legal transition. None leads from talking back to ringing: no other phone rings then (invariant I6)."""


def after(state: HuntState, event: HuntEvent) -> HuntState:
    """Return the state that follows; raise IllegalTransition if the event cannot happen in this state."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"A hunt that is {state} cannot have the event '{event}'.") from None
