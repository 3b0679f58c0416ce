"""The daemons, queued callers and claims of the whole database at one moment, for `fshunt status`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fshunt.db.models import Claim
from fshunt.db.queries import callbacks, cluster, daemons, identity, notice_deliveries, queue, web_processes
from fshunt.db.queries.calls import CALLS, HAS_FAILED
from fshunt.db.queries.cluster import Timing
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.notice_deliveries import ALL_DELIVERED, Undelivered
from fshunt.db.queries.queue import QueuedHunt
from fshunt.db.queries.rows import GROUPS
from fshunt.db.queries.unregistered_groups import UnregisteredGroup, unregistered_groups
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.db.statements import run, table

FAILED_WITHIN = timedelta(hours=24)
"""How old a failed hunt may be that is counted: whoever comes to work the next day shall see it."""

MAX_FAILED = 1000
"""Failed hunts that are counted: where more have failed, the number is of no interest."""

OPEN_TOO_LONG = timedelta(hours=24)
MAX_OPEN_TOO_LONG = 10

CLAIMS = table(Claim)
_COLUMNS = (CALLS.c.uuid, CALLS.c.pilot, CALLS.c.started_at, CALLS.c.reason)
_FAILED_SINCE = (
    select(CALLS.c.started_at).where(HAS_FAILED, CALLS.c.started_at >= bindparam("since")).limit(MAX_FAILED).subquery()
)
_COUNT_GROUPS = select(func.count()).select_from(GROUPS)
_COUNT_FAILED = select(func.count()).select_from(_FAILED_SINCE)
_LAST_FAILED = (
    select(*_COLUMNS)
    .where(HAS_FAILED, CALLS.c.started_at >= bindparam("since"))
    .order_by(CALLS.c.started_at.desc())
    .limit(1)
)
_OPEN_TOO_LONG = (
    select(*_COLUMNS)
    .where(CALLS.c.ended_at.is_(None), CALLS.c.started_at < bindparam("before"))
    .order_by(CALLS.c.started_at)
    .limit(MAX_OPEN_TOO_LONG)
)


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call, as far as `fshunt status` names it."""

    uuid: str
    pilot: str
    started_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Daemons, queued callers, how many claims each run has, and the timing that holds for all.

    ``failed_hunts`` counts those of the last 24 h, up to ``MAX_FAILED``; ``last_failed`` is the last of them.
    ``open_too_long`` are the oldest calls that are open in the records for longer than a call lasts.
    """

    daemons: list[DaemonRow]
    queued: list[QueuedHunt]
    claims: dict[str, int]
    timing: Timing
    failed_hunts: int = 0
    last_failed: SeenCall | None = None
    open_too_long: tuple[SeenCall, ...] = ()
    web: tuple[WebProcessRow, ...] = ()
    database_id: str | None = None
    groups: int = 0
    unregistered: tuple[UnregisteredGroup, ...] = ()
    undelivered: Undelivered = ALL_DELIVERED
    callbacks: int = 0


def overview(s: Session, at: datetime) -> Overview:
    """Return all of it, as of one moment; ``at`` is the time now."""
    counted = select(CLAIMS.c.run_id, func.count().label("number")).group_by(CLAIMS.c.run_id)
    claims = {row.run_id: row.number for row in run(s, counted, {})}
    since = {"since": at - FAILED_WITHIN}
    last = run(s, _LAST_FAILED, since).first()
    return Overview(
        daemons.list_daemons(s),
        queue.waiting_hunts(s),
        claims,
        cluster.stored_timing(s) or Timing(),
        failed_hunts=run(s, _COUNT_FAILED, since).scalar_one(),
        last_failed=None if last is None else _seen(last),
        open_too_long=tuple(_seen(row) for row in run(s, _OPEN_TOO_LONG, {"before": at - OPEN_TOO_LONG})),
        web=tuple(web_processes.list_web_processes(s)),
        database_id=identity.database_id(s),
        groups=run(s, _COUNT_GROUPS, {}).scalar_one(),
        unregistered=tuple(unregistered_groups(s, at)),
        undelivered=notice_deliveries.undelivered(s, at),
        callbacks=callbacks.count_open(s),
    )


def _seen(row: Any) -> SeenCall:
    return SeenCall(row.uuid, row.pilot, row.started_at, row.reason)
