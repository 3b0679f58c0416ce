"""What there is on the database now, of all daemons, for who wants to see it at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fshunt.db.models import Claim
from fshunt.db.queries import daemons, lease, queue
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.queue import QueuedHunt
from fshunt.db.statements import run, table

CLAIMS = table(Claim)


@dataclass(frozen=True, slots=True)
class Overview:
    """Daemons, callers in the line, and how many claims each run has; ``reached`` is a reading of the lease clock."""

    reached: datetime | None
    daemons: list[DaemonRow]
    waiting: list[QueuedHunt]
    claims: dict[str, int]


def overview(s: Session) -> Overview:
    """Return all of it, as of one moment."""
    reached = lease.read(s)
    counted = select(CLAIMS.c.run_id, func.count().label("number")).group_by(CLAIMS.c.run_id)
    if reached is not None:
        counted = counted.where(CLAIMS.c.expires_at > reached)
    claims = {row.run_id: row.number for row in run(s, counted, {})}
    return Overview(reached, daemons.list_daemons(s), queue.waiting_hunts(s), claims)
