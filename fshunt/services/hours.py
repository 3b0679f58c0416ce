"""When a group is open: its business hours, its holidays, and closed by hand. A change holds for the next call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from fshunt.db.models import BusinessHours, GroupHoliday, HuntGroup
from fshunt.db.queries.rows import find_domain_id, find_group
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.hours import (
    MAX_HOLIDAYS,
    ClosedByHand,
    Holiday,
    Hours,
    State,
    Week,
    check_zone,
    opens_ever,
)
from fshunt.hunting.hours_text import (
    check_holiday_name,
    parse_days,
    parse_intervals,
    parse_week,
    show_days,
    show_intervals,
)
from fshunt.services.audit import HOLIDAY, ChangeKind, Subject, hours_values, record_of_group


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone that a group has from now on: a new one, else its own, else one for a group without any."""

    new: str | None = None
    default: str | None = None

    def of(self, group: Group) -> str:
        """Return its name; raise BadValue if there is none of this name, UsageError if none is known."""
        name = self.new or group.time_zone or self.default
        if name is None:
            raise UsageError(f"Group {group.pilot} has no time zone: name one, such as Europe/Rome.")
        return check_zone(name)


OWN = Zone()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the holidays of a file: new ones were added, the others were there already."""

    group: Group
    added: tuple[Holiday, ...]
    known: int


def set_hours(s: Session, domain: str, pilot: str, week: Week, zone: Zone = OWN) -> Group:
    """Set the hours of all days of the week. Raises NotFound, BadValue or UsageError."""
    group = _locked(s, domain, pilot)
    return _saved(s, group, replace(group.hours, week=week), zone.of(group))


def clear_hours(s: Session, domain: str, pilot: str) -> Group:
    """Have a group without hours: only holidays, or a person, close it. Raises NotFound."""
    group = _locked(s, domain, pilot)
    return _saved(s, group, replace(group.hours, week=()), group.time_zone)


def add_holiday(s: Session, domain: str, pilot: str, holiday: Holiday, zone: Zone = OWN) -> Group:
    """Add a holiday. Raises NotFound, BadValue, UsageError, or Conflict if it is there."""
    group = _locked(s, domain, pilot)
    check_holiday_name(holiday.name)
    if any(_key(each) == _key(holiday) for each in group.hours.holidays):
        raise Conflict(f"Group {pilot} has the holiday {holiday.name} of {show_days(holiday)} already.")
    return _with_holidays(s, group, (*group.hours.holidays, holiday), zone)


def remove_holiday(s: Session, domain: str, pilot: str, first: date, last: date, name: str | None = None) -> Group:
    """Remove the holiday of these days; ``name`` where several are of the same days. Raises NotFound or UsageError."""
    group = _locked(s, domain, pilot)
    there = group.hours.holidays
    found = [each for each in there if (each.first, each.last) == (first, last) and name in (None, each.name)]
    if not found:
        raise NotFound(f"Group {pilot} has no such holiday: `fshunt holiday list {pilot}` lists those it has.")
    if len(found) > 1:
        raise UsageError(f"Several holidays are of these days: name one of {', '.join(each.name for each in found)}.")
    return _with_holidays(s, group, tuple(each for each in there if each is not found[0]), OWN)


def import_holidays(s: Session, domain: str, pilot: str, holidays: Collection[Holiday], zone: Zone = OWN) -> Imported:
    """Add the holidays that the group does not have yet. Raises NotFound, BadValue or UsageError."""
    group = _locked(s, domain, pilot)
    there = {_key(each) for each in group.hours.holidays}
    added = tuple({_key(each): each for each in holidays if _key(each) not in there}.values())
    changed = _with_holidays(s, group, (*group.hours.holidays, *added), zone) if added else group
    return Imported(changed, added, len(holidays) - len(added))


def close_group(
    s: Session, domain: str, pilot: str, *, until: datetime | None = None, now: datetime | None = None
) -> Group:
    """Close a group by hand, until a moment, or until it is opened (None). Raises NotFound or UsageError."""
    group, now = _locked(s, domain, pilot), now or datetime.now(UTC)
    if until is not None and until <= now:
        raise UsageError("The time until which the group is closed is past.")
    there = group.hours.by_hand
    since = there.since if there is not None and there.holds(now) else now
    return _saved(s, group, replace(group.hours, by_hand=ClosedByHand(since, until)), group.time_zone)


def open_group(s: Session, domain: str, pilot: str) -> Group:
    """Have a group closed by hand no more: it is open in its hours. Raises NotFound."""
    group = _locked(s, domain, pilot)
    return _saved(s, group, replace(group.hours, by_hand=None), group.time_zone)


def warnings_of(group: Group, now: datetime) -> list[str]:
    """Return what is doubtful of the hours of a group, one sentence each."""
    hours = group.hours
    if not (hours.week or hours.holidays or group.time_zone):
        return []
    try:
        if not opens_ever(hours, group.time_zone, now):
            return [f"The hours of group {group.pilot} do not open it within a year: nobody rings."]
    except BadValue as error:
        return [f"The hours of group {group.pilot} do not count, it is open: {error}"]
    return []


def state_of(group: Group, now: datetime) -> State:
    """Return whether a group is open, why not, and until when; one whose time zone does not exist is open."""
    try:
        return group.state_at(now)
    except BadValue:
        return State(None, None)


def restore(s: Session, domain: str, pilot: str, values: Mapping[str, str | None]) -> Group:
    """Set what a change had before it; a holiday that is None was not there. Raises NotFound or BadValue."""
    group = _locked(s, domain, pilot)
    wanted = hours_values(group) | dict(values)
    since, until = wanted["closed_since"], wanted["closed_until"]
    hours = Hours(
        week=parse_week(wanted["hours"].split()) if wanted["hours"] else (),
        holidays=tuple(_holiday(name, text) for name, text in wanted.items() if name.startswith(HOLIDAY) and text),
        by_hand=ClosedByHand(datetime.fromisoformat(since), _moment(until)) if since else None,
    )
    return _saved(s, group, hours, wanted["time_zone"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _holiday(named: str, intervals: str) -> Holiday:
    days, _, name = named.removeprefix(HOLIDAY).partition(" ")
    return Holiday(name, *parse_days(days), parse_intervals(intervals))


def _key(holiday: Holiday) -> tuple[date, date, str]:
    return holiday.first, holiday.last, holiday.name


def _locked(s: Session, domain: str, pilot: str) -> Group:
    return find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)


def _with_holidays(s: Session, group: Group, holidays: tuple[Holiday, ...], zone: Zone) -> Group:
    if len(holidays) > MAX_HOLIDAYS:
        raise UsageError(
            f"A group has at most {MAX_HOLIDAYS} holidays, not {len(holidays)}: remove those that are past."
        )
    return _saved(s, group, replace(group.hours, holidays=holidays), zone.of(group))


def _saved(s: Session, group: Group, hours: Hours, zone: str | None) -> Group:
    """Write what differs, and record it."""
    by_hand = hours.by_hand
    columns: dict[str, Any] = {
        "time_zone": zone,
        "closed_since": None if by_hand is None else by_hand.since,
        "closed_until": None if by_hand is None else by_hand.until,
    }
    s.execute(update(HuntGroup).where(HuntGroup.id == group.id).values(columns))
    if hours.week != group.hours.week:
        _write_week(s, group.id, hours.week)
    if hours.holidays != group.hours.holidays:
        _write_holidays(s, group, hours.holidays)
    changed = find_group(s, find_domain_id(s, group.domain), group.domain, group.pilot)
    before, after = hours_values(group), hours_values(changed)
    none = dict.fromkeys((*before, *after))  # a holiday that is not there
    record_of_group(s, changed, Subject.HOURS, ChangeKind.SET, changed.pilot, before=none | before, after=none | after)
    return changed


def _write_week(s: Session, group_id: int, week: Week) -> None:
    s.execute(delete(BusinessHours).where(BusinessHours.group_id == group_id))
    rows = [
        {"group_id": group_id, "weekday": weekday, "opens": each.opens, "closes": each.closes}
        for weekday, intervals in enumerate(week)
        for each in intervals
    ]
    if rows:
        s.execute(insert(BusinessHours), rows)


def _write_holidays(s: Session, group: Group, holidays: Collection[Holiday]) -> None:
    s.execute(delete(GroupHoliday).where(GroupHoliday.group_id == group.id))
    rows = [
        {
            "group_id": group.id,
            "first_day": each.first,
            "last_day": each.last,
            "name": each.name,
            "hours": show_intervals(each.intervals),
        }
        for each in holidays
    ]
    if rows:
        s.execute(insert(GroupHoliday), rows)
