"""Writes that wait for their turn, and what of them may overtake what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries import hunts, queue

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Pauses between tries while the database is away, or a row is locked; each is twice the one before."""


class Lane(Enum):
    """What may overtake what, while a lock of somebody else holds some of it up."""

    CLAIMS = auto()
    """Releases: callers wait for these members."""
    RECORDS = auto()
    """In their order: an offer is of a call that is there."""
    STAMPS = auto()
    """Stamps and memories, each for itself: they are of one member or one group, and who has a lock on one of these
    shall hold up no other."""


LANES: dict[Callable[..., object], Lane] = {
    hunts.release: Lane.CLAIMS,
    hunts.claim: Lane.CLAIMS,
    queue.leave: Lane.CLAIMS,
    hunts.move_turn: Lane.STAMPS,
    hunts.note_answer: Lane.STAMPS,
    hunts.note_end: Lane.STAMPS,
}
"""All else is a record."""


@dataclass(slots=True, eq=False)
class Write:
    """One write: a function of the store and what it is given after its session."""

    function: Callable[..., object]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    then: Callable[[], None] | None = None
    """What to do when it is written, or when it is clear that it will be written late."""
    kept: bool = False
    """Whether it outlives the daemon."""
    put_off_for: float = 0.0
    not_before: float = 0.0
    """When it is tried again, of the monotonic clock, if a lock of somebody else holds it up; 0: none does."""

    def put_off(self, now: float) -> None:
        """Try again later, and each time later."""
        self.put_off_for = min(max(FIRST_PAUSE_SECONDS, 2 * self.put_off_for), LONGEST_PAUSE_SECONDS)
        self.not_before = now + self.put_off_for

    @property
    def lane(self) -> Lane:
        """What may overtake it."""
        return LANES.get(self.function, Lane.RECORDS)

    def __call__(self, session: Session) -> None:
        """Do the write in a transaction."""
        self.function(session, *self.args, **self.kwargs)
