"""Which numbers a group has had, and when: the records of calls have the number that was called.

What is not known is made of the changes of the audit, which name each change of a pilot. Where changes are pruned
sooner than calls, calls under earlier numbers are no longer found with their group.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from fshunt.db.queries.changes import CHANGES, ChangeKind, Subject

_RENAMES = (
    select(CHANGES.c.at, CHANGES.c.group_id, CHANGES.c.before, CHANGES.c.after)
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
    group_id: int
    old: str
    new: str


def pilot_spans(s: Session, group_id: int, domain: str, pilot: str) -> tuple[Span, ...]:
    """Return the numbers of a group, the one that it has now first. The calls of another group are not in them."""
    renames = [
        _Rename(row.at, row.group_id, row.before["pilot"], row.after["pilot"])
        for row in s.execute(_RENAMES.where(CHANGES.c.domain == domain))
        if "pilot" in (row.after or {}) and "pilot" in (row.before or {})
    ]
    spans, number, until = [], pilot, None
    for each in reversed([each for each in renames if each.group_id == group_id]):
        spans.append(Span(number, each.at, until))
        number, until = each.old, each.at
    left_by_others = [each.at for each in renames if each.group_id != group_id and each.old == number]
    begin = max((at for at in left_by_others if until is None or at < until), default=None)
    return (*spans, Span(number, begin, until))
