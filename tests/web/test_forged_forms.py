"""Forms from other sites, of other sessions, and without their cookie change nothing."""

from __future__ import annotations

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.services import accounts
from fshunt.web import cookies, csrf
from tests.web.people import ADMIN, PASSWORD, PROVIDER, Browser
from tests.web.test_headers import some_path

FORM = {"language": "de", "time_zone": "Europe/Berlin"}


def language_of(store: Store, name: str) -> str | None:
    with store.reading() as s:
        return accounts.get_user(s, name).language


def test_a_form_of_our_pages_is_taken(provider: Browser, office: Store) -> None:
    provider.get("/account")
    assert provider.send("/account", FORM).status_code == 303
    assert language_of(office, PROVIDER) == "de"


def paths_of_posts(app: Flask, *, for_programs: bool) -> set[str]:
    return {
        some_path(rule.rule)
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and getattr(app.view_functions[rule.endpoint], csrf.FOR_PROGRAMS, False) is for_programs
    }


def test_the_interface_for_programs_takes_no_cookie_as_proof_of_who_asks(app: Flask, provider: Browser) -> None:
    for path in paths_of_posts(app, for_programs=True):
        assert provider.send(path).status_code == 401, path


@pytest.mark.parametrize("token", ["", "forged", "ümläut"])
def test_no_form_is_taken_without_its_token(app: Flask, provider: Browser, office: Store, token: str) -> None:
    posts = paths_of_posts(app, for_programs=False)
    assert len(posts) > 5
    for path in posts:
        answer = provider.send(path, {**FORM, csrf.FIELD: token})
        assert answer.status_code == 400, path
        assert "open the page again" in answer.text
    assert language_of(office, PROVIDER) is None
    assert provider.get("/").status_code == 200, "the session has not ended"


def test_the_token_of_another_session_is_worth_nothing(provider: Browser, admin: Browser, office: Store) -> None:
    admin.get("/account")
    provider.token = admin.token
    assert provider.send("/account", FORM).status_code == 400
    assert language_of(office, PROVIDER) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_is_from_another_site_is_refused_even_with_the_token(
    provider: Browser, office: Store, site: str
) -> None:
    provider.get("/account")
    answer = provider.send("/account", FORM, **{"Sec-Fetch-Site": site})
    assert answer.status_code == 400
    assert "from another site" in answer.text
    assert language_of(office, PROVIDER) is None


def test_nobody_is_signed_in_by_a_form_of_another_site(browser: Browser) -> None:
    browser.get("/sign-in")
    browser.token = "forged"
    assert browser.send("/sign-in", {"name": ADMIN, "password": PASSWORD}).status_code == 400
    assert browser.cookie(cookies.SESSION) is None


def test_a_browser_without_cookies_is_told_so(app: Flask, office: Store) -> None:
    browser = Browser(app)
    browser.get("/sign-in")
    browser.client.delete_cookie(cookies.FORM, domain="localhost")
    answer = browser.send("/sign-in", {"name": ADMIN, "password": PASSWORD})
    assert answer.status_code == 400
    assert "allow cookies" in answer.text


def test_a_sign_in_page_in_another_tab_still_works(browser: Browser) -> None:
    browser.get("/sign-in")
    token_of_other_tab = browser.token
    browser.sign_in(PROVIDER)
    browser.token = token_of_other_tab
    assert browser.send("/sign-in", {"name": ADMIN, "password": PASSWORD}).status_code == 303
