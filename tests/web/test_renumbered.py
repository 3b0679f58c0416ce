"""Bookmarks, open pages and late clicks under the pilot that a group had before."""

from __future__ import annotations

import pytest

from fshunt.db.engine import Store
from fshunt.services import accounts, groups
from tests.web.group_forms import PAGE
from tests.web.people import ADMIN, DOMAIN, PILOT, Browser

HERE_NOW = "The group that was 5000 is 5300 now."


@pytest.fixture
def renumbered(office: Store) -> Store:
    """The group has another pilot, and was changed since."""
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
        groups.renumber_group(s, DOMAIN, PILOT, "5300")
        groups.set_group(s, DOMAIN, "5300", name="Store")
    return office


@pytest.mark.parametrize("page", ["", "/calls", "/report", "/hours"])
def test_an_old_address_of_a_group_leads_to_its_new_pilot_those_who_look_after_it(
    provider: Browser, admin: Browser, member: Browser, renumbered: Store, page: str
) -> None:
    old = f"/groups/{DOMAIN}/{PILOT}{page}?from=1&_scheme=x&endpoint=y"
    for browser in (provider, admin):
        said = browser.get(old)
        assert (said.status_code, HERE_NOW in said.text) == (404, True)
        assert f'href="/groups/{DOMAIN}/5300{page}?from=1&amp;_scheme=x&amp;endpoint=y"' in said.text
    with renumbered.writing() as s:
        accounts.revoke(s, ADMIN, DOMAIN, "5300")
    never = admin.get(f"/groups/{DOMAIN}/7000{page}?from=1&_scheme=x&endpoint=y").text
    for browser in (admin, member):
        said = browser.get(old)
        assert (said.status_code, "5300" in said.text) == (404, False)
    assert admin.get(old).text.replace(PILOT, "7000") == never


def test_a_form_of_a_page_from_before_a_new_pilot_is_not_lost(admin: Browser, office: Store) -> None:
    admin.get(PAGE)
    with office.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5300")
    said = admin.send(f"{PAGE}/members/move", {"extension": "1002", "position": "1"})
    assert said.status_code == 404
    assert f'action="/groups/{DOMAIN}/5300/members/move"' in said.text
    assert '<input type="hidden" name="position" value="1">' in said.text
    assert admin.send(f"/groups/{DOMAIN}/5300/members/move", {"extension": "1002", "position": "1"}).status_code == 303


def test_a_late_second_click_on_renumber_says_where_the_group_is(provider: Browser, renumbered: Store) -> None:
    provider.get("/changes")
    said = provider.send(f"{PAGE}/administration/pilot", {"pilot": "5300"})
    assert (said.status_code, HERE_NOW in said.text) == (404, True)
    assert 'name="pilot"' not in said.text, "it is not sent again"


def test_an_earlier_pilot_that_another_group_has_is_that_group(
    provider: Browser, admin: Browser, renumbered: Store
) -> None:
    with renumbered.writing() as s:
        groups.add_group(s, DOMAIN, PILOT, name="Newcomer")
    assert "Newcomer" in provider.get(PAGE).text
    said = admin.get(PAGE).text
    assert HERE_NOW in said
    assert "Newcomer" not in said
