"""The pilots of all groups, each with the voicemail box for its callers while no daemon runs."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fshunt.db.queries.changes import CHANGES
from fshunt.db.queries.rows import DOMAINS, GROUPS, MEMBERS
from fshunt.db.statements import run

# As `Group.box` chooses it: an external member has no box, and is written with its gateway after an "@".
_LAST_EXTENSION = (
    select(MEMBERS.c.extension)
    .where(MEMBERS.c.group_id == GROUPS.c.id, MEMBERS.c.extension.not_like("%@%"))
    .order_by(MEMBERS.c.position.desc())
    .limit(1)
    .scalar_subquery()
)
_ALL = (
    select(DOMAINS.c.name, GROUPS.c.pilot, func.coalesce(GROUPS.c.voicemail, _LAST_EXTENSION).label("box"))
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .order_by(GROUPS.c.id)
)
_LAST_CHANGE = select(func.max(CHANGES.c.id))


class PilotBox(NamedTuple):
    """A pilot of a domain, and the box of its group; None: it has none."""

    domain: str
    pilot: str
    box: str | None


def all_pilots(s: Session) -> list[PilotBox]:
    """Return the pilots of all domains."""
    return [PilotBox(row.name, row.pilot, row.box) for row in run(s, _ALL, {})]


def last_change(s: Session) -> int:
    """Return the number of the newest change that anybody has made; 0: there is none."""
    return run(s, _LAST_CHANGE, {}).scalar() or 0
