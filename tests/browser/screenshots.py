"""Pictures of all pages, light and dark, wide and narrow: ``python -m tests.browser.screenshots FOLDER [NAME ...]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Error

from fshunt.simulator.scenarios.workday import DOMAIN, SALES
from tests.browser.chromium import NARROW, WIDE, People, path_of_chromium, running_browser
from tests.browser.office import running_office
from tests.browser.pages import Shown, everything

KINDS: dict[str, dict[str, Any]] = {
    f"{scheme}-{name}": {"color_scheme": scheme, "viewport": size, "locale": "en-GB"}
    for scheme in ("light", "dark")
    for name, size in (("wide", WIDE), ("narrow", NARROW))
}
MORNING_SECONDS = 25
"""How long callers come before the first picture, so that somebody is on a call."""


def main(folder: Path, names: list[str]) -> int:
    """Write the pictures; return the exit status."""
    path = path_of_chromium()
    if path is None:
        print("Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 1
    failed: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    with running_browser(path) as browser, running_office() as office:
        people = People(browser, office)
        office.begin_workday()
        people.page().wait_for_timeout(MORNING_SECONDS * 1000)
        take_for_readme(people, folder)
        for shown in everything():
            if not names or any(name in shown.name for name in names):
                try:
                    take(people, shown, folder)
                except Error as error:
                    failed.append(f"{shown.name}: {error.message.splitlines()[0]}")
    print(*failed, sep="\n", file=sys.stderr)
    return 1 if failed else 0


def take_for_readme(people: People, folder: Path) -> None:
    """Take the two pictures of README.md: the page of a group, and a member's page on a phone."""
    for name, role, path, options in (
        ("group", "admin", f"/groups/{DOMAIN}/{SALES}", {"viewport": {"width": 1180, "height": 900}}),
        ("member", "member", "/me", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}),
    ):
        page = people.page(role, **options)
        page.goto(path)
        # So long that the live part has what the daemon sees.
        page.wait_for_timeout(3000)
        page.screenshot(path=folder / f"readme-{name}.png")
        page.context.close()


def take(people: People, shown: Shown, folder: Path) -> None:
    """Take a page in all its kinds."""
    for kind, options in KINDS.items():
        page = shown.open(people, options)
        # The live part is renewed once more, and fonts are there.
        page.wait_for_timeout(300)
        # As high as the page: bars that stick to an edge then stand where they belong.
        size = page.viewport_size or WIDE
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        page.screenshot(path=folder / f"{shown.name}-{kind}.png", full_page=True)
        page.context.close()
    print(shown.name, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
