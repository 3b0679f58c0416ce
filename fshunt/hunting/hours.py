"""When a group is open: the hours of its week, its holidays, and closed by hand (design, section 5).

The clock on the wall of the group's time zone decides. On the days on which it is changed, hours that are skipped are
not there, and hours that are repeated count twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from fshunt.errors import BadValue
from fshunt.hunting.suggestions import or_nearest
from fshunt.hunting.validation import shown

DAY_MINUTES = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of ``date.weekday``."""

MAX_HOLIDAYS = 1000
"""Of a group: some tens of years of them. They are read with each of its calls."""
MAX_HOLIDAY_NAME = 100

LOOK_AHEAD_DAYS = (4, 11, 402)
"""How far the next change is looked for, further where there is none: what is more than a year away is not told."""
SLACK_DAYS = 2
"""The moments of the last days of a look are not all known: hours go past midnight, and a clock may skip a day."""

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Open from one time of a day to another, in minutes after its midnight.

    ``closes`` is later than ``opens``; beyond 24 hours it is on the next day. Only a whole day is 24 hours long: from
    08:00 to 08:00 is a mistake. Raises BadValue.
    """

    opens: int
    closes: int

    def __post_init__(self) -> None:
        longest = DAY_MINUTES if self.opens == 0 else DAY_MINUTES - 1
        if not (0 <= self.opens < DAY_MINUTES and self.opens < self.closes <= self.opens + longest):
            raise BadValue(f"Hours from minute {self.opens} to {self.closes} of a day are not possible.")


Week = tuple[tuple[Interval, ...], ...]
"""The hours of Monday to Sunday; empty: no hours are set, so that every time is within them."""

ALL_DAY = (Interval(0, DAY_MINUTES),)


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days, both included, with hours of their own instead of the week's; without any they are closed."""

    name: str
    first: date
    last: date
    intervals: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise BadValue(f"Holiday {self.name} ends on {self.last}, before it begins on {self.first}.")

    @property
    def days(self) -> int:
        """How many days it lasts."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class ClosedByHand:
    """A person has closed the group; ``until`` None: until a person opens it again."""

    since: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it is still so."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Hours:
    """All that decides whether a group is open, but for its time zone."""

    week: Week = ()
    holidays: tuple[Holiday, ...] = ()
    by_hand: ClosedByHand | None = None

    @property
    def is_always_open(self) -> bool:
        """Whether nothing ever closes the group."""
        return not (self.week or self.holidays or self.by_hand)

    def holiday_on(self, day: date) -> Holiday | None:
        """Return the holiday of a day; of several the shortest: a half day within the weeks of a company's holidays."""
        found = [each for each in self.holidays if each.first <= day <= each.last]
        return min(found, key=lambda each: (each.days, each.first, each.name)) if found else None

    def intervals_on(self, day: date) -> tuple[Interval, ...]:
        """Return the hours that begin on a day."""
        holiday = self.holiday_on(day)
        if holiday is not None:
            return holiday.intervals
        return self.week[day.weekday()] if self.week else ALL_DAY


ALWAYS_OPEN = Hours()


class Why(StrEnum):
    """What closes a group, in the order in which it counts."""

    DISABLED = "disabled"
    BY_HAND = "by hand"
    HOLIDAY = "holiday"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a group is closed; ``holiday`` is the name of the holiday."""

    why: Why
    holiday: str | None = None

    def __str__(self) -> str:
        return f"{self.why} {self.holiday}" if self.holiday else self.why.value


@dataclass(frozen=True, slots=True)
class State:
    """Whether a group is open (``closed`` None), and when that ends; ``until`` None: no end is in sight."""

    closed: Closed | None
    until: datetime | None


def zone_named(name: str | None) -> ZoneInfo:
    """Return a time zone of the IANA database, UTC for None; raise BadValue if there is none of this name."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, as `Europe`
        raise BadValue(_no_zone(name or "")) from None


def check_zone(name: str) -> str:
    """Return the name if it is one of the IANA database, and so the same zone on every host; raise BadValue."""
    if name not in _zone_names():
        raise BadValue(_no_zone(name))
    return name


