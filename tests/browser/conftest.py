from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import People, path_of_chromium, running_browser
from tests.browser.office import Office, running_office


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of all tests of this process; each person has a context of it."""
    path = path_of_chromium()
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with running_browser(path) as running:
        yield running


@pytest.fixture(scope="session")
def office(browser: Browser) -> Iterator[Office]:
    """The office of all tests of this process; a test that changes a group makes one of its own."""
    with running_office() as running:
        yield running


@pytest.fixture
def people(all_people: People) -> Iterator[People]:
    """Who uses the pages in a test; what they have opened is closed after it."""
    yield all_people
    for context in all_people.browser.contexts:
        context.close()


@pytest.fixture(scope="session")
def all_people(browser: Browser, office: Office) -> People:
    """Who uses the pages in all tests of this process."""
    return People(browser, office)
