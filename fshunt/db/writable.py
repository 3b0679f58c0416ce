"""Tests whether the database can be written, for commands that have nothing to write."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import URL, bindparam, update

from fshunt.db.engine import open_store
from fshunt.db.queries.cluster import CLUSTER
from fshunt.db.statements import run
from fshunt.errors import DatabaseError

LOCK_MS = 1000
"""How long to wait for a lock: fshunt holds locks for some milliseconds."""

_NOTHING = update(CLUSTER).where(CLUSTER.c.id == bindparam("nobody")).values(tickets=CLUSTER.c.tickets)
"""A write that finds no row: it needs the right to write, and the table, and holds up nobody."""
_NOBODY = -1


def why_not_writable(url: str | URL) -> str | None:
    """Try a write and roll it back; return the reason of a failure in a sentence, or None."""
    with closing(open_store(url, busy_timeout_ms=LOCK_MS, connections=1)) as store:
        try:
            with store.writing() as session:
                run(session, _NOTHING, {"nobody": _NOBODY})
                session.rollback()
        except DatabaseError as error:
            return str(error)
    return None
