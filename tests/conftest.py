"""What all tests share."""

from __future__ import annotations

from tests import postgres
from tests.databases import (  # noqa: F401 (fixtures)
    database_url,
    empty_database_url,
    migrated_sqlite_file,
    own_postgres,
    postgres_databases,
    postgres_server,
    postgres_url,
    sqlite_url,
    store,
)


def pytest_report_header() -> str:
    """Say which PostgreSQL the tests use."""
    return postgres.describe()
