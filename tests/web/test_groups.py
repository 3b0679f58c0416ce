"""The list of groups and the page of a group: who sees which, and what stands there."""

from __future__ import annotations

import pytest

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, members
from fshunt.services.group_search import matching
from tests.web.people import DOMAIN, OTHER_PILOT, PILOT, Browser

MINE, HIDDEN, NONE = f"/groups/{DOMAIN}/{PILOT}", f"/groups/{DOMAIN}/{OTHER_PILOT}", f"/groups/{DOMAIN}/7000"


def statuses(browser: Browser) -> dict[str, int]:
    return {path: browser.get(path).status_code for path in (MINE, HIDDEN, NONE, "/groups/other.test/5000")}


def test_a_provider_sees_all_groups(provider: Browser) -> None:
    assert statuses(provider) == {MINE: 200, HIDDEN: 200, NONE: 404, "/groups/other.test/5000": 404}


def test_an_administrator_sees_the_groups_that_were_given(admin: Browser) -> None:
    assert statuses(admin) == {MINE: 200, HIDDEN: 404, NONE: 404, "/groups/other.test/5000": 404}


def test_a_member_sees_the_page_of_no_group(member: Browser) -> None:
    assert set(statuses(member).values()) == {404}


def test_a_hidden_group_is_told_as_one_that_is_not_there(admin: Browser) -> None:
    hidden, none = admin.get(HIDDEN).text, admin.get(NONE).text
    assert hidden.replace(OTHER_PILOT, "7000") == none


def test_the_page_has_the_members_in_order_with_their_ring_times(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        members.add_members(s, DOMAIN, PILOT, [parse_member("+14155550123@carrier")], at=1)
        members.block(s, DOMAIN, "1002", True)
    page = provider.get(MINE).text
    places = [page.index(each) for each in ("+14155550123@carrier", ">1001<", ">1002<")]
    assert places == sorted(places)
    assert page.count("3 rings (18 s) as the group") == 3
    assert "presses 1 to take a call" in page
    assert "blocked" in page
    assert "at the latest: Voicemail of 1001." in page


def test_what_was_searched_for_cannot_become_part_of_the_page(provider: Browser) -> None:
    page = provider.get("/", query={"q": "\"><b>&'"}).text
    assert "<b>" not in page
    assert "&#34;&gt;&lt;b&gt;&amp;&#39;" in page


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", {PILOT, OTHER_PILOT}),
        ("sales", {PILOT}),
        ("SAL 5000", {PILOT}),
        ("1002", {PILOT}),
        ("pbx.test", {PILOT, OTHER_PILOT}),
        ("sales hidden", set()),
    ],
)
def test_a_group_is_found_by_pilot_name_domain_or_member(
    provider: Browser, office: Store, words: str, found: set[str]
) -> None:
    with office.reading() as s:
        assert {group.pilot for group in matching(groups.list_groups(s, DOMAIN), words)} == found
    page = provider.get(f"/?q={words}").text
    assert {pilot for pilot in (PILOT, OTHER_PILOT) if f"{DOMAIN}/{pilot}" in page} == found


def test_many_groups_come_in_pages(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        for number in range(120):
            groups.add_group(s, DOMAIN, f"8{number:03}")
    first, second = provider.get("/").text, provider.get("/?from=100").text
    assert first.count("<tr data-words") == 100
    assert second.count("<tr data-words") == 22
    assert "1 to 100 of 122" in first
    assert "101 to 122 of 122" in second


@pytest.mark.parametrize("query", ["from=-5", "from=x", "from=999999", "q=%00%ff", f"q={'x' * 5000}"])
def test_a_query_by_hand_is_no_error(provider: Browser, query: str) -> None:
    assert provider.get(f"/?{query}").status_code == 200
