"""Reads all groups, some at a time, for the group cache of a daemon: it is used while the database is unavailable."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fshunt.db.models import GroupRotation
from fshunt.db.prepared import Prepared
from fshunt.db.queries.calls import CALLS
from fshunt.db.queries.hours import read_hours
from fshunt.db.queries.hunts import LoadedGroup
from fshunt.db.queries.rows import DOMAINS, GROUPS, group_of, group_query, pointer_of, read_members
from fshunt.db.statements import run, table

ROTATIONS = table(GroupRotation)
_ALL = select(GROUPS.c.id, DOMAINS.c.name, GROUPS.c.pilot).join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
_THESE = Prepared(
    group_query(
        ROTATIONS.c.answerer_id, ROTATIONS.c.answerer_position, ROTATIONS.c.first_id, ROTATIONS.c.first_position
    )
    .outerjoin(ROTATIONS, ROTATIONS.c.group_id == GROUPS.c.id)
    .where(GROUPS.c.id.in_(bindparam("ids", expanding=True)))
)
_OF_NODE = CALLS.c.node == bindparam("node")
_LAST_ENDED = (
    select(CALLS.c.ended_at).where(_OF_NODE, CALLS.c.ended_at.is_not(None)).order_by(CALLS.c.ended_at.desc()).limit(1)
)
_LAST_OPEN = select(func.max(func.coalesce(CALLS.c.answered_at, CALLS.c.started_at), type_=CALLS.c.started_at.type))


@dataclass(frozen=True, slots=True)
class Named:
    """A group by its domain and pilot."""

    id: int
    domain: str
    pilot: str


def all_groups(s: Session) -> list[Named]:
    """Return the names of all groups, without reading the groups."""
    return [Named(row.id, row.name, row.pilot) for row in run(s, _ALL.order_by(GROUPS.c.id), {})]


def load_groups(s: Session, group_ids: Collection[int]) -> list[LoadedGroup]:
    """Return these groups with their rotation pointers; groups that were removed are left out.

    Raises BadValue, or another error of the value, if one of them was stored by hand and is not allowed.
    """
    rows = run(s, _THESE, {"ids": sorted(group_ids)}).all()
    members, hours = read_members(s, [row.id for row in rows]), read_hours(s, rows)
    return [
        LoadedGroup(
            group_of(row, members[row.id], hours[row.id]),
            pointer_of(row.answerer_id, row.answerer_position),
            pointer_of(row.first_id, row.first_position),
        )
        for row in rows
    ]


def last_written(s: Session, node: str) -> datetime | None:
    """Return the latest time in the call log of this node; None: it has no calls."""
    ended = run(s, _LAST_ENDED, {"node": node}).scalar()
    still_open = run(s, _LAST_OPEN.where(_OF_NODE, CALLS.c.ended_at.is_(None)), {"node": node}).scalar()
    return max((at for at in (ended, still_open) if at is not None), default=None)
