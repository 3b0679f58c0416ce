"""What people do on the pages of a group, and what the next call makes of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fshunt.simulator.scenarios.workday import DOMAIN, RECEPTION
from tests.browser.chromium import People
from tests.browser.office import Office

pytestmark = pytest.mark.faults


def of_group(people: People, pilot: str, role: str = "admin") -> Page:
    page = people.page(role)
    page.goto(f"/groups/{DOMAIN}/{pilot}")
    return page


def told(page: Page) -> str:
    """What the page says after a save."""
    page.locator(".note.told").wait_for()
    return page.locator(".note.told").inner_text()


def test_members_that_are_reordered_ring_in_the_new_order_with_the_next_call(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003", "1005")
    page = people.page()
    people.sign_in(page, "admin")
    page.get_by_role("link", name=pilot).click()
    page.get_by_role("button", name="Move 1005 up").click()
    assert "Holds for the next call." in told(page)
    page.get_by_role("button", name="Move 1005 up").click()
    expect(page.locator(".members .who strong")).to_have_text(["1005", "1001", "1003"])
    ended = office.call(pilot, x1001="answers")
    assert ended["rang"] == ["1005", "1001"]
    assert (ended["kind"], ended["who"]) == ("answered", "1001")


def test_a_member_that_is_dragged_up_rings_first(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003", "1005")
    page = of_group(people, pilot)
    page.locator("[data-extension='1005'] .position").drag_to(page.locator("[data-extension='1001'] .position"))
    assert "Holds for the next call." in told(page)
    assert office.members(pilot) == ["1005", "1001", "1003"]
    assert office.call(pilot, x1005="answers")["rang"] == ["1005"]


def test_an_undo_brings_the_order_back(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    page.get_by_role("button", name="Move 1003 up").click()
    page.locator(".note.told").get_by_role("button", name="Undo").click()
    page.get_by_text("Undone").first.wait_for()
    assert office.members(pilot) == ["1001", "1003"]


def test_a_member_who_takes_no_calls_is_skipped_and_the_story_says_why(people: People, office: Office) -> None:
    pilot = office.group("1002", "1005")
    mine = people.page("member")
    mine.goto("/me")
    mine.get_by_role("switch", name="I take calls", exact=True).click()
    expect(mine.get_by_role("switch", name="I take calls", exact=True)).to_have_attribute("aria-checked", "false")
    try:
        assert office.call(pilot, x1005="answers")["rang"] == ["1005"]
        page = of_group(people, f"{pilot}/calls")
        page.locator("tbody a").first.click()
        row = page.get_by_role("row").filter(has_text="1002")
        expect(row).to_contain_text("takes no calls")
    finally:
        mine.get_by_role("switch", name="I take calls", exact=True).click()
        expect(mine.get_by_role("switch", name="I take calls", exact=True)).to_have_attribute("aria-checked", "true")
    assert office.call(pilot, x1002="answers")["rang"] == ["1002"]


def test_of_two_who_edit_at_once_the_second_sees_both_values_and_loses_nothing(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    first, second = of_group(people, pilot), of_group(people, pilot, "provider")
    for page, cycles, prefix in ((first, "2", "One"), (second, "3", "Two")):
        page.locator("#cycles").fill(cycles)
        page.locator("#prefix").fill(prefix)
    second.locator("#wrap_up_seconds").fill("7")
    first.get_by_role("button", name="Save settings").click()
    assert "Settings changed" in told(first)
    second.get_by_role("button", name="Save settings").click()
    expect(second.locator("h1")).to_have_text("Somebody else has saved, too")
    of_cycles = second.get_by_role("group", name="Times through the list")
    expect(of_cycles.locator("label").nth(0)).to_contain_text("Yours")
    expect(of_cycles.locator("label strong")).to_have_text(["3", "2"])
    of_cycles.get_by_label("Yours").check()
    second.get_by_role("group", name="Text before the caller's name").get_by_label("Stored now").check()
    second.get_by_role("button", name="Save what is chosen").click()
    told(second)
    found = [second.locator(each).input_value() for each in ("#cycles", "#prefix", "#wrap_up_seconds")]
    assert found == ["3", "One", "7"]


def test_a_form_with_a_forged_token_changes_nothing(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach((each) => { each.value = 'x'.repeat(43); })")
    page.get_by_role("button", name="Move 1003 up").click()
    page.get_by_role("heading", level=1).wait_for()
    expect(page.locator(".note.told")).to_have_count(0)
    assert office.members(pilot) == ["1001", "1003"]


def test_a_form_of_another_site_changes_nothing(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    address = f"{office.address}/groups/{DOMAIN}/{pilot}/members/move"
    page.goto("data:text/html,<h1>Elsewhere</h1>")
    page.evaluate(
        """(address) => {
          const form = document.createElement("form");
          Object.assign(form, { method: "post", action: address });
          for (const [name, value] of [["extension", "1003"], ["position", "1"]])
            form.append(Object.assign(document.createElement("input"), { name, value }));
          document.body.append(form);
          form.submit();
        }""",
        address,
    )
    page.wait_for_url(address)
    assert office.members(pilot) == ["1001", "1003"]


def test_a_group_of_others_is_told_as_one_that_does_not_exist(people: People) -> None:
    page = people.page("admin")
    texts = []
    for pilot in (RECEPTION, "5999"):
        answer = page.goto(f"/groups/{DOMAIN}/{pilot}")
        assert answer is not None
        assert answer.status == 404
        texts.append(page.locator("main").inner_text().replace(pilot, "PILOT"))
    assert texts[0] == texts[1]


def test_a_double_click_moves_a_member_once(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003", "1005")
    page = of_group(people, pilot)
    page.get_by_role("button", name="Move 1005 up").dblclick()
    told(page)
    assert office.members(pilot) == ["1001", "1005", "1003"]


def test_the_back_button_after_a_save_shows_a_form_that_overwrites_nothing(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    page.locator("#cycles").fill("2")
    page.get_by_role("button", name="Save settings").click()
    told(page)
    page.go_back()
    page.locator("#wrap_up_seconds").fill("9")
    page.get_by_role("button", name="Save settings").click()
    page.locator(".note.told, .pick").first.wait_for()
    if page.locator(".pick").count():
        page.get_by_role("button", name="Save what is chosen").click()
        told(page)
    assert [page.locator(each).input_value() for each in ("#cycles", "#wrap_up_seconds")] == ["2", "9"]


def test_a_group_that_is_closed_on_its_page_sends_the_next_call_to_voicemail_at_once(
    people: People, office: Office
) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    page.get_by_role("switch", name="Group closed").click()
    told(page)
    expect(page.get_by_role("switch", name="Group closed")).to_have_attribute("aria-checked", "true")
    ended = office.call(pilot, x1001="answers")
    assert (ended["kind"], ended["who"], ended["rang"]) == ("voicemail", "1001", [])
    page.get_by_role("switch", name="Group closed").click()
    expect(page.get_by_role("switch", name="Group closed")).to_have_attribute("aria-checked", "false")
    assert office.call(pilot, x1001="answers")["kind"] == "answered"


def test_a_member_who_is_found_by_name_is_added_and_rings_with_the_next_call(people: People, office: Office) -> None:
    pilot = office.group("1001")
    page = of_group(people, pilot)
    page.get_by_label("Add a member").press_sequentially("chl")
    page.get_by_role("option", name="Chloe 1003").click()
    assert "Holds for the next call." in told(page)
    assert office.members(pilot) == ["1001", "1003"]
    assert office.call(pilot, x1003="answers")["rang"] == ["1001", "1003"]
