"""Changes as people read them: labels instead of names of columns, words instead of codes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import unescape

import pytest

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.hours import Holiday
from fshunt.hunting.hours_text import parse_intervals, parse_week
from fshunt.hunting.ringtime import RingTime
from fshunt.services import accounts, audit, groups, hours, members
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.hours import Zone
from fshunt.services.users import Role, Scope
from fshunt.web.change_values import shown_values
from tests.web.people import DOMAIN, PILOT, Browser


def shown(browser: Browser, store: Store, language: str = "en") -> list[tuple[str, str, str]]:
    """The values of the newest change."""
    with store.reading() as s:
        [change] = audit.history(s, limit=1)
    with browser.client.application.test_request_context("/", headers={"Accept-Language": language}):
        return shown_values(change)


def test_settings_have_labels_and_words(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(
            s,
            DOMAIN,
            PILOT,
            policy="circular",
            ring_time=RingTime(seconds=25.0),
            on_busy=parse_destination("transfer:6000"),
        )
    assert shown(browser, office) == [
        ("Policy", "In order", "Circular"),
        ("Each member rings for", "3 rings (18 s)", "25 s"),
        ("Everybody is busy", "Voicemail of the group", "On to 6000"),
    ]
    assert ("Verteilung", "Der Reihe nach", "Reihum") in [
        each for each in shown(browser, office, "de") if each[0] == "Verteilung"
    ]


def test_hours_have_days_in_words(browser: Browser, office: Store) -> None:
    week = parse_week(["mon-fri", "08:00-12:00,13:00-17:00"])
    with office.writing() as s:
        hours.set_hours(s, DOMAIN, PILOT, week, Zone("Europe/Rome"))
    assert ("Business hours", "none", "Monday-Friday 08:00-12:00, 13:00-17:00") in shown(browser, office)
    assert ("Geschäftszeiten", "keine", "Montag-Freitag 08:00-12:00, 13:00-17:00") in shown(browser, office, "de")


def test_a_holiday_has_its_name_and_days(browser: Browser, office: Store) -> None:
    holiday = Holiday("Christmas", date(2026, 12, 24), date(2026, 12, 26), parse_intervals("closed"))
    with office.writing() as s:
        hours.add_holiday(s, DOMAIN, PILOT, holiday, Zone("Europe/Rome"))
    found = {label: after for label, _before, after in shown(browser, office)}
    [name] = [label for label in found if label.startswith("Christmas (")]
    assert "24 Dec 2026" in name
    assert found[name] == "closed"


def test_a_group_that_is_gone_has_its_members(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    values = {label: before_or_after for label, before, before_or_after in shown(browser, office) if before == ""}
    assert values["Members"] == "1001, 1002"
    assert values["Policy"] == "In order"


def test_a_block_has_its_end_as_a_time(browser: Browser, office: Store) -> None:
    until = datetime(2099, 12, 24, 12, 0, tzinfo=UTC)
    with office.writing() as s:
        members.block(s, DOMAIN, str(parse_member("1001")), True, until=until)
    values = {label: after for label, _, after in shown(browser, office)}
    assert values["Until"].startswith("24/12/2099")


def test_accounts_and_tokens_have_words(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        accounts.add_user(s, "nora", Role.ADMIN)
    assert ("Role", "", "Group administrator") in shown(browser, office)
    assert ("Name", "", "nora") in shown(browser, office)
    with office.writing() as s:
        accounts.add_token(s, "nora", "board", [Scope.READ], expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert ("What it may do", "", "read groups and calls") in shown(browser, office)


@pytest.mark.parametrize("subject", list(Subject))
def test_values_of_another_version_are_shown_as_they_are(browser: Browser, office: Store, subject: Subject) -> None:
    with office.writing() as s:
        audit.record(s, subject, ChangeKind.SET, "x", before={"what_ever": 1}, after={"what_ever": ["a", "b"]})
    assert shown(browser, office) == [("what_ever", "1", "a, b")]


def test_the_page_of_changes_has_no_name_of_a_column(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, wrap_up_seconds=30.0)
    page = unescape(provider.get("/changes").text)
    assert "Wrap-up time: <del>0 s</del>" in page
    assert "wrap_up_seconds" not in page
    assert "{'" not in page


def test_a_block_of_one_group_has_the_group_and_its_end(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot=PILOT)
    assert shown(browser, office) == [(f"Group {PILOT}", "none", "blocked")]
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot=PILOT, until=datetime(2099, 1, 1, 12, tzinfo=UTC))
    assert shown(browser, office, "de") == [(f"Gruppe {PILOT}", "gesperrt", "gesperrt bis 01.01.99, 12:00")]
