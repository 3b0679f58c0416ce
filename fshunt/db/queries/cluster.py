"""What all daemons on this database share: how often they send a heartbeat, and when a run is presumed dead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.db.models import Cluster
from fshunt.db.prepared import Prepared
from fshunt.db.statements import Transaction, dialect_of, insert_for, run, table

CLUSTER = table(Cluster)
THE_ONE = 1
_READ = Prepared(select(CLUSTER).where(CLUSTER.c.id == THE_ONE))


@dataclass(frozen=True, slots=True)
class Timing:
    """The time between two heartbeats, and how many of one's own another run's counter may stand still.

    A run is presumed dead at the latest one heartbeat after that number: its queue entries after 5 s, its talks are
    watched by another daemon after 10 s, and all else is taken over after 60 s. For that long it may be cut off from
    the database only, and still hunt.
    """

    heartbeat_seconds: float = 1.0
    queue_heartbeats: int = 4
    talk_heartbeats: int = 9
    dead_heartbeats: int = 59


def timing(s: Session) -> Timing:
    """Return the one timing of all daemons."""
    stored = stored_timing(s)
    if stored is None:
        ensure(s)
    return stored or Timing()


def stored_timing(s: Session) -> Timing | None:
    """Return the timing as stored, without storing one."""
    row = run(s, _READ, {}).first()
    if row is None:
        return None
    return Timing(row.heartbeat_seconds, row.queue_heartbeats, row.talk_heartbeats, row.dead_heartbeats)


def ensure(s: Transaction) -> None:
    """Make the row if it is missing."""
    run(s, _making(dialect_of(s)), {"id": THE_ONE})


@cache
def _making(dialect: str) -> Prepared:
    return Prepared(insert_for(dialect, Cluster).on_conflict_do_nothing())
