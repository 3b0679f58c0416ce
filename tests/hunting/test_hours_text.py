"""Hours and holidays as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.hunting.hours import Holiday, Interval
from fshunt.hunting.hours_text import (
    check_holiday_name,
    parse_days,
    parse_intervals,
    parse_week,
    show_days,
    show_intervals,
    show_week,
)
from tests.hunting.test_hours import intervals


def test_a_week_is_read_and_shown_in_the_same_words() -> None:
    words = ["mon-fri", "08:00-12:00,13:00-17:00", "sat", "09:00-12:00"]
    week = parse_week(words)
    assert week[0] == week[4] == (Interval(480, 720), Interval(780, 1020))
    assert (week[5], week[6]) == ((Interval(540, 720),), ())
    assert " ".join(show_week(week)) == " ".join(words)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("DAILY 8-18", "mon-sun 08:00-18:00"),
        ("sat-mon 10:00-12:00", "mon 10:00-12:00, sat-sun 10:00-12:00"),
        ("mon,wed 9-17 tue closed", "mon 09:00-17:00, wed 09:00-17:00"),
        ("daily 00:00-24:00", "mon-sun 00:00-24:00"),
        ("fri 22:00-02:00", "fri 22:00-02:00"),
        ("mon 13:00-17:00,08:00-12:00", "mon 08:00-12:00,13:00-17:00"),
    ],
)
def test_days_and_times_have_short_forms(words: str, shown: str) -> None:
    assert ", ".join(show_week(parse_week(words.split()))) == shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "Hours are days and times"),
        ("mon-fri", "Hours are days and times"),
        ("monday 8-17", "'monday' is no day"),
        ("mon-fri 8-17 fri 9-12", "fri is listed twice"),
        ("mon 8-12,11-14", "08:00-12:00 and 11:00-14:00 overlap"),
        ("mon 8", "'8' is no time"),
        ("mon 8-8", "'8-8' is no time"),
        ("mon 08:60-12:00", "is no time"),
        ("mon 8-25", "is no time"),
        ("mon 24:00-01:00", "is no time"),
        ("mon ٨-١٢", "is no time"),
        ("daily closed", "never open"),
    ],
)
def test_what_is_no_week_is_refused_in_a_sentence(words: str, sentence: str) -> None:
    with pytest.raises(BadValue, match=sentence):
        parse_week(words.split())


@given(intervals())
def test_what_is_shown_is_read_again(some: tuple[Interval, ...]) -> None:
    assert parse_intervals(show_intervals(some)) == some


@given(st.tuples(*[intervals()] * 7).filter(any))
def test_a_week_that_is_shown_is_read_again(week: tuple[tuple[Interval, ...], ...]) -> None:
    assert parse_week(" ".join(show_week(week)).split()) == week


@pytest.mark.parametrize("text", ["2026-12-25", "2026-12-24..2027-01-06"])
def test_days_of_a_holiday_are_read_and_shown_in_the_same_words(text: str) -> None:
    assert show_days(Holiday("x", *parse_days(text))) == text


@pytest.mark.parametrize("text", ["", "25.12.2026", "2026-02-30", "2026-12-24..", "..2026-12-24", "today"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="is no day"):
        parse_days(text)


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[31m", "x" * 101])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match="printable"):
        check_holiday_name(name)
