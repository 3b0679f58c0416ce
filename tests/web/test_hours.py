"""The opening hours of a group on its pages: closed by hand, business hours and holidays."""

from __future__ import annotations

import html
import io
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.hunting.group import Group
from fshunt.hunting.hours_text import parse_week, show_week
from fshunt.services import groups, hours
from fshunt.services.holiday_file import MAX_BYTES
from fshunt.services.hours import Zone
from tests.web.group_forms import PAGE, followed, form_of
from tests.web.people import DOMAIN, PILOT, Browser

HOURS = f"{PAGE}/hours"
WEEK = {
    "mon": "08:00-12:00, 13:00 – 17:00",  # noqa: RUF001 as people type it
    **dict.fromkeys(("tue", "wed", "thu", "fri"), "08:00-17:00"),
    "sat": "22:00-02:00",
    "time_zone": "Europe/Berlin",
}
EVE = {"name": "Christmas Eve", "first": "2099-12-24", "open": "08:00-12:00"}


def stored(store: Store) -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, PILOT)


def save(browser: Browser, **typed: str):
    return browser.send(f"{HOURS}/week", {**form_of(browser.get(HOURS), f"{HOURS}/week"), **typed})


def shown(text: str) -> str:
    return html.unescape(text)


def test_a_switch_closes_the_group_and_stands_in_red_until_it_is_opened(admin: Browser, office: Store) -> None:
    page = admin.get(PAGE)
    assert 'aria-checked="false" name="closed" value="yes"' in page.text
    assert admin.send(f"{HOURS}/closed", {"closed": "yes", "page": "group"}).location.startswith(PAGE)
    assert "Holds for the next call." in (page := followed(admin)).text
    assert "switch-panel closed" in page.text
    assert 'aria-checked="true" name="closed" value="no"' in page.text
    assert stored(office).hours.by_hand is not None
    assert 'badge bad">closed' in admin.get("/").text
    admin.send(f"{HOURS}/closed", {"closed": "no", "page": "group"})
    assert "switch-panel closed" not in followed(admin).text
    assert stored(office).hours.by_hand is None


def test_a_group_is_closed_until_a_time_on_the_readers_clock(admin: Browser, office: Store) -> None:
    admin.client.set_cookie("fshunt-zone", "Asia/Tokyo", domain="localhost")
    admin.get(HOURS)
    admin.send(f"{HOURS}/closed", {"closed": "yes", "until": "2099-12-24T12:00", "page": "hours"})
    assert admin.page.location.startswith(HOURS)
    by_hand = stored(office).hours.by_hand
    assert by_hand is not None
    assert by_hand.until == datetime(2099, 12, 24, 3, tzinfo=UTC)


@pytest.mark.parametrize("page", ["group", "hours"])
def test_a_time_that_is_past_is_refused_beside_the_field_and_kept(admin: Browser, office: Store, page: str) -> None:
    admin.get(HOURS)
    answer = admin.send(f"{HOURS}/closed", {"closed": "yes", "until": "2020-01-01T12:00", "page": page})
    assert answer.status_code == 422
    assert "'2020-01-01T12:00' is past: name a time that is ahead." in shown(answer.text)
    assert (
        'name="until" value="2020-01-01T12:00" aria-describedby="closed-until-hint closed-until-error"' in answer.text
    )
    assert stored(office).hours.by_hand is None


def test_a_click_twice_closes_once(admin: Browser) -> None:
    admin.get(PAGE)
    first = admin.send(f"{HOURS}/closed", {"closed": "yes", "page": "group"}).location
    second = admin.send(f"{HOURS}/closed", {"closed": "yes", "page": "group"}).location
    assert "change=" in first
    assert "done=already" in second


def test_the_hours_of_a_week_are_one_form_and_one_undo(admin: Browser, office: Store) -> None:
    assert save(admin, **WEEK).status_code == 303
    group = stored(office)
    assert show_week(group.hours.week) == ["mon 08:00-12:00,13:00-17:00", "tue-fri 08:00-17:00", "sat 22:00-02:00"]
    assert group.time_zone == "Europe/Berlin"
    page = followed(admin)
    assert "Opening hours changed" in page.text
    assert 'value="08:00-12:00, 13:00-17:00"' in page.text
    change = page.text.split('name="change" value="')[1].split('"')[0]
    assert admin.send(f"{PAGE}/undo", {"change": change, "page": "hours"}).location.startswith(HOURS)
    assert not stored(office).hours.week


def test_each_day_that_is_wrong_has_its_sentence_and_nothing_is_saved(admin: Browser, office: Store) -> None:
    answer = save(admin, **{**WEEK, "mon": "8 to 12", "tue": "08:00-12:00,11:00-13:00", "fri": "x" * 2000})
    assert answer.status_code == 422
    text = shown(answer.text)
    assert "'8 to 12' is no time from one to another" in text
    assert "08:00-12:00 and 11:00-13:00 overlap." in text
    assert "This is too long." in text
    assert 'value="8 to 12"' in text
    assert not stored(office).hours.week


def test_a_week_that_never_opens_and_a_zone_that_is_none_are_refused(admin: Browser, office: Store) -> None:
    assert "These hours never open the group" in save(admin, mon="closed", time_zone="Europe/Rome").text
    assert "There is no time zone 'Mars/Base'" in shown(save(admin, mon="8-17", time_zone="Mars/Base").text)
    assert not stored(office).hours.week


