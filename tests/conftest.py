"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support import postgres
from tests.support.databases import (  # noqa: F401 (fixtures)
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

# How long an example takes is the machine's: it says nothing of what is tested.
settings.register_profile("fshunt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fshunt")


def pytest_report_header() -> str:
    """Say which PostgreSQL the tests use."""
    return postgres.describe()
