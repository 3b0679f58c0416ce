"""Debian's Chromium, driven by Playwright, and people who sign in with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.office import Office

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 800}


def path_of_chromium() -> str | None:
    """Return the browser that is installed here; None is downloaded."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running_browser(path: str) -> Iterator[Browser]:
    """Start the browser; root may not use its sandbox."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=path, args=arguments, env={**os.environ, "LANGUAGE": "en_GB"}
        )
        try:
            yield browser
        finally:
            browser.close()


class People:
    """Browsers of people of each role; whoever has signed in once is not asked again."""

    def __init__(self, browser: Browser, office: Office) -> None:
        self.browser, self.office = browser, office
        self._states: dict[str, Any] = {}
        self.secrets: dict[Page, str] = {}
        """Of one-time codes, by the page on which one is asked for."""

    def page(self, role: str | None = None, **options: Any) -> Page:
        """Return a page of a browser with storage of its own, signed in as the role; None: nobody."""
        options = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/Rome", **options}
        state = None if role is None else self._state(role)
        context = self.browser.new_context(base_url=self.office.address, storage_state=state, **options)
        context.set_default_timeout(10_000)
        return context.new_page()

    def sign_in(self, page: Page, role: str) -> None:
        """Sign in on a page, as a person does."""
        name, password = self.office.accounts[role]
        if not page.get_by_label("Password").count():
            page.goto("/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Password").wait_for(state="detached")

    def forget(self, role: str) -> None:
        """Have the next browser of this role sign in anew: its session has been ended."""
        self._states.pop(role, None)

    def _state(self, role: str) -> Any:
        if role not in self._states:
            page = self.page()
            self.sign_in(page, role)
            self._states[role] = page.context.storage_state()
            page.context.close()
        return self._states[role]


def take_calls(page: Page) -> None:
    """Have the member whose page this is take calls, whatever another test has left."""
    switch = page.get_by_role("switch", name="I take calls", exact=True)
    if switch.get_attribute("aria-checked") == "false":
        switch.click()
        expect(switch).to_have_attribute("aria-checked", "true")
