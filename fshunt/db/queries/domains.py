"""Domains: how much is in each, and another name for one, wherever its name stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import Announcement, Claim, LiveWatch, QueueEntry
from fshunt.db.queries.accounts import USERS
from fshunt.db.queries.calls import CALLS
from fshunt.db.queries.changes import CHANGES
from fshunt.db.queries.rows import DOMAINS, GROUPS, MEMBERS
from fshunt.db.statements import run, table

MAX_COUNTED = 10_000
"""Calls that are counted: nobody reads all of them for their number."""

SLICE = 5_000
"""Rows that one statement renames: PostgreSQL ends a statement that takes some seconds."""

CLAIMS, QUEUE = table(Claim), table(QueueEntry)
OF_CALLS_IN_PROGRESS = (CLAIMS, QUEUE)
"""Tables that have rows of a domain while a hunt is in progress, and none to rename."""

_WITH_MANY_ROWS = ((CALLS.c.domain, CALLS.c.started_at), (CHANGES.c.domain, CHANGES.c.id))
"""Columns with the name, and the order in which they are renamed."""

PASSING = (table(LiveWatch), table(Announcement))
"""Tables whose rows are of interest for some seconds, and are forgotten."""

_NEWEST = (
    select(CALLS.c.started_at)
    .where(CALLS.c.domain == DOMAINS.c.name)
    .order_by(CALLS.c.started_at.desc())
    .limit(MAX_COUNTED)
    .correlate(DOMAINS)
    .subquery()
)
_COUNTS = {
    "groups": select(func.count()).where(GROUPS.c.domain_id == DOMAINS.c.id),
    "members": select(func.count(MEMBERS.c.extension.distinct()))
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .where(GROUPS.c.domain_id == DOMAINS.c.id),
    "calls": select(func.count()).select_from(_NEWEST),
    "users": select(func.count()).where(USERS.c.domain == DOMAINS.c.name),
}
_DOMAINS = select(
    DOMAINS.c.name, *(query.correlate(DOMAINS).scalar_subquery().label(name) for name, query in _COUNTS.items())
).order_by(DOMAINS.c.name)
_OPEN = select(func.count()).where(CALLS.c.ended_at.is_(None), CALLS.c.domain == bindparam("domain"))


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain and how much is in it; ``calls`` up to ``MAX_COUNTED``. A member of two groups counts once."""

    name: str
    groups: int
    members: int
    calls: int
    users: int


def domains(s: Session, name: str | None = None) -> list[DomainRow]:
    """Return all domains, or the one with this name."""
    query = _DOMAINS if name is None else _DOMAINS.where(DOMAINS.c.name == name)
    return [DomainRow(row.name, row.groups, row.members, row.calls, row.users) for row in run(s, query, {})]


def written(s: Session, name: str) -> list[str]:
    """Return the domains that have this name, in whatever capitals."""
    return list(run(s, select(DOMAINS.c.name).where(func.lower(DOMAINS.c.name) == name.lower()), {}).scalars())


def calls_in_progress(s: Session, domain: str) -> int:
    """Return how many calls of the domain are open in the records, at least 1 if a member is claimed or queued for."""
    found: int = run(s, _OPEN, {"domain": domain}).scalar_one()
    return found or int(any(_has_rows(s, each, domain) for each in OF_CALLS_IN_PROGRESS))


def _has_rows(s: Session, rows: Table, domain: str) -> bool:
    return run(s, select(rows.c.domain).where(rows.c.domain == domain).limit(1), {}).first() is not None


def same_extension(s: Session, one: str, other: str) -> Any | None:
    """Return a user of the first domain whose extension has a user in the other one, too."""
    there = select(USERS.c.extension).where(USERS.c.domain == other)
    return run(s, select(USERS).where(USERS.c.domain == one, USERS.c.extension.in_(there)).limit(1), {}).first()


def rename(s: Session, old: str, new: str) -> None:
    """Give a domain another name in all tables; no call of it is in progress."""
    run(s, update(DOMAINS).where(DOMAINS.c.name == old).values(name=new), {})
    run(s, update(USERS).where(USERS.c.domain == old).values(domain=new), {})
    for each in _WITH_MANY_ROWS:
        _rename_in_slices(s, *each, old, new)
    for rows in PASSING:
        run(s, delete(rows).where(rows.c.domain == old), {})


def take_along(s: Session, old: str, new: str) -> bool:
    """Rename what was written in the old name while a domain was renamed; tell whether there was any."""
    if old in written(s, old):  # somebody has made it anew
        return False
    late = [_rename_in_slices(s, *each, old, new) for each in _WITH_MANY_ROWS]
    return any(late)


def _rename_in_slices(s: Session, domain: Column[Any], order: Column[Any], old: str, new: str) -> bool:
    """Rename the domain of many rows, some thousands in a statement; an index has them by domain and ``order``.

    Tell whether there was any.
    """
    first = begin = run(s, select(order).where(domain == old).order_by(order).limit(1), {}).scalar()
    while begin is not None:
        rest = (domain == old, order >= begin)
        end = run(s, select(order).where(*rest).order_by(order).limit(1).offset(SLICE), {}).scalar()
        if end == begin:  # so many of one moment
            end = run(s, select(order).where(domain == old, order > begin).order_by(order).limit(1), {}).scalar()
        until = () if end is None else (order < end,)
        run(s, update(domain.table).where(*rest, *until).values({domain: new}), {})
        begin = end
    return first is not None
