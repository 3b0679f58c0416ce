import time
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.cli.times import host_zone, parse_since
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


def test_the_zone_of_the_host_is_one_that_other_hosts_know(monkeypatch):
    assert host_zone() is None, "a zone that is spelt out has no name"
    monkeypatch.setenv("TZ", ":Europe/Rome")
    assert host_zone() == "Europe/Rome"
