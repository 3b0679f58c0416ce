"""Boards: made and revoked on the group's page, and shown to whoever has the address, and to nobody else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.services import boards, members, sign_in
from fshunt.web.http.wsgi import path_for_log
from fshunt.web.pages.boards import OF_GROUP
from tests.web.people import DOMAIN, OTHER_PILOT, PILOT, Browser

PAGE = OF_GROUP.replace("<domain>", DOMAIN).replace("<pilot>", PILOT)
DASH = "\u2013"
HIDDEN = f"/groups/{DOMAIN}/{OTHER_PILOT}/boards"


@pytest.fixture
def address(office: Store) -> str:
    with office.writing() as s:
        return f"/board/{boards.add_board(s, DOMAIN, PILOT, 'Hall')[1]}"


def open_call(store: Store, *, ago: float) -> None:
    with store.writing() as s:
        calls.open_call(
            s, "h", uuid="u", domain=DOMAIN, pilot=PILOT, group_name="Sales", policy="regular",
            caller_number="+4930123456", caller_name="Ada Lovelace", policy_input=None, node="n",
            started_at=datetime.now(UTC) - timedelta(seconds=ago),
        )  # fmt: skip


def test_an_administrator_makes_a_board_and_sees_its_address_once(admin: Browser, browser: Browser) -> None:
    admin.get(PAGE)
    made = admin.send(PAGE, {"name": "Sales floor"})
    link = re.search(r"<code class=\"secret\">([^<]+)</code>", made.text)[1]
    assert "Sales floor" in admin.get(PAGE).text
    assert link not in admin.page.text
    shown = browser.get(f"/board/{link.rpartition('/')[2]}")
    assert shown.status_code == 200
    assert "Sales" in shown.text
    number = re.search(r'name="board" value="(\d+)"', admin.page.text)[1]
    sent = {"board": number, "name": "Sales floor"}
    assert "its screens show nothing any more" in admin.get(admin.send(f"{PAGE}/revoke", sent).location).text
    assert "The board was revoked already." in admin.get(admin.send(f"{PAGE}/revoke", sent).location).text
    ended = browser.get(f"/board/{link.rpartition('/')[2]}")
    assert ended.status_code == 404
    assert "This board has ended" in ended.text
    assert "Board Sales floor revoked" in admin.get(f"/groups/{DOMAIN}/{PILOT}").text


def test_of_two_clicks_the_second_shows_an_address_that_holds(admin: Browser, browser: Browser, office: Store) -> None:
    admin.get(PAGE)
    links = [re.search(r"/board/([^<]+)</code>", admin.send(PAGE, {"name": "Hall"}).text)[1] for _ in range(2)]
    with office.reading() as s:
        assert [each.name for each in boards.list_boards(s)] == ["Hall"]
    assert [browser.get(f"/board/{link}").status_code for link in links] == [404, 200]


def test_what_is_wrong_is_said_beside_the_field(admin: Browser, address: str) -> None:
    admin.get(PAGE)
    for fields, sentence in (
        ({"name": ""}, "field-error"),
        ({"name": "Hall"}, "has a board &#39;Hall&#39; already"),
        ({"name": "Late", "expires": "2020-01-01"}, "would have expired already"),
        ({"name": "Odd", "expires": "tomorrow"}, "Enter a day such as"),
    ):
        refused = admin.send(PAGE, fields)
        assert refused.status_code == 422
        assert sentence in refused.text


def test_nobody_makes_or_revokes_the_board_of_anothers_group(
    admin: Browser, member: Browser, office: Store, address: str
) -> None:
    with office.writing() as s:
        hidden, _ = boards.add_board(s, DOMAIN, OTHER_PILOT, "Theirs")
    admin.get(PAGE)
    assert admin.get(HIDDEN).status_code == 404
    assert admin.send(HIDDEN, {"name": "Mine"}).status_code == 404
    assert admin.send(f"{HIDDEN}/revoke", {"board": str(hidden.id)}).status_code == 404
    admin.send(f"{PAGE}/revoke", {"board": str(hidden.id)})
    assert member.get(PAGE).status_code == 404
    with office.reading() as s:
        assert [each.name for each in boards.list_boards(s)] == ["Hall", "Theirs"]


def test_a_board_has_the_figures_and_no_number_of_a_caller(browser: Browser, office: Store, address: str) -> None:
    open_call(office, ago=75)
    with office.writing() as s:
        members.add_members(s, DOMAIN, PILOT, [parse_member("+491701234567@carrier")])
        members.block(s, DOMAIN, "1002", True)
    page = browser.get(address).text
    figures = dict(re.findall(r'data-figure="(\w+)"[^>]*>([^<]*)<', page))
    assert figures == {
        "waiting": "1", "answered_today": "0", "missed_today": "0", "answered_quickly": DASH, "usual_seconds": DASH,
        "free": "2", "ringing": "0", "talking": "0", "wrap_up": "0", "blocked": "1", "no_phone": "0",
    }  # fmt: skip
    assert 'data-level="long"' in page
    assert re.search(r'data-wait="[^"]+">1:1\d<', page)
    assert re.findall(r'class="who">([^<]*)<', page)[:3] == ["1001", "1002", "…67"]
    for private in ("4930123456", "Ada", "91701", "1234567", "carrier"):
        assert private not in page


def test_a_board_works_without_a_script_and_tells_nobody_its_address(browser: Browser, address: str) -> None:
    shown = browser.get(address)
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in shown.text
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["X-Robots-Tag"] == "noindex"
    assert shown.headers["Cache-Control"] == "no-store"
    assert "/sign-in" not in shown.text
    assert not re.search(r"<(?:style|script)[^>]*>[^<]", shown.text)


def test_a_board_is_in_german_where_the_screen_is(app: Flask, office: Store, address: str) -> None:
    page = Browser(app, **{"Accept-Language": "de"}).get(address).text
    assert "Wartende Anrufer" in page
    assert "Heute verpasst" in page


@pytest.mark.parametrize("path", ["/board/not-a-secret", "/board/not-a-secret/events"])
def test_an_address_that_does_not_hold_is_not_there(browser: Browser, office: Store, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_no_log_has_the_address(address: str) -> None:
    assert path_for_log(address) == path_for_log(f"{address}/events") == "/board/***"


def test_a_screen_keeps_no_session_alive(app: Flask, admin: Browser, address: str) -> None:
    def no_touch(*_: object) -> None:
        raise AssertionError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sign_in, "TOUCH_SECONDS", 0)
        patched.setattr(sign_in, "touch_session", no_touch)
        assert admin.get(address).status_code == 200
