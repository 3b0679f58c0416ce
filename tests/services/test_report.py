"""The figures of a report, over calls that a test makes up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fshunt.db.queries.call_search import ReportCall
from fshunt.services.report import Counted, HourCounter, Share, report

MONDAY = datetime(2026, 3, 30, 7, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def call(minutes: float, waited: float, by: str | None = None, *, at: datetime = MONDAY) -> ReportCall:
    """A call that waited so long, for the answer of a member or in vain."""
    began = at + timedelta(minutes=minutes)
    end = began + timedelta(seconds=waited)
    return ReportCall(f"{minutes}-{waited}", began, end if by else None, end, by)


def test_a_report_without_calls_has_no_figures() -> None:
    made = report([], UTC)
    assert (made.all, made.shares, made.usual_seconds, made.longest) == (Counted(), (), None, None)


def test_hours_and_weekdays_are_those_of_the_zone_when_clocks_change() -> None:
    before, after = MONDAY - timedelta(days=2), MONDAY
    made = report([call(0, 5, "1001", at=before), call(0, 5, at=after)], BERLIN)
    assert {hour: each for hour, each in enumerate(made.by_hour) if each.total} == {8: Counted(1), 9: Counted(0, 1)}
    assert made.by_weekday[5] == Counted(1)
    assert made.by_weekday[0] == Counted(0, 1)


def test_times_to_answer_are_of_answered_calls_alone() -> None:
    waits = [2, 4, 6, 8, 10, 12, 14, 16, 30, 40]
    made = report([*(call(i, waited, "1001") for i, waited in enumerate(waits)), call(20, 300)], UTC)
    assert (made.usual_seconds, made.ninety_seconds, made.quickly_part) == (10, 30, 0.8)
    assert made.longest is not None
    assert (made.longest.seconds, made.longest.answered) == (300, False)


def test_shares_are_in_order_and_parts_of_all_answers() -> None:
    made = report([call(1, 1, "1002"), call(2, 1, "1001"), call(3, 1, "1002"), call(4, 1)], UTC)
    assert made.shares == (Share("1002", 2, 2 / 3), Share("1001", 1, 1 / 3))


def test_a_call_that_still_waits_is_not_counted() -> None:
    waiting = ReportCall("w", MONDAY, None, None, None)
    talking = ReportCall("t", MONDAY, MONDAY + timedelta(seconds=3), None, "1001")
    assert report([waiting, talking], UTC).all == Counted(1, 0)


def test_each_hour_of_each_day_has_a_line() -> None:
    counter = HourCounter(UTC)
    lines = counter.add([call(0, 1, at=MONDAY - timedelta(days=1)), call(0, 10, "1001")])
    assert len(lines) == 1, "the second hour may have more calls"
    lines += [*counter.add([call(10, 20), call(60, 4, "1001")]), *counter.rest()]
    assert counter.rest() == []
    assert [(f"{line.day:%d}", line.hour, line.counted) for line in lines] == [
        ("29", 7, Counted(0, 1)),
        ("30", 7, Counted(1, 1)),
        ("30", 8, Counted(1, 0)),
    ]
    assert [(line.usual_seconds, line.longest_seconds) for line in lines] == [(None, 1), (10, 20), (4, 4)]


def test_an_hour_that_clocks_repeat_is_one_line() -> None:
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 2:30 in Berlin, an hour before 2:30
    counter = HourCounter(BERLIN)
    lines = counter.add([call(0, 1, at=autumn), call(60, 1, at=autumn), call(120, 1, at=autumn)]) + counter.rest()
    assert [(line.hour, line.counted) for line in lines] == [(2, Counted(0, 2)), (3, Counted(0, 1))]
