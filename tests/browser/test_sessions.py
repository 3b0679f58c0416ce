"""Sessions that end, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from fshunt.simulator.scenarios.workday import DOMAIN
from tests.browser.chromium import People
from tests.browser.office import Office

pytestmark = pytest.mark.faults


def test_what_was_typed_when_the_session_ended_is_saved_after_signing_in_again(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page, elsewhere = people.page(), people.page()
    for each in (page, elsewhere):
        people.sign_in(each, "admin")
    page.goto(f"/groups/{DOMAIN}/{pilot}")
    page.get_by_label("Name of the group").fill("Typed before the end")
    elsewhere.goto("/account")
    elsewhere.get_by_role("button", name="End all others").click()
    elsewhere.get_by_role("status").first.wait_for()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("what you have typed is kept")).to_be_visible()
    people.sign_in(page, "admin")
    page.get_by_role("button", name="Save it now").click()
    expect(page.locator("h1")).to_contain_text("Typed before the end")
    people.forget("admin")


def test_nobody_sees_a_page_after_signing_out_with_the_back_button(people: People) -> None:
    page = people.page()
    people.sign_in(page, "admin")
    page.get_by_role("link", name="5000").click()
    page.get_by_role("heading", name="Members").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
