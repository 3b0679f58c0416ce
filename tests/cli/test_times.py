import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fshunt.cli.times import host_zone, parse_length, parse_since, parse_until, shown_until
from fshunt.errors import UsageError

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
"""14:00 in Berlin, on the day of its change to summer time."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("45s", NOW - timedelta(seconds=45)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("1w", NOW - timedelta(days=7)),
        (" 2H ", NOW - timedelta(hours=2)),
        ("today", datetime(2025, 3, 29, 23, 0, tzinfo=UTC)),
        ("yesterday", datetime(2025, 3, 28, 23, 0, tzinfo=UTC)),
        ("2025-03-31", datetime(2025, 3, 30, 22, 0, tzinfo=UTC)),
        ("2025-03-29T09:00", datetime(2025, 3, 29, 8, 0, tzinfo=UTC)),
        ("2025-03-31 09:00", datetime(2025, 3, 31, 7, 0, tzinfo=UTC)),
        ("2025-03-31T09:00:00Z", datetime(2025, 3, 31, 9, 0, tzinfo=UTC)),
        ("2025-03-31T09:00:00+05:30", datetime(2025, 3, 31, 3, 30, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(text, meant):
    assert parse_since(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "tomorrow", "h", "2 h", "2025", "٣h", "9" * 30 + "d", "0001-01-01"])
def test_a_text_that_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="is not a time: use "):
        parse_since(text, NOW)


# Times ahead: until when something holds. NOW is 14:00 in Berlin.

ROME = ZoneInfo("Europe/Rome")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("15:30", datetime(2025, 3, 30, 13, 30, tzinfo=UTC)),
        ("9:00", datetime(2025, 3, 31, 7, tzinfo=UTC)),
        ("14:00", datetime(2025, 3, 31, 12, tzinfo=UTC)),
        ("today", datetime(2025, 3, 30, 22, tzinfo=UTC)),
        ("2025-12-24 12:00", datetime(2025, 12, 24, 11, tzinfo=UTC)),
        ("2025-12-24T12:00", datetime(2025, 12, 24, 11, tzinfo=UTC)),
        ("2025-12-24t12:00z", datetime(2025, 12, 24, 12, tzinfo=UTC)),
        ("2025-12-24", datetime(2025, 12, 23, 23, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("zone", [None, ROME])
def test_a_time_ahead(text, meant, zone):
    assert parse_until(text, NOW, zone) == meant


def test_a_time_ahead_is_of_the_zone_that_is_named():
    assert parse_until("15:30", NOW, ZoneInfo("Asia/Tokyo")) == datetime(2025, 3, 31, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2025-03-30 13:59", "2020-01-01"])
def test_a_time_that_is_past_is_refused(text):
    with pytest.raises(UsageError, match="is past"):
        parse_until(text, NOW)


@pytest.mark.parametrize("text", ["", "soon", "24:00", "12:60", "2025-02-30", "2h"])
def test_what_is_no_time_ahead_is_refused(text):
    with pytest.raises(UsageError, match="is not a time"):
        parse_until(text, NOW)


def test_a_length_of_time_is_counted_from_now():
    assert parse_length("2h", NOW) == NOW + timedelta(hours=2)
    assert parse_length(" 30M ", NOW) == NOW + timedelta(minutes=30)


@pytest.mark.parametrize("text", ["", "2", "0h", "-1h", "2y", "99999999999w"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(UsageError, match=r"is not a length of time|is too long"):
        parse_length(text, NOW)


def test_a_moment_is_shown_with_its_day_only_where_it_is_another_one():
    assert shown_until(datetime(2025, 3, 30, 13, 30, tzinfo=UTC), NOW, ROME) == "15:30"
    assert shown_until(datetime(2025, 3, 30, 22, tzinfo=UTC), NOW, ROME) == "2025-03-31 00:00"


def test_the_zone_of_the_host_is_one_that_other_hosts_know(monkeypatch):
    assert host_zone() is None, "a zone that is spelt out has no name"
    monkeypatch.setenv("TZ", ":Europe/Rome")
    assert host_zone() == "Europe/Rome"
