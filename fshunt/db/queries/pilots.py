"""Which numbers a group has had, and when: the records of calls have the number that was called.

What is not known is made of the changes of the audit, which name each change of a pilot. Where changes are pruned
sooner than calls, calls under earlier numbers are no longer found with their group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, HuntGroup
from fshunt.db.queries.changes import CHANGES, ChangeKind, Subject

MAX_EARLIER = 20
"""Of so many groups that have had a number it is known."""

_RENAMES = (
    select(CHANGES.c.at, CHANGES.c.domain, CHANGES.c.group_id, CHANGES.c.before, CHANGES.c.after)
    .where(
        CHANGES.c.subject == Subject.GROUP.value,
        CHANGES.c.action == ChangeKind.SET.value,
        cast(CHANGES.c.after, String).contains('"pilot"'),
    )
    .order_by(CHANGES.c.id)
)


@dataclass(frozen=True, slots=True)
class Span:
    """A group has had a number from one moment until another; None: without an end on that side."""

    pilot: str
    since: datetime | None = None
    until: datetime | None = None


class _Rename(NamedTuple):
    at: datetime
    domain: str
    group_id: int
    old: str
    new: str


class Numbered(NamedTuple):
    """A group, and the number that it has now."""

    id: int
    domain: str
    pilot: str


def groups_with_pilot(s: Session, domain: str | None, pilot: str) -> list[Numbered]:
    """Return the groups that have a pilot, in the domain (None: in all)."""
    query = select(HuntGroup.id, Domain.name).join(Domain, Domain.id == HuntGroup.domain_id)
    query = query.where(HuntGroup.pilot == pilot)
    if domain is not None:
        query = query.where(Domain.name == domain)
    return [Numbered(group_id, name, pilot) for group_id, name in s.execute(query)]


def groups_that_had(s: Session, domain: str, pilot: str) -> list[int]:
    """Return the ids of groups that had a pilot when they were changed, the last one first; some may be gone."""
    query = (
        select(CHANGES.c.group_id)
        .where(CHANGES.c.domain == domain, CHANGES.c.pilot == pilot, CHANGES.c.group_id.is_not(None))
        .group_by(CHANGES.c.group_id)
        .order_by(func.max(CHANGES.c.id).desc())
        .limit(MAX_EARLIER)
    )
    return list(s.scalars(query))


def pilot_spans(s: Session, group_id: int, domain: str, pilot: str) -> tuple[Span, ...]:
    """Return the numbers of a group, the one that it has now first. The calls of another group are not in them."""
    return tuple(span for _, span in places_of(s, [Numbered(group_id, domain, pilot)]))


def places_of(s: Session, groups: Iterable[Numbered]) -> list[tuple[str, Span]]:
    """Return the numbers of groups, each with its domain, as ``pilot_spans`` does; it reads the changes once."""
    asked = list(groups)
    if not asked:
        return []
    query = _RENAMES.where(CHANGES.c.domain.in_(sorted({group.domain for group in asked})))
    renames = [
        _Rename(row.at, row.domain, row.group_id, row.before["pilot"], row.after["pilot"])
        for row in s.execute(query)
        if "pilot" in (row.after or {}) and "pilot" in (row.before or {})
    ]
    return [(group.domain, span) for group in asked for span in _spans(group, renames)]


def _spans(group: Numbered, renames: Sequence[_Rename]) -> list[Span]:
    spans, number, until = [], group.pilot, None
    here = [each for each in renames if each.domain == group.domain]
    for each in reversed([each for each in here if each.group_id == group.id]):
        spans.append(Span(number, each.at, until))
        number, until = each.old, each.at
    left_by_others = [each.at for each in here if each.group_id != group.id and each.old == number]
    begin = max((at for at in left_by_others if until is None or at < until), default=None)
    return [*spans, Span(number, begin, until)]
