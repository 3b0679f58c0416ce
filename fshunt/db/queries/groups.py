"""Reads all groups, some at a time, for a daemon that must know them when the database is away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fshunt.db.models import GroupRotation
from fshunt.db.queries.calls import CALLS
from fshunt.db.queries.hunts import Loaded
from fshunt.db.queries.rows import DOMAINS, GROUPS, group_of, group_query, pointer_of, read_members
from fshunt.db.statements import run, table

ROTATIONS = table(GroupRotation)
_ALL = select(GROUPS.c.id, DOMAINS.c.name, GROUPS.c.pilot).join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
_THESE = (
    group_query(ROTATIONS.c.answerer_id, ROTATIONS.c.answerer_position, ROTATIONS.c.turn_id, ROTATIONS.c.turn_position)
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
    """A group that there is, as people call it."""

    id: int
    domain: str
    pilot: str


def all_groups(s: Session) -> list[Named]:
    """Return which groups there are, without reading them."""
    return [Named(row.id, row.name, row.pilot) for row in run(s, _ALL.order_by(GROUPS.c.id), {})]


def load_groups(s: Session, group_ids: Collection[int]) -> list[Loaded]:
    """Return these groups with their memories; who is gone is left out.

    Raises BadValue, or whatever the value leads to, if one of them was stored by hand and may not be there.
    """
    rows = run(s, _THESE, {"ids": sorted(group_ids)}).all()
    members = read_members(s, [row.id for row in rows])
    return [
        Loaded(
            group_of(row, members[row.id]),
            pointer_of(row.answerer_id, row.answerer_position),
            pointer_of(row.turn_id, row.turn_position),
        )
        for row in rows
    ]


def last_written(s: Session, node: str) -> datetime | None:
    """Return the latest time that stands in a record of this node's calls; None: it has none."""
    ended = run(s, _LAST_ENDED, {"node": node}).scalar()
    still_open = run(s, _LAST_OPEN.where(_OF_NODE, CALLS.c.ended_at.is_(None)), {"node": node}).scalar()
    return max((at for at in (ended, still_open) if at is not None), default=None)
