"""What can go wrong with an SQLite file: locked by another process, for long or again and again; read-only; full."""

from __future__ import annotations

import itertools
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gevent.subprocess import PIPE, Popen
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import DBAPIError

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
def read_only(engine: Engine) -> Iterator[None]:
    """Every transaction of an engine finds the file read-only, with SQLite's own error."""

    def forbid(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA query_only=1")

    event.listen(engine, "begin", forbid)
    try:
        yield
    finally:
        event.remove(engine, "begin", forbid)


@contextmanager
def full(engine: Engine) -> Iterator[None]:
    """No transaction of an engine can write a page: SQLite's own error of a full disk."""

    def fill(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if not driver.execute("PRAGMA query_only").fetchone()[0]:
            try:
                driver.execute("PRAGMA max_page_count=1")  # no page more than there are
                for number in itertools.count():
                    driver.execute(f"CREATE TABLE fills_page_{number} (a)")
            except sqlite3.Error as error:
                raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error

    def empty(connection: Any, *_given: Any) -> None:
        connection.execute("PRAGMA max_page_count=1073741823")

    event.listen(engine, "begin", fill)
    try:
        yield
    finally:
        event.remove(engine, "begin", fill)
        event.listen(engine, "checkout", empty)
