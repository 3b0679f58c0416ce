"""When a group is open: the week, holidays, closed by hand, and the days on which the clock is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.hunting import hours as rules
from fshunt.hunting.hours import (
    ALWAYS_OPEN,
    DAY_MINUTES,
    Closed,
    ClosedByHand,
    Holiday,
    Hours,
    Interval,
    Why,
    check_zone,
    closed_at,
    next_change,
    opens_ever,
    state_at,
)
from fshunt.hunting.hours_text import parse_intervals, parse_week

ROME = "Europe/Rome"
OFFICE = parse_week(["mon-fri", "08:00-12:00,13:00-17:00", "sat", "09:00-12:00"])
BAR = parse_week(["daily", "18:00-02:30"])
CHRISTMAS = Holiday("Christmas", date(2026, 12, 25), date(2026, 12, 26))
HALF_DAY = Holiday("Christmas Eve", date(2026, 12, 24), date(2026, 12, 24), parse_intervals("08:00-12:00"))
SHUTDOWN = Holiday("company holidays", date(2026, 12, 21), date(2027, 1, 6))
BY_HOURS = Closed(Why.HOURS)


def in_rome(text: str, fold: int = 0) -> datetime:
    """A moment by the clock in Rome: of a reading that is repeated, the first or the second."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ROME), fold=fold).astimezone(UTC)


def closed(hours: Hours, text: str, fold: int = 0) -> Closed | None:
    return closed_at(hours, ROME, in_rome(text, fold))


def test_a_group_without_hours_is_always_open() -> None:
    state = state_at(ALWAYS_OPEN, None, in_rome("2026-11-30T03:00"))
    assert (state.closed, state.until) == (None, None)
    assert next_change(ALWAYS_OPEN, None, in_rome("2026-11-30T03:00")) is None


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-30T07:59:59", False),
        ("2026-11-30T08:00", True),
        ("2026-11-30T11:59:59.9", True),
        ("2026-11-30T12:00", False),
        ("2026-11-30T13:00", True),
        ("2026-11-30T17:00", False),
        ("2026-12-05T09:00", True),
        ("2026-12-05T13:00", False),
        ("2026-12-06T10:00", False),
    ],
)
def test_the_hours_of_the_week_begin_and_end_to_the_second(moment: str, is_open: bool) -> None:
    assert closed(Hours(OFFICE), moment) == (None if is_open else BY_HOURS)


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    only_friday = Hours(parse_week(["fri", "22:00-02:00"]))
    assert closed(only_friday, "2026-12-05T01:59") is None
    assert closed(only_friday, "2026-12-05T02:00") == BY_HOURS
    assert closed(only_friday, "2026-12-04T01:00") == BY_HOURS, "Thursday has no night"


def test_hours_past_midnight_go_on_into_a_holiday() -> None:
    bar = Hours(BAR, (CHRISTMAS,))
    assert closed(bar, "2026-12-25T02:29") is None
    assert closed(bar, "2026-12-25T02:30") == Closed(Why.HOLIDAY, "Christmas")
    assert closed(bar, "2026-12-27T01:00") == BY_HOURS, "nobody has opened on the holiday before"


def test_a_holiday_goes_over_the_week_and_has_hours_of_its_own() -> None:
    hours = Hours(OFFICE, (CHRISTMAS, HALF_DAY))
    assert closed(hours, "2026-12-24T11:00") is None
    assert closed(hours, "2026-12-24T14:00") == Closed(Why.HOLIDAY, "Christmas Eve")
    assert closed(hours, "2026-12-25T10:00") == Closed(Why.HOLIDAY, "Christmas")
    assert str(closed(hours, "2026-12-25T10:00")) == "holiday Christmas"


def test_of_several_holidays_the_shortest_counts() -> None:
    hours = Hours(OFFICE, (SHUTDOWN, HALF_DAY))
    assert closed(hours, "2026-12-24T11:00") is None
    assert closed(hours, "2026-12-23T11:00") == Closed(Why.HOLIDAY, "company holidays")


def test_holidays_alone_leave_all_other_days_open() -> None:
    hours = Hours(holidays=(CHRISTMAS,))
    assert closed(hours, "2026-12-24T23:59") is None
    assert closed(hours, "2026-12-25T00:00") == Closed(Why.HOLIDAY, "Christmas")
    assert closed(hours, "2026-12-27T00:00") is None
    assert state_at(hours, ROME, in_rome("2026-12-25T10:00")).until == in_rome("2026-12-27T00:00")


def test_disabled_counts_before_closed_by_hand_and_that_before_a_holiday() -> None:
    by_hand = ClosedByHand(in_rome("2026-12-25T08:00"), in_rome("2026-12-25T12:00"))
    hours = Hours(OFFICE, (CHRISTMAS,), by_hand)
    now = in_rome("2026-12-25T10:00")
    assert state_at(hours, ROME, now, enabled=False).closed == Closed(Why.DISABLED)
    assert state_at(hours, ROME, now).closed == Closed(Why.BY_HAND)
    assert next_change(hours, ROME, now) == in_rome("2026-12-25T12:00"), "then it is closed by the holiday"
    assert state_at(hours, ROME, now).until == in_rome("2026-12-28T08:00"), "and opens on Monday only"
    assert closed(hours, "2026-12-25T12:00") == Closed(Why.HOLIDAY, "Christmas")


