"""The daemons on this database, each as it was at its last heartbeat. A run is one process, a node is its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, true, update
from sqlalchemy.orm import Session

from fshunt.db.models import DaemonRecord
from fshunt.db.prepared import Prepared
from fshunt.db.statements import dialect_of, insert_for, run, table, write

KEPT_SECONDS = 24 * 3600.0
"""How long a daemon that died is still listed: whoever comes to work the next day shall see it."""

DAEMONS = table(DaemonRecord)
_FORGET = Prepared(
    delete(DAEMONS).where(
        DAEMONS.c.lost,
        or_(
            DAEMONS.c.heartbeat_at < bindparam("kept_since"),
            and_(DAEMONS.c.node == bindparam("here"), DAEMONS.c.run_id != bindparam("alive")),
        ),
    )
)
_RETIRE = Prepared(delete(DAEMONS).where(DAEMONS.c.run_id == bindparam("alive")))
_AS_IT_WAS = (DAEMONS.c.run_id == bindparam("other"), DAEMONS.c.counter == bindparam("seen"))
# Whoever holds the row of a run is that run at its heartbeat, or another daemon that presumes it dead.
_LOCK = Prepared(select(DAEMONS.c.run_id).where(*_AS_IT_WAS).with_for_update(skip_locked=True))
_MARK_LOST = Prepared(update(DAEMONS).where(*_AS_IT_WAS).values(lost=true()))


@dataclass(frozen=True, slots=True)
class DaemonRow:
    """What a daemon last said of itself, at its ``counter``-th heartbeat. ``lost``: it was presumed dead since."""

    run_id: str
    node: str
    started_at: datetime
    heartbeat_at: datetime
    counter: int
    lost: bool
    status: dict[str, Any]


def write_heartbeat(
    s: Session, run_id: str, *, node: str, started_at: datetime, at: datetime, status: dict[str, Any]
) -> None:
    """Count a heartbeat of a run, and say how it is."""
    who = {"run_id": run_id, "node": node, "started_at": started_at, "heartbeat_at": at}
    write(s, _beating(dialect_of(s)), {**who, "counter": 1, "lost": False, "status": status})


def forget(s: Session, run_id: str, node: str, at: datetime) -> None:
    """Remove lost runs of this node, whose next run this is, and those that were lost a day ago."""
    kept_since = at - timedelta(seconds=KEPT_SECONDS)
    write(s, _FORGET, {"kept_since": kept_since, "here": node, "alive": run_id})


def is_forgotten(row: DaemonRow, node: str, at: datetime) -> bool:
    """Whether ``forget`` removes another run."""
    return row.lost and (row.node == node or row.heartbeat_at < at - timedelta(seconds=KEPT_SECONDS))


def retire(s: Session, run_id: str) -> None:
    """Take out a run that stops: its unfinished calls may be taken over at once."""
    write(s, _RETIRE, {"alive": run_id})


def lock_if_still(s: Session, run_id: str, counter: int) -> bool:
    """Keep a run from its next heartbeat until the transaction ends; False: its counter has moved, or is moving."""
    return run(s, _LOCK, {"other": run_id, "seen": counter}).first() is not None


def mark_lost(s: Session, run_id: str, counter: int) -> None:
    """Write that a run is presumed dead."""
    write(s, _MARK_LOST, {"other": run_id, "seen": counter})


def list_daemons(s: Session) -> list[DaemonRow]:
    """Return all daemons that are known, by node; of one node the newest first."""
    order = (DAEMONS.c.node, DAEMONS.c.started_at.desc(), DAEMONS.c.run_id)
    names = ("run_id", "node", "started_at", "heartbeat_at", "counter", "lost", "status")
    return [DaemonRow(*(getattr(row, name) for name in names)) for row in run(s, select(DAEMONS).order_by(*order), {})]


@cache
def _beating(dialect: str) -> Prepared:
    insert = insert_for(dialect, DaemonRecord)
    changed = {name: insert.excluded[name] for name in ("node", "started_at", "heartbeat_at", "lost", "status")}
    counted = {**changed, "counter": DAEMONS.c.counter + 1}
    return Prepared(insert.on_conflict_do_update(index_elements=["run_id"], set_=counted))
