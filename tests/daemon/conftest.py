from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fshunt.db.engine import Store
from tests.support.rig import Rig, light, running, watching


@pytest.fixture
def rig(database_url: str, store: Store) -> Iterator[Rig]:
    """A daemon and a simulated switch, on SQLite and on PostgreSQL."""
    with running(str(database_url), store) as made:
        yield made


@pytest.fixture
def light_rig(sqlite_url: str) -> Iterator[Rig]:
    """The same on SQLite only, for what has nothing to do with the database."""
    with light(sqlite_url) as made:
        yield made


@pytest.fixture
def watched_rig(database_url: str, store: Store, tmp_path: Path) -> Iterator[Rig]:
    """A daemon that watches the simulated switch, on SQLite and on PostgreSQL."""
    with watching(str(database_url), store, tmp_path) as made:
        yield made
