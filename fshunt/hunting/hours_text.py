"""Business hours and holidays as people write them: ``mon-fri 08:00-12:00,13:00-17:00 sat 09:00-12:00``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby, pairwise

from fshunt.errors import BadValue
from fshunt.hunting.hours import DAY_MINUTES, MAX_HOLIDAY_NAME, WEEKDAYS, Holiday, Interval, Week
from fshunt.hunting.validation import shown

CLOSED = "closed"
"""The word for a day without hours."""

EVERY_DAY = "daily"

FORM = "days and times, such as `mon-fri 08:00-12:00,13:00-17:00 sat 09:00-12:00`"
TIMES_FORM = "times such as 08:00-12:00,13:00-17:00, or `closed`"

_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)


def parse_week(words: Sequence[str]) -> Week:
    """Read days and times in turn; a day that is not named is closed. Raises BadValue."""
    if not words or len(words) % 2:
        raise BadValue(f"Hours are {FORM}.")
    found: dict[int, tuple[Interval, ...]] = {}
    for days, times in zip(words[::2], words[1::2], strict=True):
        intervals = parse_intervals(times)
        for day in _days(days.lower()):
            if day in found:
                raise BadValue(f"{WEEKDAYS[day]} is listed twice.")
            found[day] = intervals
    week = tuple(found.get(day, ()) for day in range(len(WEEKDAYS)))
    if not any(week):
        raise BadValue("These hours never open the group: close it by hand, or disable it.")
    return week


def parse_intervals(text: str) -> tuple[Interval, ...]:
    """Read the times of a day, or the word `closed`; an end that is not later is on the next day. Raises BadValue."""
    if text.lower() == CLOSED:
        return ()
    found = sorted(_interval(part) for part in text.split(","))
    for before, after in pairwise(found):
        if after.opens < before.closes:
            raise BadValue(f"{show_interval(before)} and {show_interval(after)} overlap.")
    return tuple(found)


def parse_days(text: str) -> tuple[date, date]:
    """Read the days of a holiday: ``2026-12-25``, or ``2026-12-24..2027-01-06``, both included. Raises BadValue."""
    first, dots, last = text.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise BadValue(f"{shown(text)} is no day: use 2026-12-25, or 2026-12-24..2027-01-06 for several.") from None


def check_holiday_name(name: str) -> str:
    """Return the name if it can be stored and shown; raise BadValue."""
    if not name.strip() or not name.isprintable() or len(name) > MAX_HOLIDAY_NAME:
        raise BadValue(f"The name of a holiday has 1 to {MAX_HOLIDAY_NAME} printable characters.")
    return name


def show_week(week: Week) -> list[str]:
    """Return the hours of a week as ``parse_week`` reads them, one text for each run of equal days."""
    runs = groupby(range(len(week)), key=lambda day: week[day])
    return [f"{_show_run(list(days))} {show_intervals(intervals)}" for intervals, days in runs if intervals]


def show_intervals(intervals: Sequence[Interval]) -> str:
    """Return the times of a day as ``parse_intervals`` reads them."""
    return ",".join(map(show_interval, intervals)) or CLOSED


def show_interval(interval: Interval) -> str:
    """Return one interval, such as 22:00-02:00."""
    return f"{show_minute(interval.opens)}-{show_end(interval)}"


def show_end(interval: Interval) -> str:
    """Return when an interval ends: 24:00 at midnight, and 02:00 if that is on the next day."""
    return show_minute(interval.closes if interval.closes <= DAY_MINUTES else interval.closes - DAY_MINUTES)


def show_minute(minute: int) -> str:
    """Return a minute of a day as a time."""
    return f"{minute // 60:02}:{minute % 60:02}"


def show_days(holiday: Holiday) -> str:
    """Return the days of a holiday as ``parse_days`` reads them."""
    return f"{holiday.first}" if holiday.first == holiday.last else f"{holiday.first}..{holiday.last}"


def _show_run(days: list[int]) -> str:
    return WEEKDAYS[days[0]] if len(days) == 1 else f"{WEEKDAYS[days[0]]}-{WEEKDAYS[days[-1]]}"


def _days(text: str) -> Iterator[int]:
    """Yield the days of ``mon``, ``mon-fri``, ``sat-mon``, ``mon,wed`` or ``daily``."""
    if text == EVERY_DAY:
        yield from range(len(WEEKDAYS))
        return
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin, end = _weekday(first), _weekday(last if dash else first)
        yield begin
        while begin != end:
            begin = (begin + 1) % len(WEEKDAYS)
            yield begin


def _weekday(word: str) -> int:
    if word not in WEEKDAYS:
        raise BadValue(f"{shown(word)} is no day: use {', '.join(WEEKDAYS)}, a range such as mon-fri, or {EVERY_DAY}.")
    return WEEKDAYS.index(word)


def _interval(text: str) -> Interval:
    opens, dash, closes = text.partition("-")
    begin, end = _minute(opens), _minute(closes)
    if not dash or begin is None or end is None or begin in (DAY_MINUTES, end):
        raise BadValue(f"{shown(text)} is no time from one to another: use {TIMES_FORM}.")
    return Interval(begin, end if end > begin else end + DAY_MINUTES)


def _minute(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    minute = int(found[1]) * 60 + int(found[2] or 0)
    return minute if int(found[2] or 0) < 60 and minute <= DAY_MINUTES else None
