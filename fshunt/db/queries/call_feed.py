"""The calls of groups that go on, or have lately begun, for whoever looks at them again and again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.orm import Session

from fshunt.db.models import IS_OPEN
from fshunt.db.queries.calls import CALLS
from fshunt.db.statements import run

_COLUMNS = [each for each in CALLS.c if each.name != "policy_input"]
_NEWEST_FIRST = select(*_COLUMNS).order_by(CALLS.c.started_at.desc(), CALLS.c.id.desc())


def calls_since(
    s: Session, places: Collection[tuple[str, str]], since: datetime, limit: int, known: Collection[str]
) -> list[Row[Any]]:
    """Return the newest calls to groups (domain and pilot) since a moment, older ones that go on, and those ``known``.

    A row has the columns of a call but its policy input. ``known`` are ids.
    """
    of_groups = _NEWEST_FIRST.where(tuple_(CALLS.c.domain, CALLS.c.pilot).in_(sorted(places))).limit(limit)
    found = {row.id: row for row in run(s, of_groups.where(text(IS_OPEN), CALLS.c.started_at < since), {})}
    found |= {row.id: row for row in run(s, of_groups.where(CALLS.c.started_at >= since), {})}
    if ended := sorted(set(known) - found.keys()):
        found |= {row.id: row for row in run(s, _NEWEST_FIRST.where(CALLS.c.id.in_(ended)), {})}
    return list(found.values())