def test_closed_by_hand_without_an_end_is_closed_for_ever() -> None:
    hours = Hours(OFFICE, by_hand=ClosedByHand(in_rome("2026-11-30T08:00")))
    state = state_at(hours, ROME, in_rome("2026-11-30T10:00"))
    assert (state.closed, state.until) == (Closed(Why.BY_HAND), None)
    assert closed(hours, "2029-11-30T10:00") == Closed(Why.BY_HAND)


def test_a_state_says_until_when() -> None:
    hours = Hours(OFFICE, (CHRISTMAS, HALF_DAY))
    assert state_at(hours, ROME, in_rome("2026-11-30T09:00")).until == in_rome("2026-11-30T12:00")
    assert state_at(hours, ROME, in_rome("2026-11-30T12:30")).until == in_rome("2026-11-30T13:00")
    assert state_at(hours, ROME, in_rome("2026-12-24T13:00")).until == in_rome("2026-12-28T08:00")


def test_intervals_that_touch_are_one() -> None:
    hours = Hours(parse_week(["mon", "08:00-12:00,12:00-24:00", "tue", "00:00-10:00"]))
    assert state_at(hours, ROME, in_rome("2026-11-30T09:00")).until == in_rome("2026-12-01T10:00")


def test_a_far_end_is_found_and_a_farther_one_is_not_looked_for() -> None:
    far = Hours(holidays=(Holiday("inventory", date(2027, 9, 1), date(2027, 9, 1)),))
    assert state_at(far, ROME, in_rome("2026-11-30T09:00")).until == in_rome("2027-09-01T00:00")
    assert state_at(far, ROME, in_rome("2026-01-30T09:00")).until is None


def test_hours_that_never_open_are_known() -> None:
    now = in_rome("2026-11-30T09:00")
    years = Holiday("moved away", date(2026, 1, 1), date(2029, 12, 31))
    assert opens_ever(Hours(OFFICE), ROME, now)
    assert opens_ever(Hours(OFFICE, (CHRISTMAS,), ClosedByHand(now)), ROME, now), "a person opens it again"
    assert not opens_ever(Hours(OFFICE, (years,)), ROME, now)
    assert not opens_ever(Hours(((),) * 7), ROME, now)


# The days on which the clock is changed: in Rome on 2026-03-29 from 02:00 to 03:00, and on 2026-10-25 back.


def test_hours_that_are_skipped_are_not_there() -> None:
    night = Hours(parse_week(["daily", "02:15-02:45"]))
    assert closed(night, "2026-03-29T01:59:59") == BY_HOURS
    assert closed(night, "2026-03-29T03:00") == BY_HOURS
    state = state_at(night, ROME, in_rome("2026-03-28T03:00"))
    assert state.until == in_rome("2026-03-30T02:15")


def test_hours_that_begin_in_the_skipped_hour_begin_at_the_change() -> None:
    early = Hours(parse_week(["daily", "02:30-06:00"]))
    state = state_at(early, ROME, in_rome("2026-03-29T01:00"))
    assert state.until == in_rome("2026-03-29T03:00")
    assert (state.until - in_rome("2026-03-29T01:00")) == timedelta(hours=1)


def test_hours_that_end_in_the_skipped_hour_end_at_the_change() -> None:
    assert state_at(Hours(BAR), ROME, in_rome("2026-03-28T20:00")).until == in_rome("2026-03-29T03:00")


def test_hours_in_the_repeated_hour_count_twice() -> None:
    night = Hours(parse_week(["daily", "02:15-02:45"]))
    assert closed(night, "2026-10-25T02:30", fold=0) is None
    assert closed(night, "2026-10-25T02:50", fold=0) == BY_HOURS
    assert closed(night, "2026-10-25T02:30", fold=1) is None
    changes = [in_rome("2026-10-25T01:00")]
    while (change := next_change(night, ROME, changes[-1])) is not None and change < in_rome("2026-10-25T12:00"):
        changes.append(change)
    assert changes[1:] == [
        in_rome("2026-10-25T02:15", 0), in_rome("2026-10-25T02:45", 0),
        in_rome("2026-10-25T02:15", 1), in_rome("2026-10-25T02:45", 1),
    ]  # fmt: skip


def test_hours_that_end_in_the_repeated_hour_open_again_at_the_change() -> None:
    changes = [in_rome("2026-10-24T20:00")]
    for _ in range(3):
        changes.append(next_change(Hours(BAR), ROME, changes[-1]) or pytest.fail("no change"))
    assert changes[1:] == [
        in_rome("2026-10-25T02:30", 0), in_rome("2026-10-25T02:00", 1), in_rome("2026-10-25T02:30", 1),
    ]  # fmt: skip


