"""Every change works in a browser that runs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fshunt.simulator.scenarios.workday import DOMAIN
from tests.browser.chromium import People, take_calls
from tests.browser.office import Office

pytestmark = pytest.mark.faults


def of_group(people: People, pilot: str) -> Page:
    page = people.page("admin", java_script_enabled=False)
    page.goto(f"/groups/{DOMAIN}/{pilot}")
    return page


def told(page: Page) -> None:
    expect(page.locator(".note.told")).to_contain_text("Holds for the next call.")


def opened(page: Page, extension: str) -> None:
    page.locator(f"[data-extension='{extension}'] summary").click()


def test_members_are_added_moved_changed_blocked_and_removed(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003")
    page = of_group(people, pilot)
    page.locator("#add-member").fill("1005")
    page.locator("#add-member").press("Enter")
    told(page)
    page.get_by_role("button", name="Move 1005 up").click()
    told(page)
    assert office.members(pilot) == ["1001", "1005", "1003"]
    opened(page, "1003")
    page.locator("[data-extension='1003']").get_by_label("Move to position").fill("1")
    page.locator("[data-extension='1003']").get_by_role("button", name="Move", exact=True).click()
    told(page)
    assert office.members(pilot) == ["1003", "1001", "1005"]
    opened(page, "1003")
    page.locator("[data-extension='1003'] [name=rings]").select_option("2")
    page.locator("[data-extension='1003']").get_by_role("button", name="Save").click()
    told(page)
    expect(page.locator("[data-extension='1003']")).to_contain_text("2 rings")
    opened(page, "1005")
    page.locator("[data-extension='1005']").get_by_role("button", name="Remove from the group").click()
    told(page)
    assert office.members(pilot) == ["1003", "1001"]
    page.locator(".note.told").get_by_role("button", name="Undo").click()
    expect(page.locator("[data-extension='1005']")).to_be_visible()


def test_settings_are_saved_and_wrong_ones_are_told_beside_their_field(people: People, office: Office) -> None:
    page = of_group(people, office.group("1001", "1003"))
    page.locator("#cycles").fill("0")
    page.locator("#prefix").fill("Typed")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#cycles")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#cycles-error")).to_be_visible()
    expect(page.locator("#prefix")).to_have_value("Typed")
    page.locator("#cycles").fill("2")
    page.get_by_text("All at once").click()
    page.get_by_role("button", name="Save settings").click()
    told(page)
    expect(page.locator("#cycles")).to_have_value("2")
    expect(page.locator("[name=policy]:checked")).to_have_value("simultaneous")


def test_a_member_switches_calls_off_and_on(people: People) -> None:
    page = people.page("member", java_script_enabled=False)
    page.goto("/me")
    take_calls(page)
    page.locator(".switch-panel").get_by_label("for today").check()
    page.get_by_role("switch", name="I take calls", exact=True).click()
    expect(page.get_by_role("switch", name="I take calls", exact=True)).to_have_attribute("aria-checked", "false")
    page.get_by_role("switch", name="I take calls", exact=True).click()
    expect(page.get_by_role("switch", name="I take calls", exact=True)).to_have_attribute("aria-checked", "true")


def test_a_provider_makes_a_group_and_invites_its_administrator(people: People, office: Office) -> None:
    page = people.page("provider", java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="New group").click()
    page.get_by_label("Pilot").fill("5290")
    page.get_by_label("Name").fill("Made without a script")
    page.get_by_label("Members").fill("1001 1003")
    page.get_by_role("button", name="Add the group").click()
    expect(page.locator("h1")).to_contain_text("Made without a script")
    assert office.members("5290") == ["1001", "1003"]
    page.get_by_role("link", name="Administration").click()
    page.locator("#admin-name").fill("nadia")
    page.get_by_role("button", name="Add and invite").click()
    link = page.locator(".secret").inner_text()
    guest = people.page(java_script_enabled=False)
    guest.goto(link)
    for label in ("New password", "New password again"):
        guest.get_by_label(label, exact=True).fill("seven green doors 4")
    guest.get_by_role("button", name="Set the password").click()
    expect(guest.get_by_role("link", name="5290")).to_be_visible()


def test_calls_are_searched_and_one_is_noted_as_called_back(people: People, office: Office) -> None:
    pilot = office.group("1001")
    assert office.call(pilot)["kind"] == "voicemail"
    page = people.page("admin", java_script_enabled=False)
    page.goto(f"/groups/{DOMAIN}/{pilot}/calls")
    page.get_by_label("Result").select_option(index=2)
    page.get_by_role("button", name="Search").click()
    page.goto(f"/groups/{DOMAIN}/{pilot}/calls/waiting")
    page.get_by_role("button", name="called back").click()
    expect(page.get_by_role("status")).to_contain_text("Noted as called back.")
    expect(page.locator(".rows li")).to_have_count(0)
