"""With the keyboard alone: what has the focus is seen, comes in order, and does what a mouse does."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fshunt.simulator.scenarios.workday import DOMAIN
from tests.browser.chromium import NARROW, WIDE, People, take_calls
from tests.browser.office import Office
from tests.browser.pages import Shown, everything

pytestmark = pytest.mark.faults

FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body || at === document.documentElement) return null;
  const all = [...document.querySelectorAll("*")];
  const shown = at.matches(".whole-rows a") ? getComputedStyle(at, "::after") : getComputedStyle(at);
  const box = at.getClientRects()[0] ?? at.getBoundingClientRect();  // a link that goes on in the next line has two
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
  return {
    order: all.indexOf(at), tabIndex: at.tabIndex, outline: parseFloat(shown.outlineWidth),
    style: shown.outlineStyle, text: at.outerHTML.slice(0, 100),
    inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    uncovered: !top || at.contains(top) || top.contains(at) || !!top.closest("label"),
  };
}"""
MAX_STOPS = 250


def stops(page: Page) -> list[dict[str, Any]]:
    """Go through the page by Tab, and return what had the focus."""
    found: list[dict[str, Any]] = []
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        # The browser's own parts of a date field are one element of the page.
        if at is None or (found and at["order"] < found[-1]["order"]):
            return found
        if not found or at["order"] != found[-1]["order"]:
            found.append(at)
    raise AssertionError(f"more than {MAX_STOPS} stops")


@pytest.mark.parametrize("shown", everything(), ids=lambda shown: shown.name)
def test_the_focus_is_seen_at_every_stop_and_follows_the_order_of_the_page(people: People, shown: Shown) -> None:
    page = shown.open(people, {"viewport": WIDE})
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    all_stops = stops(page)
    assert bool(all_stops) != shown.on_a_wall, "a wall screen has nothing to press, and every other page has something"
    for at in all_stops:
        assert at["tabIndex"] == 0, at
        assert at["style"] != "none", at
        assert at["outline"] >= 2, at
        assert at["inSight"], at
        assert at["uncovered"], at


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        if page.get_by_role(role, name=name).and_(page.locator(":focus")).count():  # type: ignore[arg-type]
            return
    raise AssertionError(f"no Tab leads to {role} {name}")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_an_administrator_signs_in_and_reorders_members(people: People, office: Office, size: dict[str, int]) -> None:
    pilot = office.group("1001", "1003")
    page = people.page(viewport=size)
    page.goto("/sign-in")
    name, password = office.accounts["admin"]
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    tab_to(page, "link", "Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, "link", pilot)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/groups/{DOMAIN}/{pilot}")
    tab_to(page, "button", "Move 1003 up")
    page.keyboard.press("Enter")
    page.locator(".note.told").wait_for()
    assert office.members(pilot) == ["1003", "1001"]
    tab_to(page, "button", "Undo")
    page.keyboard.press("Space")
    page.get_by_text("Undone").first.wait_for()
    assert office.members(pilot) == ["1001", "1003"]


def test_a_member_switches_calls_off_and_on(people: People) -> None:
    page = people.page("member", viewport=NARROW)
    page.goto("/me")
    take_calls(page)
    for state in ("false", "true"):
        tab_to(page, "switch", "I take calls")
        page.keyboard.press("Space")
        expect(page.get_by_role("switch", name="I take calls", exact=True)).to_have_attribute("aria-checked", state)


def test_a_member_is_chosen_from_the_suggestions(people: People, office: Office) -> None:
    pilot = office.group("1001")
    page = people.page("admin")
    page.goto(f"/groups/{DOMAIN}/{pilot}")
    tab_to(page, "combobox", "Add a member")
    suggestions = page.locator("#add-member-list")
    field = page.get_by_role("combobox", name="Add a member")
    page.keyboard.type("110")
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Backspace")
    expect(suggestions.get_by_role("option")).to_have_count(3)
    for marked in ("1101", "1102"):
        page.keyboard.press("ArrowDown")
        expect(suggestions.get_by_role("option", selected=True)).to_contain_text(marked)
        option = suggestions.get_by_role("option", selected=True).get_attribute("id")
        expect(field).to_have_attribute("aria-activedescendant", str(option))
    page.keyboard.press("Enter")
    page.locator(".note.told").wait_for()
    assert office.members(pilot) == ["1001", "1102"]
