"""Who has signed in, and what holds, outlives another name of the domain."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from fshunt.db.engine import Store
from fshunt.services import boards, domains
from fshunt.services.users import Scope
from tests.web.people import ADMIN, DOMAIN, MEMBER, PILOT, Browser

from .conftest import GROUP, MakeProgram

NEW = "voice.test"
RENAMED = GROUP.replace(DOMAIN, NEW)


def rename(office: Store) -> None:
    with office.writing() as s:
        domains.rename_domain(s, DOMAIN, NEW)


def test_sessions_of_each_role_stay_signed_in(
    office: Store, provider: Browser, admin: Browser, member: Browser
) -> None:
    rename(office)
    for browser in (provider, admin):
        assert browser.get(f"/groups/{NEW}/{PILOT}").status_code == 200
        assert browser.get(f"/groups/{DOMAIN}/{PILOT}").status_code == 404
    assert "Sales" in member.get("/me").text


def test_tokens_and_versions_hold(office: Store, program: MakeProgram) -> None:
    by_admin, by_member = program(ADMIN, Scope.READ, Scope.WRITE), program(MEMBER, Scope.READ)
    version = by_admin.get(GROUP).headers["ETag"]
    rename(office)
    assert by_admin.get(RENAMED).headers["ETag"] == version
    changed = by_admin.ask("PATCH", RENAMED, {"name": "Shop"}, If_Match=version)
    assert (changed.status_code, changed.json["group"]["name"]) == (200, "Shop")
    assert by_admin.get(GROUP).status_code == 404
    assert by_member.get("/me").status_code == 200


def test_the_address_of_a_board_holds(office: Store, client: FlaskClient) -> None:
    with office.writing() as s:
        _, secret = boards.add_board(s, DOMAIN, PILOT, "Hall")
    rename(office)
    assert "Sales" in client.get(f"/board/{secret}").text


def test_the_change_is_shown_to_providers_in_their_words_without_undo(office: Store, provider: Browser) -> None:
    rename(office)
    german = {"Accept-Language": "de"}
    row = (
        provider.get("/changes", {"subject": "domain"}, **german).text.partition("<tbody>")[2].partition("</tbody>")[0]
    )
    words = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert re.search(rf"Domain {NEW} .*geändert.* Name:? .*{DOMAIN}.* {NEW}", words), words
    assert "/undo" not in row
