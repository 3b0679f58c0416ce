"""The own account: password, one-time codes, sessions, language and time zone."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.services import accounts
from fshunt.web import cookies
from tests.web.people import ADMIN, PASSWORD, PROVIDER, Browser
from tests.web.test_sign_in import turn_on_codes

NEW = "quite another sentence"


def change(browser: Browser, old: str, new: str = NEW) -> str:
    browser.get("/account/password")
    form = {"password": old, "new_password": new, "same_password": new}
    return browser.send("/account/password", form).text


def test_a_new_password_needs_the_old_one_and_ends_all_other_sessions(app: Flask, provider: Browser) -> None:
    other = Browser(app)
    other.sign_in(PROVIDER)
    assert "wrong" in change(provider, "not the password")
    assert other.get("/").status_code == 200
    change(provider, PASSWORD)
    assert provider.page.location == "/account?done=password"
    assert "All other sessions have ended." in provider.get("/account?done=password").text
    assert other.get("/").status_code == 303
    assert Browser(app).sign_in(PROVIDER, PASSWORD).status_code == 401
    assert Browser(app).sign_in(PROVIDER, NEW).status_code == 303


def test_a_new_password_that_may_not_be_chosen_is_told_beside_its_field(provider: Browser) -> None:
    assert "The password has 5 characters" in change(provider, PASSWORD, "short")
    assert provider.page.status_code == 422
    assert 'aria-invalid="true"' in provider.page.text


def test_one_time_codes_are_shown_as_a_picture_and_as_text_and_only_before_they_are_on(admin: Browser) -> None:
    page = admin.get("/account/one-time-codes").text
    assert 'src="data:image/svg+xml' in page
    turn_on_codes(admin)
    assert admin.get("/account/one-time-codes").status_code == 303


@pytest.mark.parametrize(("code", "password", "sentence"), [("000000", PASSWORD, "code"), ("000000", "wrong", "wrong")])
def test_one_time_codes_need_a_right_code_and_the_password(
    admin: Browser, office: Store, code: str, password: str, sentence: str
) -> None:
    page = admin.get("/account/one-time-codes").text
    secret = page.split('name="secret" type="hidden" value="')[1].split('"')[0]
    answer = admin.send("/account/one-time-codes", {"secret": secret, "code": code, "password": password})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert secret in answer.text, "the same secret: the app has it already"
    with office.reading() as s:
        assert not accounts.get_user(s, ADMIN).has_totp


def test_one_time_codes_end_with_the_password_only(admin: Browser, office: Store) -> None:
    turn_on_codes(admin)
    admin.get("/account/one-time-codes/end")
    assert admin.send("/account/one-time-codes/end", {"password": "wrong"}).status_code == 422
    assert admin.send("/account/one-time-codes/end", {"password": PASSWORD}).location == "/account?done=no-codes"
    with office.reading() as s:
        assert not accounts.get_user(s, ADMIN).has_totp


def test_a_session_elsewhere_can_be_ended(app: Flask, provider: Browser) -> None:
    other = Browser(app, **{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"})
    other.sign_in(PROVIDER)
    page = provider.get("/account").text
    assert "Firefox on Linux" in page
    [session] = [part.split('"')[0] for part in page.split('name="session" value="')[1:]]
    assert provider.send("/account/sessions/end", {"session": session}).status_code == 303
    assert other.get("/").status_code == 303
    assert provider.get("/").status_code == 200


def test_all_other_sessions_end_at_once(app: Flask, provider: Browser) -> None:
    others = [Browser(app), Browser(app)]
    for other in others:
        other.sign_in(PROVIDER)
    provider.get("/account")
    provider.send("/account/sessions/end")
    assert [other.get("/").status_code for other in others] == [303, 303]
    assert provider.get("/").status_code == 200


def test_nobody_ends_the_session_of_somebody_else(provider: Browser, admin: Browser, app: Flask) -> None:
    second = Browser(app)
    second.sign_in(PROVIDER)
    page = provider.get("/account").text
    [session] = [part.split('"')[0] for part in page.split('name="session" value="')[1:]]
    admin.get("/account")
    admin.send("/account/sessions/end", {"session": session})
    assert second.get("/").status_code == 200


def test_the_list_of_sessions_has_no_secret_of_one(provider: Browser) -> None:
    assert str(provider.cookie(cookies.SESSION)) not in provider.get("/account").text


def test_the_language_and_the_zone_are_those_chosen(provider: Browser) -> None:
    provider.get("/account")
    provider.send("/account", {"language": "de", "time_zone": "Asia/Tokyo"})
    page = provider.get("/account").text
    assert '<html lang="de">' in page
    assert "Zeiten stehen hier in: Asia/Tokyo" in page
    provider.send("/account", {"language": "", "time_zone": ""})
    assert '<html lang="en">' in provider.get("/account").text


def test_a_language_or_zone_that_is_not_offered_changes_nothing(provider: Browser, office: Store) -> None:
    provider.get("/account")
    answer = provider.send("/account", {"language": "xx", "time_zone": "Mars/Olympus"})
    assert answer.status_code == 422
    with office.reading() as s:
        user = accounts.get_user(s, PROVIDER)
    assert (user.language, user.time_zone) == (None, None)


def test_recovery_codes_are_shown_once_and_one_lets_in_without_the_phone(app: Flask, admin: Browser) -> None:
    turn_on_codes(admin)
    codes = re.findall(r'class="secret">([A-Z2-7-]{27})<', admin.page.text)
    assert len(codes) == 8
    assert codes[0] not in admin.get("/account").text
    assert "8 left" in admin.get("/account").text
    elsewhere = Browser(app)
    elsewhere.sign_in(ADMIN)
    elsewhere.get("/sign-in/code")
    wrong = elsewhere.send("/sign-in/code", {"recovery": "AAAAAA-AAAAAA-AAAAAA-AAAAAA", "code": ""})
    assert wrong.status_code == 401
    assert 'id="recovery-error"' in wrong.text
    assert elsewhere.send("/sign-in/code", {"recovery": codes[0], "code": ""}).status_code == 303
    assert "7 left" in elsewhere.get("/account").text


def test_new_recovery_codes_need_the_password(admin: Browser) -> None:
    assert admin.get("/account/recovery-codes").status_code == 303, "there are none without one-time codes"
    turn_on_codes(admin)
    old = re.findall(r'class="secret">([A-Z2-7-]{27})<', admin.page.text)
    admin.get("/account/recovery-codes")
    assert admin.send("/account/recovery-codes", {"password": "wrong"}).status_code == 422
    new = re.findall(
        r'class="secret">([A-Z2-7-]{27})<', admin.send("/account/recovery-codes", {"password": PASSWORD}).text
    )
    assert len(new) == 8
    assert not set(new) & set(old)
