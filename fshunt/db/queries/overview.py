"""The daemons, queued callers and claims of the whole database at one moment, for `fshunt status`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fshunt.db.models import Claim
from fshunt.db.queries import cluster, daemons, queue
from fshunt.db.queries.cluster import Timing
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.queue import QueuedHunt
from fshunt.db.statements import run, table

CLAIMS = table(Claim)


@dataclass(frozen=True, slots=True)
class Overview:
    """Daemons, queued callers, how many claims each run has, and the timing that holds for all."""

    daemons: list[DaemonRow]
    queued: list[QueuedHunt]
    claims: dict[str, int]
    timing: Timing


def overview(s: Session) -> Overview:
    """Return all of it, as of one moment."""
    counted = select(CLAIMS.c.run_id, func.count().label("number")).group_by(CLAIMS.c.run_id)
    claims = {row.run_id: row.number for row in run(s, counted, {})}
    return Overview(daemons.list_daemons(s), queue.waiting_hunts(s), claims, cluster.stored_timing(s) or Timing())
