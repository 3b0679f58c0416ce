"""A member's own page: the switch, the turn, and missed calls."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fshunt.db.engine import Store
from fshunt.db.models import Block
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Outcome, Result
from fshunt.services import audit, groups, members
from tests.web.calls import Rang, add_call
from tests.web.people import DOMAIN, MEMBER, OTHER_PILOT, PILOT, Browser


def blocks(store: Store) -> list[tuple[str, datetime | None]]:
    with store.reading() as s:
        return [(row.extension, row.until) for row in s.query(Block)]


def test_a_members_first_page_is_the_own_one(member: Browser) -> None:
    assert member.get("/").headers["Location"] == "/me"
    page = member.get("/me").text
    assert 'aria-checked="true"' in page
    assert "next call rings you first" in page
    assert OTHER_PILOT not in page


def test_others_have_no_such_page(provider: Browser, admin: Browser) -> None:
    for browser in (provider, admin):
        assert browser.get("/me").status_code == 403
        browser.get("/account")
        assert browser.send("/me", {"takes": "off", "until": "open"}).status_code == 403


def test_a_member_switches_off_and_on(member: Browser, office: Store) -> None:
    member.get("/me")
    assert member.send("/me", {"takes": "off", "until": "open"}).status_code == 303
    assert blocks(office) == [("1001", None)]
    page = member.get("/me?done=off").text
    assert 'aria-checked="false"' in page
    assert "Holds for the next call." in page
    assert "you are passed over" in page
    with office.reading() as s:
        [change] = [each for each in audit.history(s, domain=DOMAIN) if each.actor == MEMBER]
    assert (change.entrance, change.key) == ("page", "1001")
    assert member.send("/me", {"takes": "on"}).status_code == 303
    assert blocks(office) == []


def test_a_block_ends_on_the_clock_of_the_reader(member: Browser, office: Store) -> None:
    member.client.set_cookie("fshunt-zone", "Asia/Tokyo", domain="localhost")
    now = datetime.now(UTC)
    for until in ("today", "time"):
        member.get("/me")
        member.send("/me", {"takes": "off", "until": until, "time": "13:00"})
        [(_, end)] = blocks(office)
        assert end is not None
        assert now < end <= now + timedelta(hours=24, minutes=1)
        assert f"{end.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M}" == {"today": "00:00", "time": "13:00"}[until]


@pytest.mark.parametrize("said", ["", "25:00", "noon", "1'3"])
def test_what_is_no_time_is_said_beside_the_field(member: Browser, office: Store, said: str) -> None:
    member.get("/me")
    answer = member.send("/me", {"takes": "off", "until": "time", "time": said})
    assert answer.status_code == 422
    assert "Enter a time such as 13:00." in answer.text
    assert re.search('checked[^>]*value="time"', answer.text), "the choice stays"
    assert blocks(office) == []


def test_another_extension_in_the_form_counts_for_nothing(member: Browser, office: Store) -> None:
    member.get("/me")
    member.send("/me", {"takes": "off", "until": "open", "extension": "1002", "domain": "other.test"})
    assert [extension for extension, _ in blocks(office)] == ["1001"]


def test_who_was_blocked_automatically_reads_why(member: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, auto_block=3)
        members.block(s, DOMAIN, "1001", True)
        s.query(Block).update({"reason": "auto"})
    page = member.get("/me").text
    assert "it happened by itself" in page
    assert "Sales does so after 3 calls in a row that ring out." in page


SECOND = "5050"


@pytest.fixture
def second(office: Store) -> Store:
    """The member is in a second group, too."""
    with office.writing() as s:
        groups.add_group(s, DOMAIN, SECOND, name="Night")
        members.add_members(s, DOMAIN, SECOND, [parse_member("1001")], shared=True)
    return office


def blocked_in(store: Store) -> tuple[str, ...]:
    with store.reading() as s:
        return members.block_state(s, DOMAIN, "1001", datetime.now(UTC)).blocked_in


def test_a_member_of_one_group_has_one_switch(member: Browser) -> None:
    assert member.get("/me").text.count('role="switch"') == 1


def test_a_member_switches_one_group_off_and_on(member: Browser, second: Store) -> None:
    assert member.get("/me").text.count('role="switch" aria-checked="true"') == 3
    assert member.send("/me", {"takes": "off", "pilot": SECOND}).headers["Location"].endswith("/me?done=group")
    assert blocked_in(second) == (SECOND,)
    page = member.get("/me?done=group").text
    assert (page.count('aria-checked="true"'), page.count('aria-checked="false"')) == (2, 1)
    assert "Saved. Holds for the next call." in page
    assert "No call of this group rings you until you switch it back." in page
    assert "rings for the calls of the groups that are switched on below." in page
    assert member.send("/me", {"takes": "on", "pilot": SECOND}).status_code == 303
    assert blocked_in(second) == ()


def ends_in(store: Store, pilot: str) -> datetime | None:
    with store.reading() as s:
        return members.block_state(s, DOMAIN, "1001", datetime.now(UTC)).groups[pilot].until


def test_a_switch_of_one_group_has_an_end_too_which_can_be_changed(member: Browser, second: Store) -> None:
    member.client.set_cookie("fshunt-zone", "Asia/Tokyo", domain="localhost")
    off = {"takes": "off", "pilot": SECOND}
    member.get("/me")
    member.send("/me", off | {"until": "time", "time": "13:00"})
    end = ends_in(second, SECOND)
    assert end is not None
    assert f"{end.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M}" == "13:00"
    assert blocks(second) == [], "the other group rings"
    assert re.search(r"No call of this group rings you until <time[^>]*>[^<]*13:00", member.get("/me").text)
    member.send("/me", off | {"until": "open", "time": "13:00"})
    assert (blocked_in(second), ends_in(second, SECOND)) == ((SECOND,), None)


def test_a_wrong_time_of_one_group_is_said_in_its_form_alone(member: Browser, second: Store) -> None:
    member.get("/me")
    answer = member.send("/me", {"takes": "off", "pilot": SECOND, "until": "time", "time": "25:00"})
    assert answer.status_code == 422
    assert answer.text.count("Enter a time such as 13:00.") == 1
    assert f'<p class="field-error" id="time-error-{SECOND}">Enter a time' in answer.text
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    assert blocked_in(second) == ()


def test_back_in_one_group_of_all_the_others_stay_off(member: Browser, second: Store) -> None:
    member.get("/me")
    member.send("/me", {"takes": "off", "until": "open"})
    member.send("/me", {"takes": "on", "pilot": SECOND})
    assert (blocked_in(second), blocks(second)) == ((PILOT,), [])


@pytest.mark.parametrize("pilot", [OTHER_PILOT, "5999", "", "x' OR 1"])
def test_a_group_that_is_not_the_members_own_is_not_there(member: Browser, second: Store, pilot: str) -> None:
    member.get("/me")
    assert member.send("/me", {"takes": "off", "pilot": pilot}).status_code == 404
    assert (blocked_in(second), blocks(second)) == ((), [])


def test_missed_calls_are_those_that_rang_the_member_and_nobody_took(member: Browser, office: Store) -> None:
    add_call(office, "missed", Rang("1001", 0, 18), Rang("1002", 18, 36), number="+49301", name="Mia <b>")
    add_call(office, "given-up", Rang("1001", 0, 5, Outcome.CALLER_GONE), result=Result.ABANDONED, number="anonymous")
    taken = Rang("1002", 18, 20, Outcome.ANSWERED)
    add_call(office, "taken", Rang("1001", 0, 18), taken, result=Result.ANSWERED, number="+49302")
    add_call(office, "others", Rang("1002", 0, 18), number="+49303")
    add_call(office, "hidden", Rang("1001", 0, 18), pilot=OTHER_PILOT, number="+49304")
    add_call(office, "old", Rang("1001", 0, 18), at=datetime.now(UTC) - timedelta(days=20), number="+49305")
    page = member.get("/me").text
    assert 'href="tel:+49301"' in page
    assert "Mia &lt;b&gt;" in page
    assert "anonymous" in page
    assert "tel:anonymous" not in page
    assert not [number for number in ("+49302", "+49303", "+49304", "+49305") if number in page]


def test_a_member_of_no_group_is_told_so(member: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    assert "You are in no group right now." in member.get("/me").text
    assert member.send("/me", {"takes": "off", "until": "open"}).status_code == 404
