"""What can go wrong with an SQLite file: locked by another process, for long or again and again; read-only; full."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gevent.subprocess import PIPE, Popen
from sqlalchemy import Engine, event, make_url

from fshunt.db.sqlite_connection import SqliteConnection

_LOCKER = """
import sqlite3, sys, threading, time
path, held, free = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
told = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
connection = sqlite3.connect(path, isolation_level=None, timeout=60)
while not told.is_set():
    connection.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    told.wait(held)
    connection.execute("ROLLBACK")
    told.wait(free)
"""
FOR_EVER_SECONDS = 3600.0


def path_of(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(str(make_url(url).database))


@contextmanager
def locked(url: str, held: float = FOR_EVER_SECONDS, free: float = 0.0) -> Iterator[None]:
    """Another process holds the write lock; or holds it again and again, with pauses between."""
    command = [sys.executable, "-c", _LOCKER, str(path_of(url)), str(held), str(free)]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:
        try:
            assert process.stdout.readline() == b"locked\n"
            yield
        finally:
            process.kill()


@contextmanager
def _at_each_begin(engine: Engine, then: Callable[[SqliteConnection, bool], None]) -> Iterator[None]:
    """Have something done when a transaction of an engine has begun, and say whether it is one for reading."""
    own: set[int] = set()
    begin = SqliteConnection.begin

    def note(connection: SqliteConnection, *_given: Any) -> None:
        own.add(id(connection))

    def begin_and(connection: SqliteConnection, **how: Any) -> None:
        begin(connection, **how)
        if id(connection) in own:
            then(connection, bool(how["reading"]))

    event.listen(engine, "checkout", note)
    try:
        with patch.object(SqliteConnection, "begin", begin_and):
            yield
    finally:
        event.remove(engine, "checkout", note)


@contextmanager
def read_only(engine: Engine) -> Iterator[None]:
    """Every transaction of an engine finds the file read-only, with SQLite's own error."""

    def forbid(connection: SqliteConnection, _reading: bool) -> None:
        connection.execute("PRAGMA query_only=1")
        connection.refuses_writes = True

    with _at_each_begin(engine, forbid):
        yield


@contextmanager
def full(engine: Engine) -> Iterator[None]:
    """No transaction of an engine can write a page: SQLite's own error of a full disk."""

    def fill(connection: SqliteConnection, reading: bool) -> None:
        if not reading:
            connection.execute("PRAGMA max_page_count=1")  # no page more than there are
            for number in itertools.count():
                connection.execute(f"CREATE TABLE fills_page_{number} (a)")

    def empty(connection: Any, *_given: Any) -> None:
        connection.execute("PRAGMA max_page_count=1073741823")

    try:
        with _at_each_begin(engine, fill):
            yield
    finally:
        event.listen(engine, "checkout", empty)
