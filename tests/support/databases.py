"""Fixtures: a migrated database without rows for each test, on SQLite and on PostgreSQL. Used through conftest.py."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from fshunt.db import migrate
from fshunt.db.engine import Store, open_store
from tests.support.postgres import start_or_explain
from tests.support.postgres_databases import PostgresDatabases


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server; see tests/support/postgres.py."""
    yield from start_or_explain()


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: URL) -> Iterator[PostgresDatabases]:
    """Databases on that server."""
    databases = PostgresDatabases(postgres_server)
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
def postgres_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A fresh migrated PostgreSQL database."""
    url = postgres_databases.migrated()
    yield url
    postgres_databases.give_back(url)


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
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    url = databases.empty()
    yield url
    databases.give_back(url)


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
