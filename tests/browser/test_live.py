"""What is shown while it happens: on the page of a group, and on a board."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from fshunt.hunting.group import WhenBusy
from fshunt.hunting.ringtime import RingTime
from fshunt.simulator.scenarios.workday import DOMAIN
from tests.browser.chromium import People
from tests.browser.office import Office

pytestmark = pytest.mark.faults

LATEST_MS = 2000
"""Until when a page shows what has happened."""

SETTLED_MS = 20_000
"""Until a page that was just opened is told of changes: its stream stands, and the daemon knows that it is watched."""


def watched(people: People, pilot: str) -> Page:
    """Return the page of a group that has heard of a first change; it is never loaded again."""
    page = people.page("admin")
    with page.expect_request(lambda request: "/events" in request.url, timeout=SETTLED_MS):
        page.goto(f"/groups/{DOMAIN}/{pilot}")
    page.evaluate("window.loadedOnce = true")
    return page


def state_of(page: Page, extension: str) -> Locator:
    return page.locator(".states .state").filter(has_text=extension)


def test_a_call_that_rings_and_is_answered_shows_without_a_reload(people: People, office: Office) -> None:
    pilot = office.group("1001", "1003", ring_time=RingTime(seconds=30))
    page = watched(people, pilot)
    expect(state_of(page, "1001")).to_contain_text("free", timeout=SETTLED_MS)
    with office.caller(pilot):
        expect(state_of(page, "1001")).to_contain_text("rings", timeout=LATEST_MS)
    expect(state_of(page, "1001")).to_contain_text("free", timeout=LATEST_MS)
    with office.caller(pilot, x1001="talks"):
        expect(state_of(page, "1001")).to_contain_text("on a call", timeout=LATEST_MS)
    assert page.evaluate("window.loadedOnce"), "the page was loaded anew"


def test_the_queue_shows_a_caller_who_waits_and_a_request_is_removed(people: People, office: Office) -> None:
    pilot = office.group("1001", ring_time=RingTime(seconds=30), when_busy=WhenBusy.QUEUE, hunt_timeout=60)
    office.ask_back(pilot, "1005", "Ada")
    page = people.page("admin")
    with page.expect_request(lambda request: "/events" in request.url, timeout=SETTLED_MS):
        page.goto(f"/groups/{DOMAIN}/{pilot}/queue")
    page.evaluate("window.loadedOnce = true")
    expect(page.get_by_text("Nobody waits in the queue")).to_be_visible()
    with office.caller(pilot, x1001="talks"):
        with office.caller(pilot, x1001="talks"):
            expect(page.locator(".waiting li")).to_have_count(1, timeout=SETTLED_MS)
            expect(page.locator(".waiting li")).to_contain_text("waits for 0:")
        expect(page.locator(".waiting li")).to_have_count(0, timeout=LATEST_MS)
    assert page.evaluate("window.loadedOnce"), "the page was loaded anew"
    page.get_by_role("button", name="Do not call 1005 back").press("Enter")
    expect(page.get_by_role("status").filter(has_text="The request is removed")).to_be_visible()
    expect(page.get_by_text("Nobody has asked to be called back.")).to_be_visible()


def test_a_board_shows_a_caller_who_waits_and_says_when_it_is_revoked(people: People, office: Office) -> None:
    pilot = office.group("1001", ring_time=RingTime(seconds=30), when_busy=WhenBusy.QUEUE, hunt_timeout=60)
    page = people.page("admin")
    page.goto(f"/groups/{DOMAIN}/{pilot}/boards")
    page.get_by_label("Where it hangs").fill("Lobby")
    page.get_by_role("button", name="Add", exact=True).click()
    screen = people.page()
    screen.goto(urlsplit(page.locator("code.secret").inner_text()).path)
    expect(screen.locator(".kinds [data-kind=free] dd")).to_have_text("1", timeout=SETTLED_MS)
    with office.caller(pilot, x1001="talks"):
        expect(screen.locator(".members [data-kind=talking]")).to_have_count(1, timeout=LATEST_MS)
        with office.caller(pilot, x1001="talks"):
            expect(screen.locator("[data-figure=waiting]")).to_have_text("1", timeout=LATEST_MS)
            expect(screen.locator(".callers")).to_have_attribute("data-level", "waits")
        expect(screen.locator("[data-figure=waiting]")).to_have_text("0", timeout=LATEST_MS)
    page.get_by_role("button", name="Revoke Lobby").click()
    page.get_by_text("The board is revoked").wait_for()
    began = time.monotonic()
    expect(screen.get_by_role("heading", name="This board has ended")).to_be_visible(timeout=SETTLED_MS)
    assert time.monotonic() - began < 10


BROKEN_WORDS = """() => [...document.querySelectorAll(".members li:not([hidden], .more), .kinds > div")]
.filter((tile) => {
  const words = tile.querySelector(".what, dt");
  const isOneLine = words.getBoundingClientRect().height < 1.5 * parseFloat(getComputedStyle(words).fontSize);
  return !isOneLine || tile.scrollHeight > tile.clientHeight + 1 || tile.scrollWidth > tile.clientWidth + 1;
}).map((tile) => tile.outerHTML.slice(0, 160))"""
"""Tiles of a board whose words take two lines, or stick out."""


@pytest.mark.parametrize("count", [5, 12, 30])
def test_words_of_a_board_in_german_stay_in_one_line(people: People, office: Office, count: int) -> None:
    pilot = office.group("1001", *(str(each) for each in range(6001, 6000 + count)), ring_time=RingTime(seconds=30))
    screen = people.page(locale="de-DE")
    screen.goto(office.board(pilot))
    with office.caller(pilot, x1001="talks"):
        expect(screen.locator(".members [data-kind=talking] .what")).to_have_text("im Gespräch", timeout=SETTLED_MS)
        for width, height in ((1920, 1080), (1280, 900), (1024, 768), (768, 1024), (320, 800)):
            screen.set_viewport_size({"width": width, "height": height})
            assert screen.evaluate(BROKEN_WORDS) == [], f"{width}x{height}"
