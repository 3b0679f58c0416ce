from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fshunt.db.engine import open_store
from fshunt.settings import Settings
from fshunt.web.app import make_app
from fshunt.web.database_state import DatabaseState

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
