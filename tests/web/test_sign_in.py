"""Signing in and out: what a session is, what it is not, and where nobody can sign in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.db.models import WebSession
from fshunt.services import accounts
from fshunt.services.one_time_codes import code_at, step_at
from fshunt.web import cookies
from tests.web.conftest import MakeApp
from tests.web.people import ADMIN, MEMBER, PASSWORD, PROVIDER, Browser

WRONG = "The name or the password is wrong."


def sessions(store: Store) -> int:
    with store.reading() as s:
        return s.query(WebSession).count()


def test_who_has_not_signed_in_is_led_to_the_sign_in_page_and_back(browser: Browser) -> None:
    asked = browser.get("/groups/pbx.test/5000?a=b")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/groups/pbx.test/5000?a%3Db")
    browser.get(asked.location)
    assert 'value="/groups/pbx.test/5000?a=b"' in browser.page.text
    there = browser.send("/sign-in", {"name": PROVIDER, "password": PASSWORD, "next": "/groups/pbx.test/5000?a=b"})
    assert (there.status_code, there.location) == (303, "/groups/pbx.test/5000?a=b")
    assert browser.get(there.location).status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a\r\nX: b", "evil"]
)
def test_nobody_is_led_to_another_site(browser: Browser, elsewhere: str) -> None:
    assert "evil" not in browser.get(f"/sign-in?next={elsewhere}").text
    assert browser.sign_in(PROVIDER, next=elsewhere).location == "/"


def test_the_cookie_of_a_session_is_for_this_host_alone_and_for_no_script(browser: Browser) -> None:
    set_cookies = browser.sign_in(PROVIDER).headers.getlist("Set-Cookie")
    assert [each.split("=")[0] for each in set_cookies] == [cookies.SESSION, cookies.BROWSER]
    for each in set_cookies:
        assert each.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(each.split("; "))
        assert "Domain" not in each
    assert "Max-Age" not in set_cookies[0], "the session ends with the browser"


def test_a_session_is_a_new_secret_at_each_sign_in_and_the_one_before_ends(browser: Browser, office: Store) -> None:
    browser.sign_in(PROVIDER)
    first = browser.cookie(cookies.SESSION)
    assert first is not None
    browser.get("/account")
    browser.send("/sign-in", {"name": PROVIDER, "password": PASSWORD})
    assert browser.cookie(cookies.SESSION) not in (None, first)
    assert sessions(office) == 1


def test_a_secret_that_an_attacker_has_put_there_becomes_no_session(browser: Browser) -> None:
    browser.get("/sign-in")
    browser.client.set_cookie(cookies.SESSION, "fixed-by-an-attacker", domain="localhost")
    browser.send("/sign-in", {"name": PROVIDER, "password": PASSWORD})
    assert browser.cookie(cookies.SESSION) != "fixed-by-an-attacker"


@pytest.mark.parametrize(("name", "password"), [(PROVIDER, "not the password"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(browser: Browser, name: str, password: str) -> None:
    answer = browser.sign_in(name, password)
    assert answer.status_code == 401
    assert WRONG in answer.text
    assert f'value="{name}"' in answer.text
    assert password not in answer.text
    assert browser.cookie(cookies.SESSION) is None


def test_an_empty_form_has_a_sentence_beside_each_field(browser: Browser) -> None:
    answer = browser.sign_in("", "")
    assert answer.status_code == 422
    assert answer.text.count("Please fill this in.") == 2
    assert 'aria-describedby="name-error"' in answer.text


def test_too_many_tries_are_slowed_down_and_the_answer_says_for_how_long(browser: Browser) -> None:
    answers = [browser.sign_in(PROVIDER, f"wrong password {number}") for number in range(12)]
    assert answers[-1].status_code == 429
    assert float(answers[-1].headers["Retry-After"]) >= 1


def test_signing_out_ends_the_session_and_its_cookie(provider: Browser, office: Store) -> None:
    stolen = provider.cookie(cookies.SESSION)
    provider.get("/account")
    assert provider.send("/sign-out").location == "/sign-in"
    assert sessions(office) == 0
    assert provider.cookie(cookies.SESSION) is None
    provider.client.set_cookie(cookies.SESSION, str(stolen), domain="localhost")
    assert provider.get("/").status_code == 303


def test_over_plain_http_this_machine_itself_can_sign_in(app: Flask, office: Store) -> None:
    browser = Browser(app, "http://127.0.0.1:8090")
    assert browser.sign_in(PROVIDER).status_code == 303, "browsers take their own machine as safe"


def test_over_plain_http_from_elsewhere_the_page_says_why_nobody_can_sign_in(
    make: MakeApp, sqlite_url: str, office: Store
) -> None:
    app = make(sqlite_url, web_url="http://hunt.example.com")
    browser = Browser(app, "http://hunt.example.com")
    page = browser.get("/sign-in")
    assert page.status_code == 403
    assert "this connection has no TLS" in page.text
    assert "<input" not in page.text
    assert sessions(office) == 0


def code_now(secret: str, steps: int = 0) -> str:
    return code_at(secret, step_at(datetime.now(UTC)) + steps)


def turn_on_codes(browser: Browser, password: str = PASSWORD) -> str:
    """Turn on one-time codes on the page, as a person does."""
    page = browser.get("/account/one-time-codes").text
    secret = page.split('name="secret" type="hidden" value="')[1].split('"')[0]
    form = {"secret": secret, "code": code_now(secret), "password": password}
    assert "Recovery codes" in browser.send("/account/one-time-codes", form).text
    return secret


def test_with_one_time_codes_a_password_alone_opens_no_page(app: Flask, admin: Browser) -> None:
    secret = turn_on_codes(admin)
    browser = Browser(app)
    answer = browser.sign_in(ADMIN)
    assert "Enter the code" in answer.text
    before = browser.cookie(cookies.SESSION)
    for path in ("/", "/account", "/groups/pbx.test/5000", "/account/one-time-codes/end"):
        assert browser.get(path).location.startswith("/sign-in")
    browser.get("/sign-in/code")
    wrong = browser.send("/sign-in/code", {"code": "000000"})
    assert wrong.status_code == 401
    later = code_now(secret, steps=1)  # that of now was used to turn them on
    assert browser.send("/sign-in/code", {"code": f"{later[:3]} {later[3:]}"}).location == "/"
    assert browser.cookie(cookies.SESSION) not in (None, before), "the secret is a new one"
    assert browser.get("/").status_code == 200


def test_a_disabled_account_has_no_session_any_more(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        accounts.enable_user(s, ADMIN, False)
    assert admin.get("/").status_code == 303


def test_each_role_has_its_start_page(provider: Browser, admin: Browser, member: Browser) -> None:
    assert all(name in provider.get("/").text for name in ("Sales", "Hidden"))
    page = admin.get("/").text
    assert "Sales" in page
    assert "Hidden" not in page
    page = member.get(member.get("/").headers["Location"]).text
    assert "Sales" in page
    assert "Hidden" not in page
    assert MEMBER in page
