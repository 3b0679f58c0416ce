"""Moments ahead: until when something holds."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fshunt.errors import UsageError
from fshunt.services.moments import parse_length, parse_until, shown_until

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
"""14:00 in Berlin, on the day of its change to summer time."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
