from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.office import Office
from tests.faults.processes import processes  # noqa: F401 (a fixture)
from tests.faults.proxy import PostgresProxy


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
