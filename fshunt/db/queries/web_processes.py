"""The web processes on this database, each as it was at its last heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from fshunt.db.models import WebProcess
from fshunt.db.prepared import Prepared
from fshunt.db.statements import dialect_of, insert_for, run, table, write

KEPT = timedelta(hours=24)
"""How long a process that died is still listed: whoever comes to work the next day shall see it."""

PROCESSES = table(WebProcess)
NAMES = ("run_id", "node", "started_at", "heartbeat_at", "listen", "version")
_FORGET = Prepared(delete(PROCESSES).where(PROCESSES.c.heartbeat_at < bindparam("kept_since")))
_RETIRE = Prepared(delete(PROCESSES).where(PROCESSES.c.run_id == bindparam("stopped")))


@dataclass(frozen=True, slots=True)
class WebProcessRow:
    """One run of `fshunt web`: the host, and the address it listens at."""

    run_id: str
    node: str
    started_at: datetime
    heartbeat_at: datetime
    listen: str
    version: str


def write_heartbeat(s: Session, row: WebProcessRow) -> None:
    """Write that a process lives, and forget those that died a day ago."""
    write(s, _FORGET, {"kept_since": row.heartbeat_at - KEPT})
    write(s, _beating(dialect_of(s)), {name: getattr(row, name) for name in NAMES})


def retire(s: Session, run_id: str) -> None:
    """Take out a process that stops."""
    write(s, _RETIRE, {"stopped": run_id})


def list_web_processes(s: Session) -> list[WebProcessRow]:
    """Return all that are known, by node and address."""
    rows = run(s, select(PROCESSES).order_by(PROCESSES.c.node, PROCESSES.c.listen, PROCESSES.c.started_at), {})
    return [WebProcessRow(*(getattr(row, name) for name in NAMES)) for row in rows]


@cache
def _beating(dialect: str) -> Prepared:
    insert = insert_for(dialect, WebProcess)
    changed = {"heartbeat_at": insert.excluded["heartbeat_at"]}
    return Prepared(insert.on_conflict_do_update(index_elements=["run_id"], set_=changed))
