"""Groups none of whose members had a phone in the last calls, for `fshunt status`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import SkipRecord
from fshunt.db.queries.calls import CALLS, OFFERS
from fshunt.db.queries.rows import DOMAINS, GROUPS
from fshunt.db.statements import run, table
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.hunt import Case
from fshunt.hunting.states import Outcome

LAST_CALLS = 3
"""One call, or two, may come while a phone restarts."""

UNREGISTERED_WITHIN = timedelta(days=7)
"""How old these calls may be: a group that nobody calls any more is of no interest."""

_ABSENT = (SkipReason.UNREGISTERED.value, SkipReason.DISABLED.value)
"""Why members are skipped of whom none has a phone; one whom an administrator has disabled needs none."""

SKIPS = table(SkipRecord)
_OF_CALL = CALLS.c.id
_RANG_NO_PHONE = and_(
    CALLS.c.reason == Case.UNREACHABLE.value,
    exists().where(SKIPS.c.call_id == _OF_CALL, SKIPS.c.reason == SkipReason.UNREGISTERED.value),
    ~exists().where(SKIPS.c.call_id == _OF_CALL, SKIPS.c.reason.not_in(_ABSENT)),
    ~exists().where(OFFERS.c.call_id == _OF_CALL, OFFERS.c.outcome.is_distinct_from(Outcome.UNREGISTERED.value)),
)


@dataclass(frozen=True, slots=True)
class UnregisteredGroup:
    """A group whose last calls found no phone: when the first and the last of these calls began."""

    domain: str
    pilot: str
    since: datetime
    last: datetime


def _of_last(number: int, what: Any) -> ScalarSelect[Any]:
    """Return a value of the last call of the group, or of one so many before it; calls while it was closed are none."""
    query: Select[Any] = (
        select(what)
        .where(
            CALLS.c.domain == DOMAINS.c.name,
            CALLS.c.pilot == GROUPS.c.pilot,
            CALLS.c.started_at >= bindparam("since"),
            CALLS.c.result.is_not(None),
            or_(CALLS.c.reason.is_(None), CALLS.c.reason.not_like(f"{Case.CLOSED.value}%")),
        )
        .order_by(CALLS.c.started_at.desc())
        .limit(1)
        .offset(number)
    )
    return query.correlate(GROUPS, DOMAINS).scalar_subquery()


_GROUPS = (
    select(
        DOMAINS.c.name.label("domain"),
        GROUPS.c.pilot,
        _of_last(LAST_CALLS - 1, CALLS.c.started_at).label("first"),
        _of_last(0, CALLS.c.started_at).label("last"),
    )
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(*(_of_last(number, _RANG_NO_PHONE) for number in range(LAST_CALLS)))
    .order_by(DOMAINS.c.name, GROUPS.c.pilot)
)


def unregistered_groups(s: Session, at: datetime) -> list[UnregisteredGroup]:
    """Return the groups whose last calls found no member with a phone; ``at`` is the time now."""
    found = run(s, _GROUPS, {"since": at - UNREGISTERED_WITHIN})
    return [UnregisteredGroup(row.domain, row.pilot, row.first, row.last) for row in found]
