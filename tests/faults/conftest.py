from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fault_office import Office
from tests.support.postgres_proxy import PostgresProxy
from tests.support.processes import processes  # noqa: F401 (a fixture)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[PostgresProxy]:
    """A fresh migrated PostgreSQL database behind a proxy."""
    with PostgresProxy(postgres_url) as made:
        yield made


@pytest.fixture
def pg_office(postgres_url: str) -> Iterator[Office]:
    """An office on PostgreSQL."""
    made = Office(postgres_url)
    yield made
    made.close()


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    """An office on SQLite."""
    made = Office(sqlite_url)
    yield made
    made.close()
