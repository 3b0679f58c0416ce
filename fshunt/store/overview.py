"""What there is on the database now, of all daemons, for who wants to see it at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fshunt.store import daemons, lease, waiting
from fshunt.store.daemons import DaemonRow
from fshunt.store.models import Claim
from fshunt.store.statements import run, table
from fshunt.store.waiting import WaitingHunt

CLAIMS = table(Claim)


@dataclass(frozen=True, slots=True)
class Overview:
    """Daemons, callers in the line, and how many claims each run has; ``reached`` is a reading of the lease clock."""

    reached: datetime | None
    daemons: list[DaemonRow]
    waiting: list[WaitingHunt]
    claims: dict[str, int]


def overview(s: Session) -> Overview:
    """Return all of it, as of one moment."""
    reached = lease.read(s)
    counted = select(CLAIMS.c.owner, func.count().label("number")).group_by(CLAIMS.c.owner)
    if reached is not None:
        counted = counted.where(CLAIMS.c.expires_at > reached)
    claims = {row.owner: row.number for row in run(s, counted, {})}
    return Overview(reached, daemons.list_daemons(s), waiting.waiting_hunts(s), claims)
