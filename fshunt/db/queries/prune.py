"""Removes old calls from the records, some at a time, with their offers and skips; and blocks that have ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text, tuple_
from sqlalchemy.orm import Session

from fshunt.db.queries.calls import CALLS
from fshunt.db.queries.rows import BLOCKS
from fshunt.db.statements import dialect_of, run

FIRST_BATCH = 200
"""Calls of the first transaction; `Pace` finds how many the database takes in its time."""

SHORTEST_BATCH, LONGEST_BATCH = 20, 500
"""500 is also how many rows one statement names elsewhere."""

BATCH_SECONDS = 0.05
"""How long a transaction shall take: on SQLite a hunt's record waits for it, and a call waits half a second at most."""

STATEMENT_SECONDS = 10
"""How long a statement may take on PostgreSQL, where those of calls have 3 s: nobody waits for the rows of old calls. A
connection that is silent for 15 s is given up."""

SHRINKS_BY = 4
"""A batch that has failed, as after this time on a slow disk, is tried again with so many times fewer calls."""

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
_LONGER = text(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}")
_BLOCK_KEY = (BLOCKS.c.domain_id, BLOCKS.c.extension)
_ENDED_BLOCKS = (
    select(*_BLOCK_KEY)
    .where(BLOCKS.c.until <= bindparam("before", type_=BLOCKS.c.until.type))
    .limit(bindparam("many"))
    .with_for_update(skip_locked=True)
)
_REMOVE_BLOCKS = delete(BLOCKS).where(tuple_(*_BLOCK_KEY).in_(_ENDED_BLOCKS))
_REMOVE = delete(CALLS).where(CALLS.c.id.in_(bindparam("hunts", expanding=True)))


def prune_some(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many calls that began before a moment and have ended, the oldest first; return how many."""
    if dialect_of(s) == "postgresql":
        run(s, _LONGER, {})
    hunts = list(run(s, _SOME, {"before": before, "many": many}).scalars())
    if hunts:
        run(s, _REMOVE, {"hunts": hunts})
    return len(hunts)


def remove_blocks(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many blocks that had ended at a moment, and count for nothing since; return how many."""
    return run(s, _REMOVE_BLOCKS, {"before": before, "many": many}).rowcount


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

    def shrink(self) -> bool:
        """It has failed: take fewer calls the next time; False if it had as few as there may be."""
        before, self.many = self.many, max(self.many // SHRINKS_BY, SHORTEST_BATCH)
        return self.many < before
