"""The calls of a group: search, pages, the story of a call, and callers who wait to be called back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.models import CalledBack
from fshunt.db.queries import call_search
from fshunt.db.queries.call_search import Question, one_call
from fshunt.hunting.states import Outcome, Result
from fshunt.services import audit
from fshunt.services.audit import ChangeKind, Entrance, Subject
from fshunt.services.call_bars import Bar, BarKind, call_bars
from tests.web.calls import Rang, add_call
from tests.web.people import ADMIN, DOMAIN, OTHER_PILOT, PILOT, Browser

CALLS = f"/groups/{DOMAIN}/{PILOT}/calls"
WAITING = f"{CALLS}/waiting"
NOW = datetime.now(UTC)


def shown(browser: Browser, address: str, **query: str) -> list[str]:
    """The ids of the calls on a page, in order."""
    page = browser.get(address, query=query or None)
    assert page.status_code == 200
    return list(dict.fromkeys(re.findall(r'/calls/(?!waiting)([a-z0-9-]+)"', page.text)))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.fixture
def few(office: Store) -> Store:
    """Four calls of the group, and one of another."""
    taken = Rang("1002", 18, 22, Outcome.ANSWERED)
    add_call(office, "voicemail", Rang("1001", 0, 18), at=ago(90), number="+49301", name="Mia Berg")
    add_call(office, "taken", Rang("1001", 0, 18), taken, at=ago(80), result=Result.ANSWERED, number="+49302")
    add_call(office, "gone", Rang("1002", 0, 3, Outcome.CALLER_GONE), at=ago(70), result=Result.ABANDONED)
    add_call(office, "old", Rang("1002", 0, 18), at=NOW - timedelta(days=40), number="anonymous")
    add_call(office, "other", Rang("2001", 0, 18), at=ago(60), pilot=OTHER_PILOT)
    return office


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["gone", "taken", "voicemail", "old"]),
        ({"kind": "missed"}, ["gone", "voicemail", "old"]),
        ({"kind": "answered"}, ["taken"]),
        ({"kind": "abandoned"}, ["gone"]),
        ({"member": "1001"}, ["taken", "voicemail"]),
        ({"member": "1002", "kind": "answered"}, ["taken"]),
        ({"member": "nobody"}, []),
        ({"caller": "9302"}, ["taken"]),
        ({"caller": "mia"}, ["voicemail"]),
        ({"caller": "%"}, []),
        ({"until": f"{NOW - timedelta(days=30):%Y-%m-%d}"}, ["old"]),
        ({"since": f"{NOW - timedelta(days=30):%Y-%m-%d}", "kind": "voicemail"}, ["voicemail"]),
    ],
)
def test_a_search_finds_calls(admin: Browser, few: Store, query: dict[str, str], found: list[str]) -> None:
    assert shown(admin, CALLS, **query) == found


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "yesterday"}, "Enter a day such as 2026-03-31."),
        ({"since": "2026-03-31", "until": "2026-03-30"}, "This is before the first day."),
        ({"caller": "x" * 300}, "This is too long."),
    ],
)
def test_what_cannot_be_searched_for_is_said_beside_the_field(
    admin: Browser, few: Store, query: dict[str, str], sentence: str
) -> None:
    page = admin.get(CALLS, query=query)
    assert page.status_code == 422
    assert sentence in page.text
    assert all(f'value="{value}"' in page.text for value in query.values()), "what was typed stays"


@pytest.mark.parametrize("behind", ["x", "~", "2026-01-01~a", "9999-99-99T00:00:00+00:00~a", "%00"])
def test_a_place_by_hand_is_no_error(admin: Browser, few: Store, behind: str) -> None:
    assert admin.get(f"{CALLS}?behind={behind}").status_code == 200


def test_many_calls_come_in_pages_without_a_gap(admin: Browser, office: Store) -> None:
    at = ago(5)
    for number in range(120):  # three at a time begin at the same moment
        add_call(office, f"c{number:03}", at=at - timedelta(seconds=number // 3))
    seen, address = [], f"{CALLS}?kind=voicemail"
    for _ in range(3):
        seen += shown(admin, address)
        further = re.search(r'href="([^"]+behind=[^"]+)">Older', admin.page.text)
        address = further[1].replace("&amp;", "&") if further else ""
    assert not further
    assert len(seen) == 120
    assert len(set(seen)) == 120


def test_a_search_looks_at_a_window_of_calls_at_a_time(
    admin: Browser, few: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_search, "WINDOW", 2)
    page = admin.get(CALLS, query={"caller": "mia"}).text
    assert "No call fits among those that were looked at." in page
    address = re.search(r'href="([^"]+behind=[^"]+)">Older', page)
    assert address is not None
    assert shown(admin, address[1].replace("&amp;", "&")) == ["voicemail"]


def test_the_calls_of_another_group_are_not_there(admin: Browser, member: Browser, few: Store) -> None:
    hidden = f"/groups/{DOMAIN}/{OTHER_PILOT}/calls"
    for browser, address in [
        (admin, hidden),
        (admin, f"{hidden}/waiting"),
        (admin, f"{hidden}/other"),
        (admin, f"{CALLS}/other"),
        (admin, f"{CALLS}/none"),
        (member, CALLS),
        (member, f"{CALLS}/voicemail"),
    ]:
        assert browser.get(address).status_code == 404, address
    admin.get(WAITING)
    assert admin.send(f"{hidden}/other/called-back", {"called_back": "yes"}).status_code == 404
    assert admin.send(f"{CALLS}/other/called-back", {"called_back": "yes"}).status_code == 404
    with few.reading() as s:
        assert s.query(CalledBack).all() == []


def test_the_page_of_a_call_says_who_rang_and_who_was_passed_over(admin: Browser, office: Store) -> None:
    rang = Rang("1001", 0, 18), Rang("1002", 18, 22, Outcome.ANSWERED)
    add_call(office, "taken", *rang, result=Result.ANSWERED, talk_seconds=190, skipped=("1003",))
    page = admin.get(f"{CALLS}/taken").text
    for words in ("did not answer", "passed over: takes no calls", "answered", "3:10", "bar-talked"):
        assert words in page
    assert 'aria-hidden="true"' in page, "readers have the table"
    assert " style=" not in page, "the policy of the page forbids it"


def test_bars_are_parts_of_the_time_until_the_answer(office: Store) -> None:
    rang = Rang("1001", 0, 20), Rang("1002", 20, 40, Outcome.ANSWERED)
    add_call(office, "taken", *rang, result=Result.ANSWERED)
    with office.reading() as s:
        bars = call_bars(one_call(s, Question(DOMAIN, PILOT), "taken"), NOW)
    first, second = bars.rows
    assert first.bars == (Bar(BarKind.RANG, 0.0, pytest.approx(0.425)),)
    assert [bar.kind for bar in second.bars] == [BarKind.ANSWERED, BarKind.TALKED]
    assert second.bars[1].start + second.bars[1].length == pytest.approx(1.0)
    assert [mark.seconds for mark in bars.marks] == [0, 10, 20, 30, 40]


def test_a_missed_caller_waits_until_the_group_answers_or_somebody_notes_it(admin: Browser, office: Store) -> None:
    add_call(office, "first", at=ago(90), number="+49301")
    add_call(office, "again", at=ago(80), number="+49301")
    add_call(office, "settled", at=ago(70), number="+49302")
    taken = Rang("1001", 0, 3, Outcome.ANSWERED)
    add_call(office, "answer", taken, at=ago(60), result=Result.ANSWERED, number="+49302")
    add_call(office, "hidden-one", at=ago(50), number="anonymous")
    add_call(office, "hidden-two", at=ago(40), number="anonymous")
    add_call(office, "long-ago", at=NOW - timedelta(days=31), number="+49303")
    assert shown(admin, WAITING) == ["hidden-two", "hidden-one", "again"]
    answer = admin.send(f"{CALLS}/again/called-back", {"called_back": "yes"})
    assert answer.status_code == 303
    admin.send(f"{CALLS}/again/called-back", {"called_back": "yes"})
    assert shown(admin, WAITING) == ["hidden-two", "hidden-one"]
    with office.reading() as s:
        assert [(each.call_id, each.said_by) for each in s.query(CalledBack)] == [("again", ADMIN)]
    assert "noted on" in admin.get(f"{CALLS}/again").text
    admin.get(answer.headers["Location"])
    admin.send(f"{CALLS}/again/called-back", {"called_back": "no"})
    assert shown(admin, WAITING) == ["hidden-two", "hidden-one", "again"]


def test_a_note_that_a_caller_was_called_back_stands_in_the_history(admin: Browser, office: Store) -> None:
    add_call(office, "missed", at=ago(90), number="+49301")
    for said in ("yes", "yes", "no", "no"):
        admin.get(WAITING)
        admin.send(f"{CALLS}/missed/called-back", {"called_back": said})
    with office.reading() as s:
        found = audit.history(s, domain=DOMAIN, pilot=PILOT, subject=Subject.CALL)
    assert [(each.actor, each.entrance, each.key, each.action) for each in found] == [
        (ADMIN, Entrance.PAGE, "missed", ChangeKind.REMOVE),
        (ADMIN, Entrance.PAGE, "missed", ChangeKind.ADD),
    ]
    assert found[1].after == {"caller": "+49301"}
    page = admin.get(f"/groups/{DOMAIN}/{PILOT}").text
    assert "A caller was called back" in page
