"""Holidays from an iCalendar file."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.services.holiday_file import MAX_BYTES, MAX_SERIES, HolidayFile, read_holidays

TODAY = date(2026, 11, 29)


def calendar(*events: str) -> bytes:
    """A file of events, each of which is some lines."""
    lines = [f"BEGIN:VEVENT\nUID:{number}\n{event.strip()}\nEND:VEVENT" for number, event in enumerate(events)]
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//", *lines, "END:VCALENDAR", ""])
    return "\r\n".join(line.strip() for line in text.split("\n")).encode()


def read(*events: str) -> HolidayFile:
    return read_holidays(calendar(*events), TODAY)


def days(*events: str) -> list[tuple[str, str, str]]:
    found = read(*events)
    assert found.left_out == ()
    return [(each.name, str(each.first), str(each.last)) for each in found.holidays]


CHRISTMAS = "SUMMARY:Christmas\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227"


def test_an_event_of_whole_days_is_a_holiday() -> None:
    assert days(CHRISTMAS) == [("Christmas", "2026-12-25", "2026-12-26")]
    assert not read(CHRISTMAS).holidays[0].intervals


def test_an_event_without_an_end_is_one_day() -> None:
    assert days("SUMMARY:New Year\nDTSTART;VALUE=DATE:20270101") == [("New Year", "2027-01-01", "2027-01-01")]
    assert days("SUMMARY:Week\nDTSTART;VALUE=DATE:20270104\nDURATION:P7D") == [("Week", "2027-01-04", "2027-01-10")]


def test_events_of_hours_and_those_called_off_are_none() -> None:
    assert days("SUMMARY:Meeting\nDTSTART:20261201T100000Z", f"{CHRISTMAS}\nSTATUS:CANCELLED") == []


def test_what_is_past_is_left_out_and_what_goes_on_is_not() -> None:
    assert days("SUMMARY:Past\nDTSTART;VALUE=DATE:20261128") == []
    going = "SUMMARY:Going on\nDTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261130"
    assert days(going) == [("Going on", "2026-11-20", "2026-11-29")]


def test_an_event_that_recurs_is_known_for_two_years() -> None:
    assert days("SUMMARY:Unity\nDTSTART;VALUE=DATE:19901003\nRRULE:FREQ=YEARLY") == [
        ("Unity", "2027-10-03", "2027-10-03"), ("Unity", "2028-10-03", "2028-10-03"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2027-11-25"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-12-25"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-12-31"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2026-11-30"),
        ("FREQ=DAILY;UNTIL=20261130T120000Z", "2026-11-29"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2028-02-29"),
    ],
)
def test_the_usual_rules_are_understood(rule: str, first: str) -> None:
    found = days(f"SUMMARY:x\nDTSTART;VALUE=DATE:20260921\nRRULE:{rule}")
    assert found[0] == ("x", first, first)


def test_single_days_of_a_series_are_added_moved_and_left_out() -> None:
    series = "SUMMARY:Market\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=4"
    more = f"{series}\nRDATE;VALUE=DATE:20261224\nEXDATE;VALUE=DATE:20261208"
    moved = "SUMMARY:Market, later\nDTSTART;VALUE=DATE:20261217\nRECURRENCE-ID;VALUE=DATE:20261215"
    content = calendar(more, moved).replace(b"UID:1", b"UID:0")
    found = read_holidays(content, TODAY).holidays
    assert [(each.name, each.first.day) for each in found] == [
        ("Market", 1), ("Market, later", 17), ("Market", 22), ("Market", 24),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART;VALUE=DATE:20261301",
        "DTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:99991231",
        "RRULE:FREQ=YEARLY",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=SECONDLY",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=15",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYDAY=60MO",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS=300",
        "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;INTERVAL=0",
    ],
)
def test_what_is_broken_or_would_be_counted_through_for_ever_is_left_out_by_name(lines: str) -> None:
    found = read(f"SUMMARY:odd\n{lines}", CHRISTMAS)
    assert found.left_out == ("odd",)
    assert [each.name for each in found.holidays] == ["Christmas"]


def test_names_are_in_one_line_and_not_too_long() -> None:
    event = "SUMMARY:Tag\\n der\\, \x1b[31mArbeit" + "x" * 300 + "\nDTSTART;VALUE=DATE:20270501"
    [holiday] = read(event, "DTSTART;VALUE=DATE:20260101").holidays
    assert holiday.name.startswith("Tag der,")
    assert holiday.name.isprintable()
    assert len(holiday.name) == 100
    assert read("DTSTART;VALUE=DATE:20270501").holidays[0].name == "holiday"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\n", b"<html></html>", b"PK\x03\x04"]
)
def test_what_is_no_calendar_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(BadValue, match="is no iCalendar file"):
        read_holidays(content, TODAY)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xef\xbb\xbfBEGIN:VCALENDAR\r\n\r\nfoo bar\r\n", "line 3 is not understood."),
        (b"BEGIN:VCALENDAR\n more\n<html>\n", "line 3 is not understood."),
    ],
)
def test_the_line_that_is_not_understood_is_named(content: bytes, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        read_holidays(content, TODAY)
    assert str(refused.value) == f"The file is no iCalendar file: {sentence}"


def test_what_the_library_says_is_not_shown() -> None:
    with pytest.raises(BadValue) as refused:
        read_holidays(b"END:VCALENDAR\r\n", TODAY)
    assert str(refused.value) == "The file is no iCalendar file."


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(BadValue, match="larger than 1024 KB"):
        read_holidays(b" " * (MAX_BYTES + 1), TODAY)
    series = ["SUMMARY:x\nDTSTART;VALUE=DATE:20270501\nRRULE:FREQ=YEARLY"] * (MAX_SERIES + 1)
    with pytest.raises(BadValue, match="more than 200 series"):
        read(*series)
    with pytest.raises(BadValue, match="at most 1000"):
        read(*(f"SUMMARY:{number}\nDTSTART;VALUE=DATE:20270501" for number in range(1001)))


PIECES = st.sampled_from(
    [
        *(
            "\r\n",
            ";",
            ":",
            "=",
            ",",
            "\0",
            "BEGIN:VEVENT\r\n",
            "END:VEVENT\r\n",
            "DTSTART",
            ";VALUE=DATE",
            ":20270501",
        ),
        *("\r\nRRULE:FREQ=", "YEARLY", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY:x\r\n", "DURATION:-P1D"),
        *(":99999999", "UNTIL=1"),
    ]
)


@given(st.lists(PIECES, max_size=30))
def test_any_file_is_read_or_refused_in_one_line(pieces: list[str]) -> None:
    content = f"BEGIN:VCALENDAR\r\n{''.join(pieces)}\r\nEND:VCALENDAR\r\n".encode()
    try:
        sentence = f"{len(read_holidays(content, TODAY).holidays)} holidays"
    except BadValue as error:
        sentence = str(error)
    assert len(sentence.splitlines()) == 1