def _no_zone(name: str) -> str:
    hint = or_nearest(name, sorted(_zone_names()), "use a name such as Europe/Rome.")
    return f"There is no time zone {shown(name)}: {hint}"


@cache
def _zone_names() -> frozenset[str]:
    """The names of all zones: a look at some hundreds of files."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def closed_at(hours: Hours, zone: str | None, now: datetime) -> Closed | None:
    """Return why the group is closed at a moment; None where it is open. Raises BadValue if the zone does not exist."""
    if hours.by_hand is not None and hours.by_hand.holds(now):
        return Closed(Why.BY_HAND)
    if not (hours.week or hours.holidays):
        return None
    return _closed_by_clock(hours, now.astimezone(zone_named(zone)))


def state_at(hours: Hours, zone: str | None, now: datetime, *, enabled: bool = True) -> State:
    """Return whether the group is open at a moment, and until when. Raises BadValue if the zone does not exist."""
    if not enabled:
        return State(Closed(Why.DISABLED), None)
    closed = closed_at(hours, zone, now)
    return State(closed, _first(hours, zone, now, lambda then: (then is None) != (closed is None)))


def next_change(hours: Hours, zone: str | None, now: datetime) -> datetime | None:
    """Return the next moment at which the group opens or closes, or is closed for another reason; None: not in sight.

    Raises BadValue if the zone does not exist.
    """
    closed = closed_at(hours, zone, now)
    return _first(hours, zone, now, lambda then: then != closed)


def opens_ever(hours: Hours, zone: str | None, now: datetime) -> bool:
    """Tell whether week and holidays leave the group open at any moment of the next year. Raises BadValue."""
    calendar = Hours(hours.week, hours.holidays)
    state = state_at(calendar, zone, now)
    return state.closed is None or state.until is not None


def _closed_by_clock(hours: Hours, reading: datetime) -> Closed | None:
    """Return why the group is closed while the clock on the wall shows this."""
    day, minute = reading.date(), reading.hour * 60 + reading.minute
    if any(each.opens <= minute < each.closes for each in hours.intervals_on(day)):
        return None
    if any(minute + DAY_MINUTES < each.closes for each in hours.intervals_on(day - timedelta(days=1))):
        return None  # hours that go past midnight belong to the day on which they begin
    holiday = hours.holiday_on(day)
    return Closed(Why.HOURS) if holiday is None else Closed(Why.HOLIDAY, holiday.name)


def _first(
    hours: Hours, zone: str | None, now: datetime, is_wanted: Callable[[Closed | None], bool]
) -> datetime | None:
    """Return the first moment after ``now`` with a wanted state."""
    if hours.is_always_open:
        return None
    for days in LOOK_AHEAD_DAYS:
        end = now + timedelta(days=days - SLACK_DAYS)
        for moment in sorted(each for each in _moments(hours, zone_named(zone), now, days) if now < each < end):
            if is_wanted(closed_at(hours, zone, moment)):
                return moment
    return None


def _moments(hours: Hours, zone: ZoneInfo, now: datetime, days: int) -> Iterator[datetime]:
    """Yield, in no order, every moment of the next days at which the state of the group can change."""
    if hours.by_hand is not None and hours.by_hand.until is not None:
        yield hours.by_hand.until.astimezone(UTC)
    first = now.astimezone(zone).date() - timedelta(days=SLACK_DAYS)
    for number in range(days + SLACK_DAYS):
        midnight = datetime.combine(first + timedelta(days=number), time())
        ends = [minute for each in hours.intervals_on(midnight.date()) for minute in (each.opens, each.closes)]
        for minute in {0, *ends}:
            yield from _when_clock_shows(midnight + timedelta(minutes=minute), zone)


def _when_clock_shows(reading: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments at which the clock shows this: two if it is repeated; and the change of the clock that does it.

    A state changes at the change of the clock only where the end of an interval is skipped or repeated by it.
    """
    first, second = (reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        yield first
    if first < second:
        yield second
    if first != second:
        yield _change_of_clock(zone, min(first, second), max(first, second))


def _change_of_clock(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the moment of the one change of the clock between two others, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // (2 * SECOND))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
