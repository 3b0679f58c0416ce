"""The daemons on this database, as each was at its last beat. A run is one life of a daemon, a node is its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Executable, and_, bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import DaemonRecord
from fshunt.db.statements import dialect_of, insert_for, run, table, write

KEPT_SECONDS = 24 * 3600.0
"""How long a daemon that died is still listed: whoever comes to work the next day shall see it."""
REPLACED_SECONDS = 60.0
"""How long one is listed whose node runs again: long enough that two daemons with one name are seen."""

DAEMONS = table(DaemonRecord)
_FORGET = delete(DAEMONS).where(
    or_(
        DAEMONS.c.lease_at < bindparam("dead_before"),
        and_(
            DAEMONS.c.node == bindparam("here"),
            DAEMONS.c.run_id != bindparam("alive"),
            DAEMONS.c.lease_at < bindparam("replaced_before"),
        ),
    )
)
_BEFORE = (
    select(func.count())
    .select_from(DAEMONS)
    .where(DAEMONS.c.run_id < bindparam("here"), DAEMONS.c.lease_at > bindparam("silent_before"))
)
_RETIRE = delete(DAEMONS).where(DAEMONS.c.run_id == bindparam("alive"))


@dataclass(frozen=True, slots=True)
class DaemonRow:
    """What a daemon last said of itself. ``lease_at`` is a reading of the lease clock."""

    run_id: str
    node: str
    started_at: datetime
    heartbeat_at: datetime
    lease_at: datetime
    status: dict[str, Any]


def beat(
    s: Session, run_id: str, *, node: str, started_at: datetime, at: datetime, now: datetime, status: dict[str, Any]
) -> None:
    """Say that a run lives, and how it is; runs that are long dead are forgotten."""
    times = {"started_at": started_at, "heartbeat_at": at, "lease_at": now}
    write(s, _beating(dialect_of(s)), {"run_id": run_id, "node": node, **times, "status": status})
    limits = {"dead_before": now - _seconds(KEPT_SECONDS), "replaced_before": now - _seconds(REPLACED_SECONDS)}
    write(s, _FORGET, {"here": node, "alive": run_id, **limits})


def retire(s: Session, run_id: str) -> None:
    """Take out a run that stops: what it leaves unfinished may be taken over at once."""
    write(s, _RETIRE, {"alive": run_id})


def rank_of(s: Session, run_here: str, silent_before: datetime) -> int:
    """Return how many daemons are before this one in an order that all of them know; the silent do not count."""
    return int(run(s, _BEFORE, {"here": run_here, "silent_before": silent_before}).scalar_one())


def list_daemons(s: Session) -> list[DaemonRow]:
    """Return all daemons that are known, by node; of one node the newest first."""
    rows = run(s, select(DAEMONS).order_by(DAEMONS.c.node, DAEMONS.c.lease_at.desc(), DAEMONS.c.run_id), {})
    return [DaemonRow(row.run_id, row.node, row.started_at, row.heartbeat_at, row.lease_at, row.status) for row in rows]


@cache
def _beating(dialect: str) -> Executable:
    insert = insert_for(dialect, DaemonRecord)
    changed = ("node", "started_at", "heartbeat_at", "lease_at", "status")
    return insert.on_conflict_do_update(
        index_elements=["run_id"], set_={name: insert.excluded[name] for name in changed}
    )


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
