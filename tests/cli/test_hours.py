"""`fshunt group hours`, `group closed`, `holiday`, and blocks with an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fshunt.db.models import HuntGroup

WEEK = ("mon-fri", "08:00-12:00,13:00-17:00", "sat", "09:00-12:00")
ROME = ("--time-zone", "Europe/Rome")


def calendar(path, *events):
    lines = [f"BEGIN:VEVENT\r\nSUMMARY:{name}\r\nDTSTART;VALUE=DATE:{day}\r\nEND:VEVENT" for name, day in events]
    path.write_text("\r\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR", ""]))
    return str(path)


def test_hours_are_set_shown_and_cleared(office):
    page = office.run("group", "hours", "5000", *WEEK, *ROME).stdout
    assert "hours  mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00, Europe/Rome" in page
    assert office.run("group", "hours", "5000").stdout == page
    assert office.json("group", "show", "5000")["hours"][0] == {"day": "mon", "opens": "08:00", "closes": "12:00"}
    assert "always open" in office.run("group", "hours", "5000", "--clear").stdout


def test_a_group_has_the_zone_of_the_host_unless_another_is_named(office, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert ", Asia/Tokyo" in office.run("group", "hours", "5000", *WEEK).stdout
    assert ", Europe/Rome" in office.run("group", "hours", "5000", *WEEK, *ROME).stdout
    assert ", Europe/Rome" in office.run("group", "hours", "5000", "daily", "8-17").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("mon-fri",), "Hours are days and times"),
        (("monday", "8-17"), "'monday' is no day"),
        (("mon", "8-17", "--clear"), "Use either hours or --clear"),
        (("mon", "8-17", "--time-zone", "Europe/Rom"), "There is no time zone 'Europe/Rom'"),
    ],
)
def test_hours_that_cannot_be_are_refused_in_a_sentence(office, words, sentence):
    assert sentence in office.refused(2, "group", "hours", "5000", *words)


def test_a_group_is_closed_by_hand_until_it_is_opened(office):
    page = office.run("group", "closed", "5000").stdout
    assert "state  closed: by hand\n" in page
    assert "closed: by hand" in office.run("group", "list").stdout
    assert "closed: by hand" in office.run("group", "show", "5000").stdout
    assert "always open" in office.run("group", "closed", "5000", "--off").stdout


def test_a_group_is_closed_until_a_time_of_its_own_zone(office):
    office.run("group", "set", "5000", "--time-zone", "Asia/Tokyo", "--on-closed", "transfer:5001")
    page = office.run("group", "closed", "5000", "--until", "2099-12-24 12:00").stdout
    assert "until 2099" not in page, "more than a year away"
    assert office.json("group", "show", "5000")["closed_until"] == "2099-12-24T03:00:00.000Z"
    soon = datetime.now(UTC) + timedelta(hours=2)
    office.run("group", "closed", "5000", "--for", "2h")
    group = office.json("group", "show", "5000")
    assert abs(datetime.fromisoformat(group["state_until"]) - soon) < timedelta(minutes=1)
    assert (group["state"], group["closed_by"]) == ("closed", "by hand")
    assert "on closed       transfer to 5001" in office.run("group", "show", "5000").stdout


def test_a_time_that_is_past_or_twice_is_refused(office):
    assert "is past" in office.refused(2, "group", "closed", "5000", "--until", "2020-01-01")
    assert "Use only one of" in office.refused(2, "group", "closed", "5000", "--until", "today", "--off")
    assert "Use only one of" in office.refused(2, "member", "block", "1001", "--until", "today", "--for", "2h")


def test_holidays_are_added_listed_and_removed(office):
    assert "has no holidays" in office.run("holiday", "list", "5000").stdout
    office.run("holiday", "add", "5000", "2099-12-25..2099-12-26", "Christmas", *ROME)
    office.run("holiday", "add", "5000", "2099-12-24", "Christmas Eve", "--hours", "8-12")
    assert office.run("holiday", "list", "5000").stdout.splitlines()[1:] == [
        "2099-12-24              Christmas Eve  08:00-12:00",
        "2099-12-25..2099-12-26  Christmas      closed",
    ]
    assert "2 holidays ahead, next Christmas Eve 2099-12-24" in office.run("group", "show", "5000").stdout
    assert "has the holiday" in office.refused(1, "holiday", "add", "5000", "2099-12-24", "Christmas Eve")
    assert "no such holiday" in office.refused(1, "holiday", "remove", "5000", "2099-12-27")
    assert "is no day" in office.refused(2, "holiday", "add", "5000", "24.12.2099", "Christmas Eve")
    assert "printable" in office.refused(2, "holiday", "add", "5000", "2099-12-27", "\x1b[2J")
    office.run("holiday", "remove", "5000", "2099-12-24")
    assert [each["name"] for each in office.json("holiday", "list", "5000")] == ["Christmas"]


def test_holidays_are_imported_once(office, tmp_path):
    file = calendar(tmp_path / "holidays.ics", ("Christmas", "20991225"), ("Odd", "20991340"))
    first = office.run("holiday", "import", "5000", file, *ROME)
    assert "Added 1 holiday to group 5000" in first.stdout
    assert "Odd was left out" in first.stderr
    again = office.run("holiday", "import", "5000", file)
    assert "Added 0 holidays to group 5000 of pbx.test; 1 of the file already there." in again.stdout
    (tmp_path / "page.html").write_text("<html></html>")
    assert "no iCalendar file" in office.refused(2, "holiday", "import", "5000", str(tmp_path / "page.html"))
    assert "cannot be read: No such file" in office.refused(2, "holiday", "import", "5000", str(tmp_path / "none.ics"))


def test_config_check_tells_of_hours_that_never_open_and_of_a_zone_that_is_not_known(office, store):
    today = datetime.now(UTC).date()
    office.run("holiday", "add", "5000", f"{today}..{today.year + 3}-12-31", "moved away", *ROME)
    found = office.invoke("config", "check").stdout
    assert "The hours of group 5000 do not open it within a year" in found
    assert "do not open it" in office.run("group", "show", "5000").stderr
    with store.writing() as session:
        session.execute(update(HuntGroup).values(time_zone="Mars/Base"))
    found = office.invoke("config", "check").stdout
    assert "The hours of group 5000 do not count, it is open: There is no time zone 'Mars/Base'" in found


def test_a_block_has_an_end(office):
    blocked = office.run("member", "block", "1001", "--for", "7d")
    assert "1001 is blocked in all groups of pbx.test until " in blocked.stdout
    [member, *_] = office.json("member", "list", "5000")
    assert (member["blocked"], member["state"]) == (True, "blocked")
    end = datetime.fromisoformat(member["blocked_until"])
    assert abs(end - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    assert f"blocked until {end.astimezone():%Y-%m-%d %H:%M}" in office.run("group", "show", "5000").stdout
    assert office.json("member", "block", "1001")["blocked_until"] is None
    assert "blocked until" not in office.run("member", "list", "5000").stdout


def test_changes_of_hours_stand_in_the_history_and_can_be_undone(office):
    office.run("group", "hours", "5000", *WEEK, *ROME)
    before = office.json("group", "show", "5000")
    office.run("group", "hours", "5000", "--clear")
    [change, *_] = office.json("history", "5000")
    assert (change["subject"], change["action"]) == ("hours", "set")
    office.run("undo", str(change["id"]))
    assert office.json("group", "show", "5000")["hours"] == before["hours"]
