"""An invitation: for one use, within a day, and no way past one-time codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.services import accounts, audit
from fshunt.services.audit import Subject
from fshunt.services.users import Role
from fshunt.web import cookies
from tests.web.people import ADMIN, DOMAIN, PASSWORD, PROVIDER, Browser
from tests.web.test_sign_in import turn_on_codes

NEW = "quite another sentence"
GONE = accounts.LINK_GONE


@pytest.fixture
def link(office: Store) -> str:
    """The path of an invitation of a new member."""
    with office.writing() as s:
        return f"/invitation/{accounts.invite_member(s, DOMAIN, '1002').secret}"


def accept(browser: Browser, link: str, password: str = NEW, again: str | None = None) -> str | None:
    browser.get(link)
    return browser.send(link, {"new_password": password, "same_password": again or password}).location


def test_the_first_password_is_set_and_its_owner_is_signed_in(browser: Browser, link: str, office: Store) -> None:
    assert "1002@pbx.test" in browser.get(link).text
    assert accept(browser, link) == "/"
    assert "Extension 1002" in browser.get("/me").text
    with office.reading() as s:
        changes = audit.history(s, subject=Subject.USER)
    assert (changes[0].actor, changes[0].entrance) == ("1002@pbx.test", audit.Entrance.PAGE)


def test_a_link_is_for_one_use(app: Flask, browser: Browser, link: str) -> None:
    accept(browser, link)
    other = Browser(app)
    assert other.get(link).status_code == 404
    assert GONE in other.page.text


def test_a_link_that_is_a_day_old_or_never_was_is_told_alike(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        old = accounts.invite(s, PROVIDER, now=datetime.now(UTC) - timedelta(hours=24, seconds=1)).secret
    pages = [browser.get(f"/invitation/{secret}") for secret in (old, "never-was", "x" * 500)]
    assert {page.status_code for page in pages} == {404}
    assert all(GONE in page.text for page in pages)


@pytest.mark.parametrize(
    ("password", "again", "sentence"),
    [
        ("short", "short", "The password has 5 characters"),
        (NEW, f"{NEW}x", "This is not the same password."),
        ("", "", "Please fill this in."),
        ("passwordpassword", "passwordpassword", "one of the first that an attacker tries"),
    ],
)
def test_a_password_that_may_not_be_chosen_leaves_the_link_as_it_is(
    browser: Browser, link: str, password: str, again: str, sentence: str
) -> None:
    browser.get(link)
    answer = browser.send(link, {"new_password": password, "same_password": again})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert NEW not in answer.text
    assert accept(browser, link) == "/"


def test_a_lost_password_does_not_lead_past_one_time_codes(app: Flask, admin: Browser, office: Store) -> None:
    turn_on_codes(admin)
    with office.writing() as s:
        link = f"/invitation/{accounts.invite(s, ADMIN).secret}"
    browser = Browser(app)
    assert accept(browser, link) == "/sign-in/code"
    assert browser.get("/").status_code == 303


def test_all_sessions_of_before_end_with_a_new_password(app: Flask, admin: Browser, office: Store) -> None:
    with office.writing() as s:
        link = f"/invitation/{accounts.invite(s, ADMIN).secret}"
    assert accept(Browser(app), link) == "/"
    assert admin.get("/").status_code == 303


def test_over_plain_http_no_password_is_asked_for(browser: Browser, app: Flask, link: str) -> None:
    app.before_request_funcs[None] = app.before_request_funcs[None][1:]  # any host
    plain = Browser(app, "http://hunt.example.com")
    page = plain.get(link)
    assert page.status_code == 403
    assert "<input" not in page.text


def test_no_new_account_can_sign_in_before_its_first_password(browser: Browser, office: Store) -> None:
    with office.writing() as s:
        accounts.add_user(s, "newcomer", Role.ADMIN)
    assert browser.sign_in("newcomer", PASSWORD).status_code == 401
    assert browser.cookie(cookies.SESSION) is None
