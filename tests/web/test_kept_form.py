"""A session that ends while a person types: nothing typed is lost, and nothing is saved that was not sent by them."""

from __future__ import annotations

import html
import re
from io import BytesIO

import pytest
from sqlalchemy import delete

from fshunt.db.engine import Store
from fshunt.db.models import WebSession
from fshunt.services import accounts
from fshunt.web import cookies, csrf
from tests.web.people import ADMIN, PASSWORD, PROVIDER, Browser

TYPED = {"language": "de", "time_zone": "Europe/Berlin", "note": 'a "quoted" <word> & more\nsecond line'}
HERE = {"Sec-Fetch-Site": "same-origin"}


def end_all_sessions(store: Store) -> None:
    with store.writing() as s:
        s.execute(delete(WebSession))


def hidden_fields(page: str) -> list[tuple[str, str]]:
    """The hidden fields of the page's main form, as a browser would send them."""
    main = page.partition("<main")[2]
    found = re.findall(r'<input[^>]*type="hidden"[^>]*>', main)
    pairs = []
    for each in found:
        name, value = (re.search(rf'{what}="([^"]*)"', each) for what in ("name", "value"))
        assert name is not None
        pairs.append((html.unescape(name[1]), html.unescape(value[1]) if value else ""))
    return pairs


def sent(pairs: list[tuple[str, str]], **more: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in [*pairs, *more.items()]:
        fields.setdefault(name, []).append(value)
    return fields


@pytest.mark.parametrize("cookie_is_gone", [False, True])
def test_what_was_typed_comes_back_after_signing_in_again(
    provider: Browser, office: Store, cookie_is_gone: bool
) -> None:
    provider.get("/account")
    end_all_sessions(office)
    if cookie_is_gone:
        provider.client.delete_cookie(cookies.SESSION, domain="localhost")
    kept = provider.send("/account", TYPED, **HERE)
    assert kept.status_code == 401
    assert "what you have typed is kept" in kept.text
    again = provider.send("/sign-in", sent(hidden_fields(kept.text), name=PROVIDER, password=PASSWORD))
    assert again.status_code == 200
    assert "It is not saved yet." in again.text
    fields = dict(hidden_fields(again.text))
    assert {name: fields[name] for name in TYPED} == TYPED
    assert 'action="/account"' in again.text
    assert provider.send("/account", fields).status_code == 303
    with office.reading() as s:
        assert accounts.get_user(s, PROVIDER).language == "de"


def test_it_is_still_there_after_a_wrong_password(provider: Browser, office: Store) -> None:
    provider.get("/account")
    end_all_sessions(office)
    kept = provider.send("/account", TYPED, **HERE)
    wrong = provider.send("/sign-in", sent(hidden_fields(kept.text), name=PROVIDER, password="not the password"))
    assert wrong.status_code == 401
    again = provider.send("/sign-in", sent(hidden_fields(wrong.text), name=PROVIDER, password=PASSWORD))
    fields = dict(hidden_fields(again.text))
    assert {name: fields[name] for name in TYPED} == TYPED


def test_no_password_and_no_secret_is_kept(provider: Browser, office: Store) -> None:
    provider.get("/account/password")
    end_all_sessions(office)
    secrets = {"password": "s3cret one", "new_password": "s3cret two", "code": "s3cret", "secret": "s3cret three"}
    kept = provider.send("/account/password", {**secrets, "kept_path": "/elsewhere", "other": "this stays"}, **HERE)
    assert "this stays" in kept.text
    for hidden in ("s3cret", "/elsewhere"):
        assert hidden not in kept.text


def test_a_form_of_another_site_is_not_kept(provider: Browser, office: Store) -> None:
    end_all_sessions(office)
    provider.token = "forged"
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, HERE):
        answer = provider.send("/account", {"language": "forged"}, **headers)
        assert answer.status_code == 400
        assert 'value="forged"' not in answer.text
    provider.client.delete_cookie(cookies.SESSION, domain="localhost")
    assert provider.send("/account", {"language": "forged"}).status_code == 400


def test_a_kept_form_leads_to_no_other_site(browser: Browser) -> None:
    browser.get("/sign-in")
    form = {"name": ADMIN, "password": PASSWORD, "kept_path": "https://evil.test/", "kept_name": "a", "kept_value": "b"}
    assert browser.send("/sign-in", form).location == "/"


def test_a_program_is_told_in_details(provider: Browser, office: Store) -> None:
    provider.get("/account")
    end_all_sessions(office)
    answer = provider.send("/account", TYPED, Accept="application/json")
    assert answer.status_code == 401
    assert answer.get_json(force=True)["code"] == "not-signed-in"


def test_the_kept_form_has_the_token_of_the_new_session(provider: Browser, office: Store) -> None:
    provider.get("/account")
    end_all_sessions(office)
    kept = provider.send("/account", TYPED, **HERE)
    again = provider.send("/sign-in", sent(hidden_fields(kept.text), name=PROVIDER, password=PASSWORD))
    session = provider.cookie(cookies.SESSION)
    assert session is not None
    assert dict(hidden_fields(again.text))[csrf.FIELD] == csrf.token_of(session)


def test_a_file_has_to_be_chosen_again_and_the_page_says_so(provider: Browser, office: Store) -> None:
    provider.get("/account")
    end_all_sessions(office)
    kept = provider.send("/account", {**TYPED, "holidays": (BytesIO(b"BEGIN:VCALENDAR"), "holidays.ics")}, **HERE)
    assert "VCALENDAR" not in kept.text
    again = provider.send("/sign-in", sent(hidden_fields(kept.text), name=PROVIDER, password=PASSWORD))
    assert "A file has to be chosen again." in again.text
