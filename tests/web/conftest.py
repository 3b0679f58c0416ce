from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fshunt.db.engine import Store, open_store
from fshunt.services import passwords
from fshunt.settings import Settings
from fshunt.web.app import make_app
from fshunt.web.database_state import DatabaseState
from tests.web.people import ADMIN, MEMBER, PROVIDER, Browser, fill

MakeApp = Callable[..., Flask]


@pytest.fixture
def make() -> Iterator[MakeApp]:
    """Make applications on a database, with the settings that a test names."""
    stores = []

    def made(url: str, **settings: object) -> Flask:
        all_settings = Settings(database_url=url, **settings)  # type: ignore[arg-type]
        store = open_store(url)
        stores.append(store)
        return make_app(all_settings, store, DatabaseState(url))

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def app(make: MakeApp, sqlite_url: str) -> Flask:
    """The application on SQLite, with its settings as they are by default."""
    return make(sqlite_url)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser on this machine that has not signed in."""
    return app.test_client()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at a cost that tests can afford."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "ROUNDS", 1)


@pytest.fixture
def office(app: Flask, sqlite_url: str) -> Iterator[Store]:
    """The database of the application, with groups and an account of each role."""
    store = open_store(sqlite_url)
    fill(store)
    yield store
    store.close()


@pytest.fixture
def browser(app: Flask, office: Store) -> Browser:
    """A browser that nobody has signed in with."""
    return Browser(app)


@pytest.fixture
def provider(browser: Browser) -> Browser:
    """The provider's browser, signed in."""
    browser.sign_in(PROVIDER)
    return browser


@pytest.fixture
def admin(app: Flask, office: Store) -> Browser:
    """The administrator's browser, signed in."""
    browser = Browser(app)
    browser.sign_in(ADMIN)
    return browser


@pytest.fixture
def member(app: Flask, office: Store) -> Browser:
    """The member's browser, signed in."""
    browser = Browser(app)
    browser.sign_in(MEMBER)
    return browser
