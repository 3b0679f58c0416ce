"""Holidays from an iCalendar file: the events that last whole days, those of a series up to two years ahead."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from fshunt.errors import BadValue
from fshunt.hunting.hours import MAX_HOLIDAY_NAME, MAX_HOLIDAYS, Holiday

Event = Any
"""icalendar's, whose types say of a property that it may be of any kind."""

MAX_BYTES = 1024 * 1024
MAX_SERIES = 200
AHEAD = timedelta(days=731)
DAY = timedelta(days=1)
LONGEST = timedelta(days=366)
"""Of one event; a longer one is a mistake."""

UNNAMED = "holiday"

CONTENT_LINE = re.compile(rb"(\xef\xbb\xbf)?[A-Za-z0-9.-]+[:;]|[ \t]")
"""How a line begins: with a name, or with a blank as the rest of the line before it."""

MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WITHOUT_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
PARTS = {
    "YEARLY": {"BYMONTH", "BYMONTHDAY", "BYDAY"},
    "MONTHLY": {"BYMONTHDAY", "BYDAY"},
    "WEEKLY": {"BYDAY"},
    "DAILY": set[str](),
}
"""The frequencies of whole days, and what may narrow each of them down."""


@dataclass(frozen=True, slots=True)
class HolidayFile:
    """The holidays of a file that are not past, in order; and the names of events of whole days that were left out."""

    holidays: tuple[Holiday, ...]
    left_out: tuple[str, ...]


class _NotUnderstood(Exception):
    """An event is broken, or its series is not one of those that are counted here."""


def too_large() -> BadValue:
    """Return the error of a file that is larger than ``MAX_BYTES``."""
    return BadValue(f"The file is larger than {MAX_BYTES // 1024} KB.")


def read_holidays(content: bytes, today: date) -> HolidayFile:
    """Return the holidays of a file; raise BadValue for one that is no calendar or is too large."""
    events = _events(content)
    if sum(1 for event in events if event.rrules) > MAX_SERIES:
        raise BadValue(f"The file has more than {MAX_SERIES} series of events.")
    moved = defaultdict[str, set[date]](set)
    for event in events:
        if "RECURRENCE-ID" in event:
            moved[str(event.get("UID"))].add(_day(event["RECURRENCE-ID"].dt))
    found, left_out = set[Holiday](), []
    for event in events:
        try:
            found.update(_holidays(event, today, moved))
        except _NotUnderstood:
            left_out.append(_name(event))
    if len(found) > MAX_HOLIDAYS:
        raise BadValue(f"The file has {len(found)} holidays; a group has at most {MAX_HOLIDAYS}.")
    in_order = sorted(found, key=lambda each: (each.first, each.last, each.name))
    return HolidayFile(tuple(in_order), tuple(dict.fromkeys(left_out)))


def _refusal(content: bytes) -> str:
    """Say why a file that the library refuses is none, with the first line that can be no line of a calendar."""
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip() and not CONTENT_LINE.match(line):
            return f"The file is no iCalendar file: line {number} is not understood."
    return "The file is no iCalendar file."


def _events(content: bytes) -> list[Event]:
    from icalendar import Calendar

    if len(content) > MAX_BYTES:
        raise too_large()
    try:
        calendars = Calendar.from_ical(content, multiple=True)
    except Exception:  # noqa: BLE001 whatever the library raises at a file that anybody may have written
        raise BadValue(_refusal(content)) from None
    if not calendars:
        raise BadValue("The file is no iCalendar file: there is no whole calendar in it.")
    return [event for calendar in calendars for event in calendar.walk("VEVENT")]


def _holidays(event: Event, today: date, moved: dict[str, set[date]]) -> Iterator[Holiday]:
    """Yield the holidays of an event; none if it does not last whole days, or was called off."""
    try:
        first, end = event.start, event.end
    except Exception as error:
        raise _NotUnderstood from error
    if isinstance(first, datetime) or isinstance(end, datetime) or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    length = max(end - first, DAY)
    if length > LONGEST:
        raise _NotUnderstood
    others = moved[str(event.get("UID"))] if "RECURRENCE-ID" not in event else set()
    latest = today + AHEAD if event.rrules else date.max
    for day in _days(event, first, today - length, latest):
        if day not in others and day + length > today:
            yield Holiday(_name(event), day, day + length - DAY)


def _days(event: Event, first: date, earliest: date, latest: date) -> list[date]:
    """Return the days on which an event begins within these bounds, both included."""
    from dateutil.rrule import rruleset, rrulestr

    begin, series = _midnight(first), rruleset()
    series.rdate(begin)
    try:
        for rule in event.rrules:
            series.rrule(rrulestr(_checked(rule), dtstart=begin))
        for more, _ in event.rdates:
            series.rdate(_midnight(_day(more)))
        for but in event.exdates:
            series.exdate(_midnight(_day(but)))
        return [each.date() for each in series.between(_midnight(earliest), _midnight(latest), inc=True)]
    except _NotUnderstood:
        raise
    except Exception as error:
        raise _NotUnderstood from error


def _checked(rule: Any) -> str:
    """Return the text of a rule that has a day every few years; others would be counted through for millennia."""
    frequency = str(rule.get("FREQ", [""])[0]).upper()
    parts = {str(name).upper() for name in rule} - WITHOUT_PARTS
    interval = int(rule.get("INTERVAL", [1])[0])
    if frequency not in PARTS or not parts <= PARTS[frequency] or interval < 1:
        raise _NotUnderstood
    if parts and interval > 1 and frequency != "WEEKLY":
        raise _NotUnderstood
    if "BYDAY" in parts and ("BYMONTHDAY" in parts or any(abs(day.relative or 0) > 5 for day in rule["BYDAY"])):
        raise _NotUnderstood
    if "BYMONTHDAY" in parts:
        longest = max(MONTH_DAYS[int(month) - 1] for month in rule.get("BYMONTH", [1]))
        if any(not 1 <= abs(int(day)) <= longest for day in rule["BYMONTHDAY"]):
            raise _NotUnderstood
    text: str = rule.to_ical().decode()
    if "UNTIL" in rule:  # a date, as the event's own: a time would have a zone
        until = f"{_day(rule['UNTIL'][0]):%Y%m%d}"
        text = ";".join(f"UNTIL={until}" if part.startswith("UNTIL=") else part for part in text.split(";"))
    return text


def _name(event: Event) -> str:
    """Return the name as it can be stored: in one line, and not too long."""
    text = "".join(char if char.isprintable() else " " for char in str(event.get("SUMMARY", "")))
    return " ".join(text.split())[:MAX_HOLIDAY_NAME].strip() or UNNAMED


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
