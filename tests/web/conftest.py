from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import make_url
from werkzeug.routing import Rule

from fshunt.db.engine import Store, open_store
from fshunt.settings import Settings
from fshunt.web.app import make_app
from fshunt.web.database_state import DatabaseState
from tests.support.accounts import hashed_quickly
from tests.web.people import ADMIN, MEMBER, PROVIDER, Browser, fill

MakeApp = Callable[..., Flask]

BUILDERS: dict[object, Any] = {}


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """The templates, compiled once for all tests."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(autouse=True, scope="package")
def compiled_routes() -> Iterator[None]:
    """The functions that build addresses, compiled once for all tests: they are two thirds of making an application.

    What werkzeug generates depends on nothing else than the key.
    """
    compile_builder, kept = Rule._compile_builder, BUILDERS

    def compiled(rule: Rule, append_unknown: bool = True) -> Any:
        key = (tuple(rule._trace), append_unknown, repr(rule.defaults), frozenset(rule.arguments))
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compiled)
        yield


@pytest.fixture
def make(compiled_templates: FileSystemBytecodeCache) -> Iterator[MakeApp]:
    """Make applications on a database, with the settings that a test names."""
    stores = []

    def made(url: str, **settings: object) -> Flask:
        all_settings = Settings(database_url=url, **settings)  # type: ignore[arg-type]
        store = open_store(url)
        stores.append(store)
        app = make_app(all_settings, store, DatabaseState(url))
        app.jinja_env.bytecode_cache = compiled_templates
        return app

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


@pytest.fixture(autouse=True, scope="package")
def cheap_passwords() -> Iterator[None]:
    """Hash passwords at a cost that tests can afford."""
    with hashed_quickly():
        yield


@pytest.fixture(scope="session")
def filled_sqlite_file(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with groups and an account of each role."""
    # It is made before what belongs to a package, so it has to say itself that hashes are to be quick.
    path = tmp_path_factory.mktemp("sqlite") / "filled.db"
    shutil.copyfile(migrated_sqlite_file, path)
    with hashed_quickly(), closing(open_store(f"sqlite:///{path}")) as store:
        fill(store)
    return path


@pytest.fixture
def office(app: Flask, sqlite_url: str, filled_sqlite_file: Path) -> Iterator[Store]:
    """The database of the application, with groups and an account of each role."""
    with (
        closing(sqlite3.connect(filled_sqlite_file)) as source,
        closing(sqlite3.connect(str(make_url(sqlite_url).database))) as target,
    ):
        source.backup(target)
    with closing(open_store(sqlite_url)) as store:
        yield store


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
