"""The report of a group, as a page and as a file."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries import call_search
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups
from fshunt.services import report as services_report
from fshunt.web.pages import report
from tests.web.calls import Rang, add_call
from tests.web.people import DOMAIN, OTHER_PILOT, PILOT, Browser

REPORT = f"/groups/{DOMAIN}/{PILOT}/report"
TAKEN = Rang("1002", 3, 7, Outcome.ANSWERED)


@pytest.fixture
def few(office: Store) -> Store:
    """Two calls of a day in March, one of them late in the evening, and one of today."""
    add_call(office, "taken", TAKEN, at=datetime(2026, 3, 10, 9, 5, tzinfo=UTC), result=Result.ANSWERED)
    add_call(office, "late", Rang("1001", 0, 18), at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC), name='=cmd|"x"')
    add_call(office, "new", TAKEN, at=datetime.now(UTC) - timedelta(minutes=1), result=Result.ANSWERED)
    return office


def lines(browser: Browser, **query: str) -> list[dict[str, str]]:
    answer = browser.get(f"{REPORT}.csv", query=query)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(answer.text.splitlines()))


def test_the_report_is_of_the_last_days_at_first(admin: Browser, few: Store) -> None:
    page = admin.get(REPORT).text
    assert "<dd>1</dd>" in page
    assert ">1002<" in page
    assert len(lines(admin)) == 1


def test_a_period_has_its_last_day_in_the_zone_of_the_group(admin: Browser, few: Store) -> None:
    march = {"since": "2026-03-10", "until": "2026-03-10"}
    admin.client.set_cookie("fshunt-zone", "UTC", domain="localhost")
    assert [(line["hour"], line["answered"], line["missed"]) for line in lines(admin, **march)] == [
        ("9", "1", "0"),
        ("23", "0", "1"),
    ]
    with few.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, time_zone="Europe/Berlin")
    assert [(line["day"], line["hour"]) for line in lines(admin, **march)] == [("2026-03-10", "10")]
    assert "Europe/Berlin" in admin.get(REPORT, query=march).text


def test_days_that_are_none_make_no_file_of_other_days(admin: Browser, few: Store) -> None:
    answer = admin.get(f"{REPORT}.csv", query={"since": "2026-02-30", "until": "2026-03-31"})
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "Enter a day such as 2026-03-31." in answer.text


def test_no_text_of_a_caller_is_in_the_file(admin: Browser, few: Store) -> None:
    assert "cmd" not in admin.get(f"{REPORT}.csv", query={"since": "2026-03-01", "until": "2026-03-31"}).text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "x"}, "Enter a day such as 2026-03-31."),
        ({"until": "2026-02-30"}, "Enter a day such as 2026-03-31."),
        ({"since": "2026-03-31", "until": "2026-03-30"}, "This is before the first day."),
    ],
)
def test_what_is_no_period_is_said_beside_the_field(
    admin: Browser, few: Store, query: dict[str, str], sentence: str
) -> None:
    page = admin.get(REPORT, query=query)
    assert page.status_code == 422
    assert sentence in page.text
    assert all(f'value="{value}"' in page.text for value in query.values())
    assert admin.get(f"{REPORT}.csv", query=query).status_code == 422, "no file of other days"


def test_a_period_without_calls_says_so(admin: Browser, office: Store) -> None:
    assert "No call came in these days." in admin.get(REPORT).text


def test_too_many_calls_are_not_counted_in_silence(admin: Browser, few: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (call_search, report):
        monkeypatch.setattr(module, "MAX_REPORTED", 2)
    page = admin.get(REPORT, query={"since": "2026-01-01"}).text
    assert "Only the newest 2 calls of these days are counted here" in page
    assert [line["calls"] for line in lines(admin, since="2026-01-01")] == ["1", "1", "1"], "the file has all"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_file_is_read_in_pages_also_of_calls_of_one_moment_and_of_an_earlier_number(
    admin: Browser, few: Store, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(services_report, "PAGE", size)
    for name in "abc":
        add_call(few, name, TAKEN, at=datetime(2026, 3, 10, 9, 5, tzinfo=UTC), result=Result.ANSWERED)
    with few.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5300")
    add_call(few, "other", TAKEN, at=datetime.now(UTC), result=Result.ANSWERED, pilot="5300")
    answer = admin.get(f"/groups/{DOMAIN}/5300/report.csv", query={"since": "2026-03-01"})
    found = list(csv.DictReader(answer.text.splitlines()))
    assert [line["calls"] for line in found[:2]] == ["4", "1"]
    assert sum(int(line["calls"]) for line in found) == 7


def test_no_transaction_is_open_while_a_client_takes_a_part(few: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_report, "PAGE", 1)
    taken = 0
    for _page in services_report.calls_in_pages(few, call_search.Question(DOMAIN, PILOT)):
        assert few._engine.pool.checkedout() == 0
        taken += 1
    assert taken == 4


def test_the_answer_to_head_reads_no_call(admin: Browser, few: Store) -> None:
    answer = admin.client.head(f"{REPORT}.csv")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "text/csv", b"")


def test_the_report_of_another_group_is_not_there(admin: Browser, member: Browser) -> None:
    for browser, pilot in ((admin, OTHER_PILOT), (admin, "7000"), (member, PILOT)):
        for what in ("report", "report.csv"):
            assert browser.get(f"/groups/{DOMAIN}/{pilot}/{what}").status_code == 404
