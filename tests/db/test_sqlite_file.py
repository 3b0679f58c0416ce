"""An SQLite file that is replaced or removed while connections to it are open."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from fshunt.db.engine import COMPANIONS, Store, open_store
from fshunt.db.notifications import Changes, announce
from fshunt.db.queries.rows import domain_names
from fshunt.db.sqlite_file import file_id
from fshunt.errors import DatabaseError
from fshunt.services import groups
from tests.support.waiting import WAIT_SECONDS, until

DOMAIN = "pbx.test"


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(str(make_url(sqlite_url).database))


@pytest.fixture
def backup(path: Path) -> Path:
    """A whole copy, before anything is written."""
    copy = path.with_suffix(".backup")
    shutil.copyfile(path, copy)
    return copy


@pytest.fixture
def opened(sqlite_url: str, backup: Path) -> Iterator[Store]:
    """A store with a group in its file, most of it in the write-ahead log."""
    with closing(open_store(sqlite_url)) as store:
        with store.writing() as s:
            groups.add_group(s, DOMAIN, "5000")
        yield store


def pilots(store: Store) -> list[str]:
    with store.reading() as s:
        return [group.pilot for group in groups.list_groups(s, DOMAIN)]


def is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_next_transaction_uses_the_new_file(opened: Store, path: Path, backup: Path) -> None:
    assert pilots(opened) == ["5000"]
    backup.replace(path)
    with opened.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
    assert pilots(opened) == ["5001"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT pilot FROM groups").fetchall() == [("5001",)]
    assert is_whole(path)


def test_the_log_of_the_old_file_is_not_taken_into_the_new_one(opened: Store, path: Path, backup: Path) -> None:
    """SQLite finds it by its name alone."""
    wal = path.with_name(f"{path.name}-wal")
    left = wal.read_bytes()
    assert left
    backup.replace(path)
    with pytest.raises(Exception, match=DOMAIN):
        pilots(opened)
    assert wal.with_name(f"{wal.name}.old").read_bytes() == left
    assert is_whole(path)


def test_nor_is_it_where_the_file_was_gone_for_a_while(opened: Store, path: Path, backup: Path) -> None:
    path.unlink()
    with pytest.raises(DatabaseError, match="is not there"):
        pilots(opened)
    opened.close()
    wal = path.with_name(f"{path.name}-wal")
    assert wal.exists(), "SQLite leaves it where its database is not there any more"
    backup.replace(path)
    with pytest.raises(Exception, match=DOMAIN):
        pilots(opened)
    assert wal.with_name(f"{wal.name}.old").exists()
    assert is_whole(path)


def test_a_database_that_is_closed_as_usual_is_forgotten(path: Path, sqlite_url: str) -> None:
    """The numbers of its files may be given to others."""
    with closing(open_store(sqlite_url)) as store:
        with store.reading() as s:
            assert domain_names(s) == []
        assert file_id(str(path)) in COMPANIONS._database_of.values()
    assert file_id(str(path)) not in COMPANIONS._database_of.values()


def test_while_the_file_is_gone_it_is_said_and_no_other_is_made(opened: Store, path: Path) -> None:
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    for _ in range(2):
        with pytest.raises(DatabaseError, match="is not there"):
            pilots(opened)
    assert not path.exists()
    hidden.rename(path)
    assert pilots(opened) == ["5000"], "with all that is in its write-ahead log"
    assert is_whole(path)


def test_who_listens_for_changes_listens_to_the_new_file(
    sqlite_url: str, opened: Store, path: Path, backup: Path
) -> None:
    heard: list[object] = []
    connected = threading.Event()

    def note(changed: object) -> None:
        heard.append(changed)
        connected.set()

    changes = Changes(sqlite_url, note)
    changes.start()
    try:
        assert connected.wait(WAIT_SECONDS)
        backup.replace(path)
        until(lambda: heard.count(None) == 2, "it is connected anew")
        with opened.writing() as s:
            announce(s, DOMAIN, ["1001"])
        until(lambda: [(DOMAIN, "1001")] in heard, "a change in the new file is heard")
    finally:
        changes.stop()
