"""The calls of groups that go on, or have lately begun, for whoever looks at them again and again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, or_, select, text, true, tuple_
from sqlalchemy.orm import Session

from fshunt.db.models import IS_OPEN, SkipRecord
from fshunt.db.queries.calls import CALLS, OFFERS
from fshunt.db.statements import in_parts, run, table

SKIPS = table(SkipRecord)
CALLS_A_STATEMENT = 20
"""Whose steps are read at once: so few that an index serves also where there are not many calls."""

_COLUMNS = [each for each in CALLS.c if each.name != "policy_input"]
_OFFERS_OF = select(OFFERS).where(OFFERS.c.call_id.in_(bindparam("calls", expanding=True)))
_SKIPS_OF = select(SKIPS).where(SKIPS.c.call_id.in_(bindparam("calls", expanding=True)))
_NEWEST_FIRST = select(*_COLUMNS).order_by(CALLS.c.started_at.desc(), CALLS.c.id.desc())


def calls_since(
    s: Session, places: Collection[tuple[str, str]], since: datetime, limit: int, known: Collection[str]
) -> list[Row[Any]]:
    """Return the newest calls to groups (domain and pilot) since a moment, older ones that go on, and those ``known``.

    A place without a pilot is a whole domain; one without either is all calls, also to numbers that have no group.
    A row has the columns of a call but its policy input. ``known`` are ids.
    """
    of_groups = _NEWEST_FIRST.where(_within(places)).limit(limit)
    found = {row.id: row for row in run(s, of_groups.where(text(IS_OPEN), CALLS.c.started_at < since), {})}
    found |= {row.id: row for row in run(s, of_groups.where(CALLS.c.started_at >= since), {})}
    if ended := sorted(set(known) - found.keys()):
        found |= {row.id: row for row in run(s, _NEWEST_FIRST.where(CALLS.c.id.in_(ended)), {})}
    return list(found.values())


def steps_of(s: Session, call_ids: Collection[str]) -> tuple[dict[str, list[Row[Any]]], dict[str, list[Row[Any]]]]:
    """Return the offers and the skips of calls, each by the id of its call."""
    offers: dict[str, list[Row[Any]]] = {}
    skips: dict[str, list[Row[Any]]] = {}
    for some in in_parts(sorted(call_ids), CALLS_A_STATEMENT):
        for statement, found in ((_OFFERS_OF, offers), (_SKIPS_OF, skips)):
            for row in run(s, statement, {"calls": some}):
                found.setdefault(row.call_id, []).append(row)
    return offers, skips


def _within(places: Collection[tuple[str, str]]) -> ColumnElement[bool]:
    if ("", "") in places:
        return true()
    domains = sorted(domain for domain, pilot in places if not pilot)
    groups = tuple_(CALLS.c.domain, CALLS.c.pilot).in_(sorted(place for place in places if place[1]))
    return or_(groups, CALLS.c.domain.in_(domains)) if domains else groups
