"""The faults of an SQLite file give SQLite's own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine

from fshunt.db.engine import Store, open_engine
from fshunt.errors import DatabaseError
from fshunt.services import groups
from tests.support import sqlite_faults

pytestmark = pytest.mark.faults

DOMAIN = "office.test"


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    made = open_engine(sqlite_url, busy_timeout_ms=100)
    yield made
    made.dispose()


def write(store: Store, pilot: str) -> None:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, pilot)


def read(store: Store) -> int:
    with store.reading() as s:
        return len(groups.list_groups(s, DOMAIN))


@pytest.mark.parametrize(
    ("fault", "words"), [(sqlite_faults.read_only, "is read-only"), (sqlite_faults.full, "the disk is full")]
)
def test_nothing_can_be_written_for_a_while(
    engine: Engine, fault: Callable[[Engine], AbstractContextManager[None]], words: str
) -> None:
    store = Store(engine)
    write(store, "5000")
    with fault(engine):
        with pytest.raises(DatabaseError, match=words):
            write(store, "5001")
        assert read(store) == 1
    write(store, "5001")
    assert read(store) == 2


def test_a_file_is_locked_until_the_other_process_lets_go(engine: Engine, sqlite_url: str) -> None:
    store = Store(engine, busy_timeout_ms=100)
    write(store, "5000")
    with sqlite_faults.locked(sqlite_url):
        with pytest.raises(DatabaseError, match="is locked"):
            write(store, "5001")
        assert read(store) == 1
    write(store, "5001")


def test_a_file_is_locked_again_and_again(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url, busy_timeout_ms=20_000)
    store = Store(engine, busy_timeout_ms=20_000)
    with sqlite_faults.locked(sqlite_url, held=0.2, free=0.1):
        for pilot in ("5000", "5001", "5002"):
            write(store, pilot)
    assert read(store) == 3
    engine.dispose()
