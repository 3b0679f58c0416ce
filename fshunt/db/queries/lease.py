"""The lease clock: the time by which leases end (claims, places in the line, the lives of daemons).

It passes only while a daemon runs and never goes back: each daemon counts by its own monotonic clock, and publishes how
far it is. So nobody who sets the clock of a machine ends a lease, or makes one last. A reading looks like a moment and
is none; where both occur, ``now`` is a reading and ``at`` is wall time.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import Executable, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import LeaseClock
from fshunt.db.statements import Rank, at_end, dialect_of, insert_for, run, table, write

CLOCK = table(LeaseClock)
THE_ONE = 1
_READ = select(CLOCK.c.reached).where(CLOCK.c.id == THE_ONE)


def read(s: Session) -> datetime | None:
    """Return how far the clock is; None: no daemon has ever published a reading."""
    return run(s, _READ, {}).scalar()


def advance(s: Session, mine: datetime) -> datetime:
    """Publish a daemon's reading, and return the farthest of all.

    It is written at the end of the transaction: the row is every daemon's, and nobody shall wait for it meanwhile.
    """
    reached = read(s)
    if reached is not None and reached >= mine:
        return reached
    values = {"id": THE_ONE, "reached": mine, "tickets": 0}
    at_end(s, Rank.CLOCK, THE_ONE, lambda s: write(s, _advancing(dialect_of(s)), values))
    return mine


@cache
def _advancing(dialect: str) -> Executable:
    insert = insert_for(dialect, LeaseClock)
    return insert.on_conflict_do_update(
        index_elements=["id"],
        set_={"reached": insert.excluded.reached},
        where=or_(CLOCK.c.reached.is_(None), CLOCK.c.reached < insert.excluded.reached),
    )
