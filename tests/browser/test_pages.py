"""What holds for every page: axe finds nothing, and nothing is wider than a small phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import NARROW, WIDE, People
from tests.browser.pages import Shown, everything, in_german

pytestmark = pytest.mark.faults

RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
"""Those of WCAG 2.2 AA, the size of targets among them, and axe's own good practice."""

TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide <= 0) return [];
  const within = (each) => {
    for (let at = each.parentElement; at; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible") return true;
    return false;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5 && !within(each))
    .map((each) => each.outerHTML.slice(0, 120)).concat([`${wide} px too wide`]);
}"""
"""What sticks out on the right; nothing is allowed to be scrolled sideways."""


OVERPRINTED = """() => [...document.querySelectorAll(".stacks td[data-label]")]
  .filter((each) => parseFloat(getComputedStyle(each).paddingLeft) < 112)
  .map((each) => each.outerHTML.slice(0, 120))"""
"""Cells of a card whose text begins where their label stands."""


def found_by_axe(page: Page) -> list[str]:
    """Return what is wrong, a line for each element."""
    # The page's own policy refuses scripts of others; axe is run by the debugger, which it does not bind.
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("shown", everything(), ids=lambda shown: shown.name)
def test_a_page_has_no_fault_that_axe_finds_and_fits_a_small_phone(people: People, shown: Shown) -> None:
    for scheme in ("light", "dark"):
        page = shown.open(people, {"color_scheme": scheme, "viewport": WIDE})
        assert found_by_axe(page) == [], scheme
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        assert found_by_axe(page) == [], f"{scheme}, narrow"
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(OVERPRINTED) == []
        assert page.locator("h1").count() == 1
        assert shown.on_a_wall or page.title().endswith(" · fshunt")


@pytest.mark.parametrize("shown", in_german(), ids=lambda shown: shown.name)
def test_the_longer_words_of_german_fit_a_small_phone_too(people: People, shown: Shown) -> None:
    page = shown.open(people, {"viewport": NARROW, "locale": "de-DE"})
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(OVERPRINTED) == []
