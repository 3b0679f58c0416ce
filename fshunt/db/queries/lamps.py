"""What the lamps of pilots and blocks depend on, besides the groups themselves: read several times a second."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from fshunt.db.queries.calls import CALLS
from fshunt.db.queries.changes import CHANGES
from fshunt.db.queries.claimed_members import CLAIMS
from fshunt.db.queries.daemons import DAEMONS
from fshunt.db.queries.rows import DOMAINS, GROUPS, MEMBERS
from fshunt.db.statements import run

MAX_CHANGES = 500
"""Changes that are looked at one by one; after more than so many all groups are read anew."""

# In the order of the index of open calls: with DISTINCT instead SQLite would go through all calls.
_WAITING = (
    select(CALLS.c.domain, CALLS.c.pilot, CALLS.c.run_id)
    .where(CALLS.c.ended_at.is_(None), CALLS.c.answered_at.is_(None), CALLS.c.result.is_(None))
    .order_by(CALLS.c.started_at)
)
_EXTERNAL = select(CLAIMS.c.domain, CLAIMS.c.extension).where(CLAIMS.c.extension.contains("@"))
_LAST_CHANGE = select(func.coalesce(func.max(CHANGES.c.id), 0))
_CHANGED = (
    select(CHANGES.c.id, CHANGES.c.domain, CHANGES.c.pilot, CHANGES.c.group_id, CHANGES.c.subject_key)
    .where(CHANGES.c.id > bindparam("after"))
    .order_by(CHANGES.c.id)
    .limit(MAX_CHANGES + 1)
)
_OF_DOMAIN = (
    select(GROUPS.c.id).join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id).where(DOMAINS.c.name == bindparam("domain"))
)
_OF_EXTENSION = _OF_DOMAIN.join(
    MEMBERS, and_(MEMBERS.c.group_id == GROUPS.c.id, MEMBERS.c.extension == bindparam("extension"))
)
_OF_PILOT = _OF_DOMAIN.where(GROUPS.c.pilot == bindparam("pilot"))
_ALIVE = select(DAEMONS.c.run_id, DAEMONS.c.node, DAEMONS.c.counter, DAEMONS.c.heartbeat_at, DAEMONS.c.status).where(
    ~DAEMONS.c.lost
)

Place = tuple[str, str]
"""A domain, and a pilot or an extension."""


class WaitingAt(NamedTuple):
    """A pilot where a caller of a run is not answered yet."""

    domain: str
    pilot: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Now:
    """What one look has found."""

    last_change: int
    waiting: frozenset[WaitingAt]
    claimed: frozenset[Place]
    """External members that a hunt has: no switch says that they are on a call."""


class Beat(NamedTuple):
    """The last heartbeat of a run that nobody has presumed dead, and the switches that it watches, by Core-UUID."""

    run_id: str
    node: str
    counter: int
    heartbeat_at: datetime
    watches: frozenset[str]


def look(s: Session) -> Now:
    """Return who waits, and which external members are claimed."""
    waiting = frozenset(WaitingAt(row.domain, row.pilot, row.run_id) for row in run(s, _WAITING, {}))
    claimed = frozenset((row.domain, row.extension) for row in run(s, _EXTERNAL, {}))
    return Now(run(s, _LAST_CHANGE, {}).scalar_one(), waiting, claimed)


def changed_groups(s: Session, after: int) -> set[int] | None:
    """Return the ids of the groups that changes after this one may concern; None: possibly all."""
    rows = run(s, _CHANGED, {"after": after}).all()
    if len(rows) > MAX_CHANGES:
        return None
    found: set[int] = set()
    for row in rows:
        found |= _concerned(s, row)
    return found


def groups_of(s: Session, places: Iterable[tuple[str, str | None]]) -> set[int]:
    """Return the ids of the groups of extensions; those of a whole domain where no extension is named."""
    found: set[int] = set()
    for domain, extension in places:
        if extension is None:
            found |= set(run(s, _OF_DOMAIN, {"domain": domain}).scalars())
        else:
            found |= set(run(s, _OF_EXTENSION, {"domain": domain, "extension": extension}).scalars())
    return found


def heartbeats(s: Session) -> list[Beat]:
    """Return the last heartbeat of each run that nobody has presumed dead."""
    return [
        Beat(row.run_id, row.node, row.counter, row.heartbeat_at, _watches(row.status)) for row in run(s, _ALIVE, {})
    ]


def _watches(status: dict[str, Any]) -> frozenset[str]:
    """What an older daemon says has no Core-UUID; it publishes nothing either."""
    switches: Collection[dict[str, Any]] = status.get("switches", ())
    return frozenset(str(each["core_uuid"]) for each in switches if each.get("watched") and each.get("core_uuid"))


def _concerned(s: Session, change: Any) -> set[int]:
    found = set() if change.group_id is None else {change.group_id}
    if change.domain is None:
        return found
    if change.pilot is not None:
        return found | set(run(s, _OF_PILOT, {"domain": change.domain, "pilot": change.pilot}).scalars())
    if change.subject_key == change.domain:  # a domain that has another name now
        return found | groups_of(s, [(change.domain, None)])
    return found | groups_of(s, [(change.domain, change.subject_key)])  # a block
