"""Whether the database can be written now, for who wants to know and has nothing to write."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import URL, bindparam, update

from fshunt.db.engine import open_store
from fshunt.db.queries.lease import CLOCK
from fshunt.db.statements import run
from fshunt.errors import DatabaseError

LOCK_MS = 1000
"""How long a lock is waited for: those of fshunt last some milliseconds."""

_NOTHING = update(CLOCK).where(CLOCK.c.id == bindparam("nobody")).values(tickets=CLOCK.c.tickets)
"""A write that finds no row: it needs the right to write, and the table, and holds up nobody."""
_NOBODY = -1


def why_not_writable(url: str | URL) -> str | None:
    """Try a write, which is rolled back; return in a sentence why it cannot be done, None if it can."""
    with closing(open_store(url, busy_timeout_ms=LOCK_MS, connections=1)) as store:
        try:
            with store.writing() as session:
                run(session, _NOTHING, {"nobody": _NOBODY})
                session.rollback()
        except DatabaseError as error:
            return str(error)
    return None