def test_a_day_that_a_clock_skips_has_no_hours() -> None:
    """Samoa went from 2011-12-29 to 2011-12-31, a Saturday."""
    hours = Hours(parse_week(["fri", "08:00-17:00", "sat", "09:00-12:00"]))
    apia = ZoneInfo("Pacific/Apia")
    state = state_at(hours, "Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=apia).astimezone(UTC))
    assert state.until == datetime(2011, 12, 31, 9, tzinfo=apia).astimezone(UTC)


# For all zones and any hours.

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"}))
MINUTES = st.integers(0, DAY_MINUTES - 1)
MOMENTS = st.integers(946_684_800, 2_114_380_800).map(lambda second: datetime.fromtimestamp(second, UTC))


@st.composite
def intervals(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Some hours of a day, in order; the last may go past midnight."""
    ends = sorted(draw(st.lists(MINUTES, max_size=4, unique=True)))
    found = [Interval(opens, closes) for opens, closes in pairwise(ends)][::2]
    if draw(st.booleans()):
        opens = draw(st.integers(ends[-1] if ends else 0, DAY_MINUTES - 1))
        found.append(Interval(opens, opens + draw(st.integers(1, DAY_MINUTES - bool(opens)))))
    return tuple(found)


@st.composite
def calendars(draw: st.DrawFn, about: datetime) -> Hours:
    """Hours of a week, and holidays near a day."""
    week = draw(st.just(()) | st.tuples(*[intervals()] * 7))
    first = about.date() + timedelta(days=draw(st.integers(-3, 3)))
    last = first + timedelta(days=draw(st.integers(0, 3)))
    by_hand = ClosedByHand(about, about + timedelta(minutes=draw(st.integers(-600, 6000))))
    return Hours(
        week,
        draw(st.just(()) | st.just((Holiday("x", first, last, draw(intervals())),))),
        draw(st.none() | st.just(by_hand)),
    )


@st.composite
def changes_of_clocks(draw: st.DrawFn, zone: str) -> datetime:
    """A moment near a change of the zone's clock, if it has one in the year that is drawn."""
    start = draw(MOMENTS)
    place = ZoneInfo(zone)
    days = (start + timedelta(days=day) for day in range(366))
    day = next(
        (d for d, e in pairwise(days) if d.astimezone(place).utcoffset() != e.astimezone(place).utcoffset()), start
    )
    return day + timedelta(minutes=draw(st.integers(-300, 1500)))


@given(st.data())
def test_the_clock_on_the_wall_decides(data: st.DataObject) -> None:
    zone = data.draw(ZONES)
    now = data.draw(MOMENTS | changes_of_clocks(zone))
    hours = data.draw(calendars(now))
    reading = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    same_reading = reading.replace(tzinfo=UTC)
    if hours.by_hand is None:
        assert closed_at(hours, zone, now) == closed_at(hours, "UTC", same_reading)


@given(st.data())
def test_a_state_lasts_until_it_is_said_to_end_and_then_ends(data: st.DataObject) -> None:
    zone = data.draw(ZONES)
    now = data.draw(MOMENTS | changes_of_clocks(zone))
    hours = data.draw(calendars(now))
    state, change = state_at(hours, zone, now), next_change(hours, zone, now)
    looked = [now + timedelta(minutes=minute) for minute in range(0, 3 * DAY_MINUTES, 5)]
    for then in looked:
        found = closed_at(hours, zone, then)
        if change is None or then < change:
            assert found == state.closed
        if state.until is None or then < state.until:
            assert (found is None) == (state.closed is None)
    if change is not None:
        assert closed_at(hours, zone, change) != state.closed
        assert closed_at(hours, zone, change - rules.SECOND) == state.closed or change - now < rules.SECOND
    if state.until is not None:
        assert (closed_at(hours, zone, state.until) is None) != (state.closed is None)


# Values that are refused.


@pytest.mark.parametrize("name", ["Europe/Rom", "Europe", "", "../../etc/passwd", "/etc/passwd", "localtime", "a\0b"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match="There is no time zone"):
        check_zone(name)


def test_the_nearest_zone_is_named() -> None:
    with pytest.raises(BadValue, match=r"did you mean .*Europe/Rome"):
        check_zone("Europe/Rom")
    with pytest.raises(BadValue, match=r"did you mean .*Europe/Rome"):
        closed_at(Hours(OFFICE), "Europe/Rom", in_rome("2026-11-30T09:00"))


@pytest.mark.parametrize(("opens", "closes"), [(-1, 5), (5, 5), (1440, 1500), (60, 1501)])
def test_an_interval_that_is_not_possible_is_refused(opens: int, closes: int) -> None:
    with pytest.raises(BadValue, match="not possible"):
        Interval(opens, closes)


def test_a_holiday_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadValue, match="before it begins"):
        Holiday("x", date(2026, 12, 26), date(2026, 12, 25))
