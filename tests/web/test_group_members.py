"""The members of a group on its page: added, moved, changed, blocked and removed by forms, without a script."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.limits import NO_LIMITS
from fshunt.hunting.ringtime import RingTime
from fshunt.services import accounts, groups, limits, members
from fshunt.web.parts import EXTENSION
from tests.web.group_forms import PAGE, followed, form_of
from tests.web.people import DOMAIN, OTHER_PILOT, PILOT, Browser


def stored(store: Store, pilot: str = PILOT) -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, pilot)


def order(store: Store) -> list[str]:
    return [member.extension for member in stored(store).members]


def member_of(store: Store, extension: str) -> Member:
    return next(member for member in stored(store).members if member.extension == extension)


def do(browser: Browser, action: str, extension: str = "1001", **typed: str) -> TestResponse:
    """Send a form of the page that concerns a member."""
    fields = form_of(browser.get(PAGE), f"{PAGE}/members/{action}", extension=extension)
    return browser.send(f"{PAGE}/members/{action}", {**fields, **typed})


def add(browser: Browser, written: str) -> TestResponse:
    fields = form_of(browser.get(PAGE), f"{PAGE}/members/add")
    return browser.send(f"{PAGE}/members/add", {**fields, "member": written})


def test_a_member_is_added_at_the_end_and_undone(admin: Browser, office: Store) -> None:
    assert add(admin, " 1005 ").status_code == 303
    assert order(office) == ["1001", "1002", "1005"]
    told = followed(admin).text
    assert "1005 added" in told
    assert "Holds for the next call." in told
    undo = told.partition('aria-label="Undo: 1005 added"')[0].rpartition('value="')[2].partition('"')[0]
    admin.send(f"{PAGE}/undo", {"change": undo})
    assert order(office) == ["1001", "1002"]


def allow_all(office: Store) -> None:
    with office.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, NO_LIMITS)


def test_an_administrator_adds_an_external_number_only_where_the_provider_allows_it(
    admin: Browser, office: Store
) -> None:
    refused = add(admin, "+14155550123@carrier")
    assert refused.status_code == 422
    assert "This group may have no external members: its provider has allowed none." in refused.text
    allow_all(office)
    assert add(admin, "+14155550123@carrier").status_code == 303


def test_an_external_number_must_press_1(admin: Browser, office: Store) -> None:
    allow_all(office)
    add(admin, "+14155550123@carrier")
    assert member_of(office, "+14155550123@carrier").confirm


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("2001", f"2001 is already a member of {OTHER_PILOT}; remove it there first"),
        ("1002", f"1002 is already a member of {PILOT}."),
        (PILOT, f"{PILOT} is the pilot of a group"),
        ("", "Please fill this in."),
        ("10 01", "'10 01' is not an extension"),
        ("x@carrier", "'x' is not an external number"),
        ('"><b>', "is not an extension"),
        ("1" * 5000, "is not an extension"),
    ],
)
def test_who_cannot_be_added_is_told_why_and_what_was_typed_stays(
    admin: Browser, office: Store, written: str, sentence: str
) -> None:
    page = add(admin, written)
    assert page.status_code == 422
    assert sentence in html.unescape(page.text)
    assert form_of(page, f"{PAGE}/members/add")["member"] == [written]
    assert order(office) == ["1001", "1002"]


def test_a_domain_may_share_its_members(admin: Browser, office: Store) -> None:
    parts = admin.client.application.extensions["fshunt"]
    object.__setattr__(parts.settings, "shared_members", (DOMAIN,))
    assert add(admin, "2001").status_code == 303
    assert order(office)[-1] == "2001"


def test_buttons_move_a_member_up_and_down(admin: Browser, office: Store) -> None:
    assert do(admin, "move", position="2").status_code == 303
    assert order(office) == ["1002", "1001"]
    assert "Position: <del>1</del>" in followed(admin).text
    do(admin, "move", position="1")
    assert order(office) == ["1001", "1002"]


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        ("3", "Position 3 does not exist: use 1 to 2."),
        ("0", "'0' is not a position: use a whole number from 1."),
        ("first", "'first' is not a position"),
        ("", "Please fill this in."),
        ("9" * 4000, "is not a position"),
    ],
)
def test_a_position_that_is_none_is_refused_beside_its_field(
    admin: Browser, office: Store, position: str, sentence: str
) -> None:
    page = do(admin, "move", position=position)
    assert page.status_code == 422
    assert sentence in html.unescape(page.text)
    assert f'value="{position}"' in page.text
    assert "<details open>" in page.text
    assert order(office) == ["1001", "1002"]


def test_who_moves_by_an_old_order_looks_again(provider: Browser, admin: Browser, office: Store) -> None:
    add(provider, "1003")
    seen = form_of(admin.get(PAGE), f"{PAGE}/members/move", extension="1003")
    do(provider, "move", "1002", position="1")
    page = admin.send(f"{PAGE}/members/move", {**seen, "position": "2"})
    assert page.status_code == 422
    assert "The order of the members has changed in the meantime" in page.text
    assert order(office) == ["1002", "1001", "1003"]


def test_a_second_click_does_nothing_more(admin: Browser, office: Store) -> None:
    seen = form_of(admin.get(PAGE), f"{PAGE}/members/move", extension="1001")
    first = admin.send(f"{PAGE}/members/move", {**seen, "position": "2"}).location
    assert admin.send(f"{PAGE}/members/move", {**seen, "position": "2"}).location == first
    first = add(admin, "1003").location
    assert admin.send(f"{PAGE}/members/add", {"member": "1003"}).location == first
    first = do(admin, "remove", "1003").location
    assert admin.send(f"{PAGE}/members/remove", {"extension": "1003"}).location == first
    assert order(office) == ["1002", "1001"]


def test_a_member_has_a_ring_time_of_its_own(admin: Browser, office: Store) -> None:
    do(admin, "settings", rings="5", confirm="true", enabled="false")
    member = member_of(office, "1001")
    assert (member.ring_time, member.confirm, member.enabled) == (RingTime(rings=5), True, False)
    do(admin, "settings", rings="seconds", ring_seconds="12.5")
    assert member_of(office, "1001").ring_time == RingTime(seconds=12.5)
    do(admin, "settings", rings="")
    assert member_of(office, "1001").ring_time is None


def test_the_weight_is_asked_for_only_where_it_counts(admin: Browser, office: Store) -> None:
    assert 'name="weight"' not in admin.get(PAGE).text
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, policy="weighted")
    do(admin, "settings", weight="80")
    assert member_of(office, "1001").weight == 80


def test_with_every_field_of_a_member_wrong_each_has_its_sentence(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, policy="weighted")
    wrong = {"rings": "seconds", "ring_seconds": "soon", "weight": "101", "confirm": "perhaps", "enabled": "perhaps"}
    page = do(admin, "settings", **wrong)
    assert page.status_code == 422
    assert page.text.count('class="field-error"') == 4
    assert form_of(page, f"{PAGE}/members/settings", extension="1001")["weight"] == ["101"]
    assert member_of(office, "1001").weight == 1


def test_what_the_role_may_not_change_of_a_member_is_ignored(admin: Browser, office: Store) -> None:
    allow_all(office)
    add(admin, "+14155550123@carrier")
    do(admin, "settings", "+14155550123@carrier", caller_id_number="12345", position="1", blocked="true", rings="2")
    member = member_of(office, "+14155550123@carrier")
    assert (member.caller_id_number, member.position, member.blocked) == (None, 3, False)
    assert member.ring_time == RingTime(rings=2)


def test_of_two_editors_of_a_member_the_second_sees_both_values(
    provider: Browser, admin: Browser, office: Store
) -> None:
    seen = form_of(admin.get(PAGE), f"{PAGE}/members/settings", extension="1001")
    do(provider, "settings", rings="9")
    page = admin.send(f"{PAGE}/members/settings", {**seen, "rings": "2"})
    assert page.status_code == 422
    assert "Somebody has set this to “9” in the meantime." in page.text
    assert member_of(office, "1001").ring_time == RingTime(rings=9)
    again = form_of(page, f"{PAGE}/members/settings", extension="1001")
    assert again["rings"] == ["2"]
    assert admin.send(f"{PAGE}/members/settings", again).status_code == 303
    assert member_of(office, "1001").ring_time == RingTime(rings=2)


def test_a_member_is_blocked_until_a_time_in_the_readers_zone(admin: Browser, office: Store) -> None:
    tomorrow = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    with office.writing() as s:
        accounts.set_user(s, "omar", time_zone="Asia/Tokyo", language="en")
    written = (tomorrow + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
    assert do(admin, "block", until=written).status_code == 303
    member = member_of(office, "1001")
    assert (member.blocked, member.blocked_until) == (True, tomorrow)
    assert "blocked until" in followed(admin).text
    do(admin, "unblock")
    assert not member_of(office, "1001").blocked


def test_a_member_is_blocked_in_this_group_alone_and_back_in_it_alone(admin: Browser, office: Store) -> None:
    with office.writing() as s:
        members.add_members(s, DOMAIN, OTHER_PILOT, [parse_member("1001")], shared=True)
    assert do(admin, "block", until="", where="group").status_code == 303
    assert blocked_in(office) == (PILOT,)
    told = followed(admin).text
    assert "blocked in this group" in told
    assert 'aria-label="Undo: 1001 blocked"' in told
    do(admin, "unblock", where="group")
    assert blocked_in(office) == ()
    do(admin, "block", until="", where="all")
    do(admin, "unblock", where="group")
    assert blocked_in(office) == (OTHER_PILOT,)
    do(admin, "block", until="", where="all")
    do(admin, "unblock", where="all")
    assert blocked_in(office) == ()


def blocked_in(store: Store) -> tuple[str, ...]:
    with store.reading() as s:
        return members.block_state(s, DOMAIN, "1001", datetime.now(UTC)).blocked_in


def test_where_a_member_may_be_in_several_groups_the_page_asks_for_which(
    admin: Browser, office: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Block in this group" not in admin.get(PAGE).text
    known = admin.client.application.extensions
    shared = replace(known[EXTENSION].settings, shared_members=(DOMAIN,))
    monkeypatch.setitem(known, EXTENSION, replace(known[EXTENSION], settings=shared))
    assert "Block in this group" in admin.get(PAGE).text
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True)
    page = admin.get(PAGE).text
    assert "Unblock in this group" in page
    assert "Unblock in all groups" in page


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        ("2020-01-01T00:00", "is past: name a time that is ahead."),
        ("tomorrow", "'tomorrow' is not a time: use"),
        ("0001-01-01T00:00+14:00", "is not a time: use"),
        ("9999-12-31T23:59-14:00", "is not a time: use"),
    ],
)
def test_an_end_of_a_block_that_is_none_is_refused(admin: Browser, office: Store, until: str, sentence: str) -> None:
    page = do(admin, "block", until=until)
    assert page.status_code == 422
    assert sentence in html.unescape(page.text)
    assert form_of(page, f"{PAGE}/members/block", extension="1001")["until"] == [until]
    assert not member_of(office, "1001").blocked


def test_a_member_is_removed_and_comes_back_where_it_was(admin: Browser, office: Store) -> None:
    do(admin, "remove")
    assert order(office) == ["1002"]
    told = followed(admin).text
    undo = told.partition('aria-label="Undo: 1001 removed"')[0].rpartition('value="')[2].partition('"')[0]
    admin.send(f"{PAGE}/undo", {"change": undo})
    assert order(office) == ["1001", "1002"]


@pytest.mark.parametrize("action", ["move", "remove", "block", "unblock", "settings"])
def test_who_is_no_member_of_this_group_is_not_touched(admin: Browser, office: Store, action: str) -> None:
    before = stored(office, OTHER_PILOT)
    admin.get(PAGE)
    page = admin.send(f"{PAGE}/members/{action}", {"extension": "2001", "position": "1"})
    assert page.status_code == 422
    assert "'2001' is not a member of 5000." in html.unescape(page.text)
    assert stored(office, OTHER_PILOT) == before


@pytest.mark.parametrize("action", ["add", "move", "remove", "block", "unblock", "settings"])
def test_the_members_of_anothers_group_are_not_there_to_be_changed(
    admin: Browser, member: Browser, office: Store, action: str
) -> None:
    before = stored(office), stored(office, OTHER_PILOT)
    form = {"extension": "2001", "member": "3001", "position": "1", "enabled": "false"}
    admin.get(PAGE)
    assert admin.send(f"/groups/{DOMAIN}/{OTHER_PILOT}/members/{action}", form).status_code == 404
    member.get("/me")
    assert member.send(f"{PAGE}/members/{action}", {**form, "extension": "1001"}).status_code == 404
    admin.token = "forged"
    assert admin.send(f"{PAGE}/members/{action}", {**form, "extension": "1001"}).status_code == 400
    assert (stored(office), stored(office, OTHER_PILOT)) == before


def test_the_page_says_what_becomes_of_the_next_caller(admin: Browser, office: Store) -> None:
    assert "Next caller rings 1001, then 1002. After 36 s at the latest: Voicemail of 1001." in admin.get(PAGE).text
    with office.writing() as s:
        members.block(s, DOMAIN, "1001", True)
        members.set_member(s, DOMAIN, PILOT, parse_member("1002"), enabled=False)
    page = admin.get(PAGE).text
    assert "Nobody can ring now. The next caller goes on at once: Voicemail of 1001." in page
    with office.writing() as s:
        groups.enable_group(s, DOMAIN, PILOT, False)
    assert "The group is closed (disabled): Voicemail of 1001." in admin.get(PAGE).text
