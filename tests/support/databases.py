"""Fixtures: a fresh migrated database for each test, on SQLite and on PostgreSQL. Used through conftest.py."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from fshunt.db import migrate
from fshunt.db.engine import Store, open_store
from tests.support.postgres import start_or_explain

TEMPLATE = "fshunt_test_template"
_numbers = itertools.count(1)


class Databases:
    """Makes databases on one PostgreSQL server, and drops them at the end."""

    def __init__(self, server: URL) -> None:
        self.server = server
        self._made: list[str] = []
        self._template: str | None = None

    def empty(self) -> str:
        """The URL of a database without tables."""
        return self._create("template1")

    def migrated(self) -> str:
        """The URL of a database with all tables and no rows: a copy, which is faster than migrating."""
        if self._template is None:
            template = self.empty()
            migrate.upgrade(template)
            self._template = make_url(template).database
        assert self._template is not None
        return self._create(self._template)

    def drop(self, url: str) -> None:
        """Drop a database, even if sessions are still connected to it."""
        name = str(make_url(url).database)
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def drop_all(self) -> None:
        """Drop all of them."""
        for name in list(self._made):
            self.drop(self._url(name))

    def _create(self, template: str) -> str:
        name = f"{TEMPLATE}_{next(_numbers)}" if template == "template1" else f"fshunt_test_{next(_numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.append(name)
        return self._url(name)

    def _url(self, name: str) -> str:
        return self.server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        conninfo = self.server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server; see tests/support/postgres.py."""
    yield from start_or_explain()


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: URL) -> Iterator[Databases]:
    """Databases on that server."""
    databases = Databases(postgres_server)
    yield databases
    databases.drop_all()


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and no rows."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """A fresh migrated SQLite database."""
    path = tmp_path / "fshunt.db"
    shutil.copyfile(migrated_sqlite_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """A fresh migrated PostgreSQL database."""
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database, on each of the two in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, on each of the two in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    databases: Databases = request.getfixturevalue("postgres_databases")
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store on a fresh migrated database, on each of the two in turn."""
    with contextlib.closing(open_store(database_url)) as opened:
        yield opened


@pytest.fixture
def own_postgres() -> None:
    """Skip where the server is not ours: its roles and logins are not for us to make."""
    if "FSHUNT_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("FSHUNT_TEST_POSTGRES_URL names a server whose logins are not ours")
