"""The hours and holidays of groups. Only a group with a time zone has them, so that all others cost no statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import BindParameter, bindparam, select

from fshunt.db.models import BusinessHours, GroupHoliday
from fshunt.db.prepared import Prepared
from fshunt.db.statements import Transaction, run, table
from fshunt.hunting.hours import WEEKDAYS, ClosedByHand, Holiday, Hours, Interval, Week
from fshunt.hunting.hours_text import parse_intervals

BUSINESS_HOURS, HOLIDAYS = table(BusinessHours), table(GroupHoliday)

_OF_GROUPS: BindParameter[int] = bindparam("ids", expanding=True)
_WEEKS = Prepared(
    select(BUSINESS_HOURS)
    .where(BUSINESS_HOURS.c.group_id.in_(_OF_GROUPS))
    .order_by(BUSINESS_HOURS.c.group_id, BUSINESS_HOURS.c.weekday, BUSINESS_HOURS.c.opens)
)
_HOLIDAYS = Prepared(
    select(HOLIDAYS)
    .where(HOLIDAYS.c.group_id.in_(_OF_GROUPS))
    .order_by(HOLIDAYS.c.group_id, HOLIDAYS.c.first_day, HOLIDAYS.c.last_day, HOLIDAYS.c.name)
)


def read_hours(s: Transaction, rows: Collection[Any]) -> dict[int, Hours]:
    """Return the hours of groups, by id; ``rows`` are those of the groups themselves.

    Raises BadValue if one of them was stored by hand and is not possible.
    """
    ids = sorted({row.id for row in rows if row.time_zone is not None})
    weeks, holidays = (_weeks(s, ids), _holidays(s, ids)) if ids else ({}, {})
    return {row.id: Hours(weeks.get(row.id, ()), tuple(holidays.get(row.id, ())), _closed_by_hand(row)) for row in rows}


def _weeks(s: Transaction, ids: list[int]) -> dict[int, Week]:
    found: defaultdict[int, list[list[Interval]]] = defaultdict(lambda: [[] for _ in WEEKDAYS])
    for row in run(s, _WEEKS, {"ids": ids}):
        found[row.group_id][row.weekday].append(Interval(row.opens, row.closes))
    return {group_id: tuple(map(tuple, days)) for group_id, days in found.items()}


def _holidays(s: Transaction, ids: list[int]) -> dict[int, list[Holiday]]:
    found: defaultdict[int, list[Holiday]] = defaultdict(list)
    for row in run(s, _HOLIDAYS, {"ids": ids}):
        found[row.group_id].append(Holiday(row.name, row.first_day, row.last_day, parse_intervals(row.hours)))
    return found


def _closed_by_hand(row: Any) -> ClosedByHand | None:
    return None if row.closed_since is None else ClosedByHand(row.closed_since, row.closed_until)
