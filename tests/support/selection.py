"""Which tests `make test` leaves to `make test-faults`: the second database where SQL is not what is tested."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SQL_ROOMS = tuple(ROOT / room for room in ("db", "migrations"))
"""Here the statements themselves are tested: always on both databases."""

FIXTURES = ("database_url", "empty_database_url")
"""They give each test a database of both kinds in turn."""


def mark_second_databases(items: Iterable[pytest.Item]) -> None:
    """Mark those on PostgreSQL that `make test` leaves out; a module with `pytestmark = pytest.mark.sql` keeps them."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        kinds = {parameters.params.get(name) for name in FIXTURES} if parameters else set()
        if "postgresql" in kinds and not _is_about_sql(item):
            item.add_marker("second_database")


def _is_about_sql(item: pytest.Item) -> bool:
    in_room = any(room in item.path.parents for room in SQL_ROOMS)
    return in_room or item.get_closest_marker("sql") is not None
