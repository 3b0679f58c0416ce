"""Business hours, holidays, and closed by hand, as they are administered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries.groups import load_groups
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.hours import MAX_HOLIDAYS, Closed, ClosedByHand, Holiday, Hours, Why
from fshunt.hunting.hours_text import parse_intervals, parse_week
from fshunt.services import groups, hours
from fshunt.services.hours import Zone

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
"""A Monday, 10:00 in Rome."""
ROME = Zone("Europe/Rome")
OFFICE = parse_week(["mon-fri", "08:00-12:00,13:00-17:00", "sat", "22:00-02:00"])
CHRISTMAS = Holiday("Christmas", date(2026, 12, 25), date(2026, 12, 26))
HALF_DAY = Holiday("Christmas Eve", date(2026, 12, 24), date(2026, 12, 24), parse_intervals("08:00-12:00"))


@pytest.fixture
def office(store: Store) -> Store:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000", name="Sales")
        groups.add_group(s, DOMAIN, "5001", name="Support")
    return store


def read(store: Store, pilot: str = "5000") -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, pilot)


def test_hours_are_stored_and_read_as_they_were_set(office: Store) -> None:
    with office.writing() as s:
        assert hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME).hours.week == OFFICE
    found = read(office)
    assert (found.hours, found.time_zone) == (Hours(OFFICE), "Europe/Rome")
    assert read(office, "5001").hours == Hours(), "another group has none of it"
    with office.reading() as s:
        assert load_groups(s, [found.id])[0].group.hours.week == OFFICE, "so does the group cache"


def test_hours_are_replaced_and_cleared(office: Store) -> None:
    daily = parse_week(["daily", "00:00-24:00"])
    with office.writing() as s:
        hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME)
        assert hours.set_hours(s, DOMAIN, "5000", daily).hours.week == daily
        cleared = hours.clear_hours(s, DOMAIN, "5000")
    assert (cleared.hours, cleared.time_zone) == (Hours(), "Europe/Rome")


def test_a_group_without_a_time_zone_is_given_one(office: Store) -> None:
    with office.writing() as s:
        with pytest.raises(UsageError, match="has no time zone"):
            hours.set_hours(s, DOMAIN, "5000", OFFICE)
        with pytest.raises(BadValue, match="There is no time zone"):
            hours.set_hours(s, DOMAIN, "5000", OFFICE, Zone("Europe/Rom"))
        assert hours.set_hours(s, DOMAIN, "5000", OFFICE, Zone(default="Asia/Tokyo")).time_zone == "Asia/Tokyo"
        assert hours.set_hours(s, DOMAIN, "5000", OFFICE, Zone(default="Europe/Rome")).time_zone == "Asia/Tokyo"
        assert hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME).time_zone == "Europe/Rome"


def test_the_time_zone_of_hours_is_not_taken_away(office: Store) -> None:
    with office.writing() as s:
        hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS, ROME)
        with pytest.raises(UsageError, match="in its time zone"):
            groups.set_group(s, DOMAIN, "5000", time_zone=None)
        assert groups.set_group(s, DOMAIN, "5000", time_zone="Asia/Tokyo").hours.holidays == (CHRISTMAS,)
        hours.remove_holiday(s, DOMAIN, "5000", CHRISTMAS.first, CHRISTMAS.last)
        assert groups.set_group(s, DOMAIN, "5000", time_zone=None).time_zone is None


def test_holidays_are_added_and_removed(office: Store) -> None:
    with office.writing() as s:
        hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS, ROME)
        hours.add_holiday(s, DOMAIN, "5000", HALF_DAY)
        with pytest.raises(Conflict, match="has the holiday Christmas"):
            hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS)
        with pytest.raises(NotFound, match="no such holiday"):
            hours.remove_holiday(s, DOMAIN, "5000", CHRISTMAS.first, CHRISTMAS.first)
    assert read(office).hours.holidays == (HALF_DAY, CHRISTMAS), "in order"
    with office.writing() as s:
        hours.remove_holiday(s, DOMAIN, "5000", CHRISTMAS.first, CHRISTMAS.last)
    assert read(office).hours.holidays == (HALF_DAY,)


def test_one_of_several_holidays_of_a_day_is_removed_by_its_name(office: Store) -> None:
    day = HALF_DAY.first
    with office.writing() as s:
        hours.add_holiday(s, DOMAIN, "5000", HALF_DAY, ROME)
        hours.add_holiday(s, DOMAIN, "5000", Holiday("inventory", day, day))
        with pytest.raises(UsageError, match="Christmas Eve, inventory"):
            hours.remove_holiday(s, DOMAIN, "5000", day, day)
        assert hours.remove_holiday(s, DOMAIN, "5000", day, day, "inventory").hours.holidays == (HALF_DAY,)


def test_what_is_imported_twice_is_there_once(office: Store) -> None:
    with office.writing() as s:
        hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS, ROME)
        imported = hours.import_holidays(s, DOMAIN, "5000", [HALF_DAY, CHRISTMAS])
        assert (imported.added, imported.known) == ((HALF_DAY,), 1)
        again = hours.import_holidays(s, DOMAIN, "5000", [HALF_DAY, CHRISTMAS])
        assert (again.added, again.known) == ((), 2)
    assert read(office).hours.holidays == (HALF_DAY, CHRISTMAS)


def test_a_group_has_only_so_many_holidays(office: Store) -> None:
    days = [CHRISTMAS.first + timedelta(days=number) for number in range(MAX_HOLIDAYS + 1)]
    with office.writing() as s, pytest.raises(UsageError, match="at most 1000"):
        hours.import_holidays(s, DOMAIN, "5000", [Holiday("x", day, day) for day in days], ROME)
    assert read(office).hours == Hours()


def test_a_group_is_closed_by_hand_and_opened_again(office: Store) -> None:
    until = NOW + timedelta(hours=2)
    with office.writing() as s:
        closed = hours.close_group(s, DOMAIN, "5000", until=until, now=NOW)
        assert closed.hours.by_hand == ClosedByHand(NOW, until)
        assert closed.closed_at(NOW) == Closed(Why.BY_HAND)
        longer = hours.close_group(s, DOMAIN, "5000", now=NOW + timedelta(hours=1))
        assert longer.hours.by_hand == ClosedByHand(NOW, None), "it has been closed since then"
    assert read(office).hours.by_hand == ClosedByHand(NOW, None)
    with office.writing() as s:
        assert hours.open_group(s, DOMAIN, "5000").hours == Hours()
        with pytest.raises(UsageError, match="is past"):
            hours.close_group(s, DOMAIN, "5000", until=NOW, now=NOW)


def test_hours_that_nobody_can_call_in_are_warned_of(office: Store) -> None:
    years = Holiday("moved away", date(2026, 1, 1), date(2029, 12, 31))
    with office.writing() as s:
        assert hours.warnings_of(hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME), NOW) == []
        [warning] = hours.warnings_of(hours.add_holiday(s, DOMAIN, "5000", years), NOW)
    assert warning == "The hours of group 5000 do not open it within a year: nobody rings."


def test_hours_in_a_zone_that_does_not_exist_do_not_count(office: Store) -> None:
    group = Group(id=1, domain=DOMAIN, pilot="5000", time_zone="Mars/Base", hours=Hours(OFFICE))
    [warning] = hours.warnings_of(group, NOW)
    assert "do not count" in warning
    assert hours.state_of(group, NOW).closed is None


def test_hours_go_with_their_group(office: Store) -> None:
    with office.writing() as s:
        hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME)
        hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS)
        groups.remove_group(s, DOMAIN, "5000")
        groups.add_group(s, DOMAIN, "5000")
    assert read(office).hours == Hours()


def test_what_a_change_has_of_hours_brings_them_back(office: Store) -> None:
    with office.writing() as s:
        hours.set_hours(s, DOMAIN, "5000", OFFICE, ROME)
        hours.add_holiday(s, DOMAIN, "5000", HALF_DAY)
        before = hours.close_group(s, DOMAIN, "5000", until=NOW + timedelta(days=1), now=NOW)
        hours.clear_hours(s, DOMAIN, "5000")
        hours.open_group(s, DOMAIN, "5000")
        after = hours.add_holiday(s, DOMAIN, "5000", CHRISTMAS)
        values = dict.fromkeys(hours.hours_values(after)) | hours.hours_values(before)
        assert hours.restore(s, DOMAIN, "5000", values).hours == before.hours