def test_of_two_who_save_hours_the_second_sees_the_other_values(admin: Browser, office: Store) -> None:
    form = form_of(admin.get(HOURS), f"{HOURS}/week")
    with office.writing() as s:
        hours.set_hours(s, DOMAIN, PILOT, parse_week(["mon", "09:00-10:00"]), Zone("Europe/Rome"))
    answer = admin.send(f"{HOURS}/week", {**form, **WEEK})
    assert "Somebody has set this to “09:00-10:00” in the meantime." in answer.text
    assert "Somebody has set this to “Europe/Rome” in the meantime." in answer.text
    again = form_of(answer, f"{HOURS}/week")
    assert admin.send(f"{HOURS}/week", again).status_code == 303, "the second has seen both values"


def test_hours_can_be_cleared(admin: Browser, office: Store) -> None:
    save(admin, **WEEK)
    admin.send(f"{HOURS}/clear")
    assert not stored(office).hours.week
    assert "None are set" in followed(admin).text


def test_a_holiday_is_added_and_removed(admin: Browser, office: Store) -> None:
    admin.client.set_cookie("fshunt-zone", "Europe/Rome", domain="localhost")
    admin.get(HOURS)
    assert admin.send(f"{HOURS}/holidays/add", EVE).status_code == 303
    (holiday,) = stored(office).hours.holidays
    assert (holiday.name, str(holiday.first), holiday.days) == ("Christmas Eve", "2099-12-24", 1)
    assert stored(office).time_zone == "Europe/Rome"
    page = followed(admin)
    assert "open 08:00-12:00" in page.text
    assert "change=" in admin.send(f"{HOURS}/holidays/add", EVE).location, "a double click"
    admin.send(f"{HOURS}/holidays/remove", {"days": "2099-12-24", "name": "Christmas Eve"})
    assert not stored(office).hours.holidays
    assert "change=" in admin.send(f"{HOURS}/holidays/remove", {"days": "2099-12-24", "name": EVE["name"]}).location


def test_all_that_is_wrong_of_a_holiday_is_told_at_once_and_kept(admin: Browser, office: Store) -> None:
    wrong = {"name": "", "first": "soon", "last": "later", "open": "early"}
    admin.get(HOURS)
    answer = admin.send(f"{HOURS}/holidays/add", wrong)
    assert answer.status_code == 422
    assert answer.text.count("field-error") == 4
    assert 'value="soon"' in answer.text
    before = admin.send(f"{HOURS}/holidays/add", {**EVE, "last": "2099-12-01"})
    assert "This is before the first day." in before.text
    assert not stored(office).hours.holidays


def test_holidays_of_a_file_are_added_once(admin: Browser, office: Store) -> None:
    day = datetime.now(UTC).date() + timedelta(days=30)
    calendar = (
        f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Founding\r\nDTSTART;VALUE=DATE:{day:%Y%m%d}\r\nEND:VEVENT\r\n"
    )
    content = (calendar + "END:VCALENDAR\r\n").encode()
    admin.client.set_cookie("fshunt-zone", "Europe/Rome", domain="localhost")
    admin.get(HOURS)
    assert admin.send(f"{HOURS}/holidays/import", {"file": (io.BytesIO(content), "a.ics")}).status_code == 303
    assert [each.name for each in stored(office).hours.holidays] == ["Founding"]
    assert "done=already" in admin.send(f"{HOURS}/holidays/import", {"file": (io.BytesIO(content), "a.ics")}).location


@pytest.mark.parametrize(("content", "sentence"), [(b"", "Choose a file."), (b"no calendar", "not")])
def test_a_file_that_is_no_calendar_is_refused_beside_the_field(admin: Browser, content: bytes, sentence: str) -> None:
    admin.get(HOURS)
    answer = admin.send(f"{HOURS}/holidays/import", {"file": (io.BytesIO(content), "a.ics")})
    assert answer.status_code == 422
    assert sentence in answer.text.split('id="holiday-file-error">')[1].split("<")[0]


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 10_000_000])
def test_a_file_that_is_too_large_is_refused_beside_the_field_also_where_no_form_may_be_so_large(
    admin: Browser, size: int
) -> None:
    admin.get(HOURS)
    answer = admin.send(f"{HOURS}/holidays/import", {"file": (io.BytesIO(b"x" * size), "a.ics")})
    assert answer.status_code == 413
    assert "The file is larger than 1024 KB." in answer.text.split('id="holiday-file-error">')[1].split("<")[0]


def test_a_form_that_is_too_large_tells_who_has_no_right_to_a_group_nothing_of_it(
    admin: Browser, member: Browser, browser: Browser
) -> None:
    for each, status in ((member, 404), (browser, 413)):
        each.get("/sign-in")
        assert (
            each.send(f"{HOURS}/holidays/import", {"file": (io.BytesIO(b"x" * 2_000_000), "a.ics")}).status_code
            == status
        )
    admin.get(HOURS)
    assert "one megabyte at most" in admin.send(f"{HOURS}/week", {"mon": "x" * 2_000_000}).text


def test_an_unknown_group_is_not_there(admin: Browser) -> None:
    assert admin.get(f"/groups/{DOMAIN}/6000/hours").status_code == 404
    admin.get("/account")
    for path in ("closed", "week", "clear", "holidays/remove"):
        assert admin.send(f"/groups/{DOMAIN}/6000/hours/{path}", {"days": "2099-12-24"}).status_code == 404
