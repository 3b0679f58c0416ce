"""Removes old calls from the records, some at a time; their offers and skips go with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from fshunt.db.queries.calls import CALLS
from fshunt.db.statements import run

FIRST_BATCH = 200
"""Calls of the first transaction; `Pace` finds how many the database takes in its time."""

SHORTEST_BATCH, LONGEST_BATCH = 20, 500
"""500 is also how many rows one statement names elsewhere."""

BATCH_SECONDS = 0.05
"""How long a transaction shall take: on SQLite a hunt's record waits for it, and a call waits half a second at most."""

PAUSE_SHARE = 1.0
"""Between two transactions there is a pause of the length of the first, at least ``SHORTEST_PAUSE_SECONDS``."""

SHORTEST_PAUSE_SECONDS = 0.02

_SOME = (
    select(CALLS.c.id)
    .where(CALLS.c.started_at < bindparam("before"), CALLS.c.ended_at.is_not(None))
    .order_by(CALLS.c.started_at)
    .limit(bindparam("many"))
    .with_for_update(skip_locked=True)
)
_REMOVE = delete(CALLS).where(CALLS.c.id.in_(bindparam("hunts", expanding=True)))


def prune_some(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many calls that began before a moment and have ended, the oldest first; return how many."""
    hunts = list(run(s, _SOME, {"before": before, "many": many}).scalars())
    if hunts:
        run(s, _REMOVE, {"hunts": hunts})
    return len(hunts)


class Pace:
    """How many calls at once, and how long to pause, so that whoever else uses the database is not held up."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.many = FIRST_BATCH
        self._clock, self._began = clock, 0.0

    def begin(self) -> None:
        """A transaction begins."""
        self._began = self._clock()

    def pause(self) -> float:
        """It has ended: return for how many seconds to pause."""
        took = self._clock() - self._began
        fit = int(self.many * BATCH_SECONDS / max(took, BATCH_SECONDS / 4))
        self.many = min(max(fit, SHORTEST_BATCH), LONGEST_BATCH)
        return max(took * PAUSE_SHARE, SHORTEST_PAUSE_SECONDS)
