"""The id of the database, by which daemons and commands know whether they use the same one."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.db.models import DatabaseIdentity
from fshunt.db.statements import run, table

_READ = select(table(DatabaseIdentity).c.database_id)


def database_id(s: Session) -> str | None:
    """Return the id; None: somebody has removed it."""
    found: str | None = run(s, _READ, {}).scalar()
    return found
