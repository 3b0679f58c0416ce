"""Who may be rung has changed, or somebody is free: how one daemon tells the others.

On PostgreSQL it is a notification, which is sent when its transaction has ended well. SQLite has none: whoever listens
looks whether the file has changed.
"""

from __future__ import annotations

import logging
import os
import select
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.pq.abc import PGconn
from sqlalchemy import URL, ColumnElement, Delete, Executable, bindparam, exists, func
from sqlalchemy import select as select_
from sqlalchemy.orm import Session

from fshunt.db.engine import open_engine
from fshunt.db.failures import as_store_errors
from fshunt.db.models import QueueEntry
from fshunt.db.statements import dialect_of, table, write
from fshunt.errors import DatabaseError, FshuntError

log = logging.getLogger(__name__)

CHANNEL = "fshunt"
"""The channel of the notifications; what is sent is the domain."""

POLL_SECONDS = 0.2
"""How often it is looked whether an SQLite file has changed: it costs some microseconds."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Pauses between tries to connect; each is twice the one before."""
QUIET_SECONDS = 5.0
"""After this without a word the server is asked whether it is still there, and has as long to answer."""
STOP_SECONDS = 0.9
"""How long ``stop`` waits for the thread; one that is just connecting ends by itself, later."""

QUEUE = table(QueueEntry)
_NOTIFY = select_(func.pg_notify(CHANNEL, bindparam("domain")))


def announce(s: Session, domain: str) -> None:
    """Tell all daemons, when the transaction ends well, that something has changed in a domain."""
    if dialect_of(s) == "postgresql":
        write(s, _NOTIFY, {"domain": domain})


def announcing(
    dialect: str,
    deleting: Delete,
    domain: ColumnElement[str],
    in_domain: ColumnElement[str] | None = None,
    *,
    who_waits: ColumnElement[bool] | None = None,
) -> Executable:
    """Return the DELETE, made to tell the daemons if somebody waits in one of the domains of the rows it deletes.

    ``in_domain`` names one domain instead. ``who_waits`` says which rows of the line count; all parts of a statement
    see the tables as they were before it.
    """
    if dialect != "postgresql":
        return deleting
    gone = deleting.returning(domain.label("domain")).cte("gone")
    said = gone.c.domain if in_domain is None else in_domain
    waits = exists().where(QUEUE.c.domain == said)
    told = select_(func.pg_notify(CHANNEL, said)).where(waits if who_waits is None else waits.where(who_waits))
    return told if in_domain is None else told.add_cte(gone)


class Changes:
    """Listens, in a native thread of its own, and calls ``on_change`` there whenever something may have changed.

    It is called as well once a connection is made, for what was said while there was none.
    """

    def __init__(self, url: str | URL, on_change: Callable[[], None]) -> None:
        self._engine = open_engine(url, connections=1)
        self._on_change = on_change
        self._stopped = threading.Event()
        self._telling = threading.Lock()
        self._pause = FIRST_PAUSE_SECONDS
        self._woken, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="fshunt-changes", daemon=True)

    def start(self) -> None:
        """Begin to listen, also again after the thread has ended by an exception."""
        if self._thread.ident is not None:
            self._thread = threading.Thread(target=self._run, name=self._thread.name, daemon=True)
        self._thread.start()

    @property
    def listens(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Listen no more; returns within a second. ``on_change`` is not called any more after that."""
        os.write(self._waker, b".")  # before it is told to end: at its end it closes the pipe
        with self._telling:
            self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        listen = self._poll if self._engine.dialect.name == "sqlite" else self._listen
        while not self._stopped.is_set():
            try:
                with as_store_errors(self._engine.url):
                    connection = self._engine.raw_connection()
                try:
                    listen(connection.driver_connection)
                finally:
                    connection.invalidate()
            except (FshuntError, psycopg.Error, sqlite3.Error, OSError) as error:
                log.debug("changes in the database are not heard: %s", error)
                self._readable(self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self._engine.dispose()
        for end in (self._woken, self._waker):
            os.close(end)

    def _poll(self, connection: Any) -> None:
        """SQLite: the number changes with every transaction of any other connection."""
        seen = None
        while not self._stopped.is_set():
            version = connection.execute("PRAGMA data_version").fetchone()
            self._pause = FIRST_PAUSE_SECONDS
            if version != seen:
                seen = version
                self._tell()
            self._readable(POLL_SECONDS)

    def _listen(self, connection: Any) -> None:
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        self._pause = FIRST_PAUSE_SECONDS
        self._tell()
        pgconn, asked = connection.pgconn, False
        while not self._stopped.is_set():
            if self._readable(QUIET_SECONDS, pgconn.socket):
                pgconn.consume_input()
                asked = asked and not _answered(pgconn)
                if _notified(pgconn):
                    self._tell()
            elif asked:
                raise DatabaseError("The database server does not answer any more.")
            else:
                pgconn.send_query(b"SELECT 1")
                asked = True

    def _tell(self) -> None:
        with self._telling:
            if not self._stopped.is_set():
                self._on_change()

    def _readable(self, seconds: float, *descriptors: int) -> bool:
        """Wait, and tell whether there is something to read; being stopped ends the wait."""
        poll = select.poll()  # select() takes no descriptor above 1023, and each call has one
        for descriptor in (self._woken, *descriptors):
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


def _answered(pgconn: PGconn) -> bool:
    """Tell whether the answer to the last question is complete, and drop it."""
    while not pgconn.is_busy():
        if pgconn.get_result() is None:
            return True
    return False


def _notified(pgconn: PGconn) -> bool:
    told = False
    while pgconn.notifies() is not None:
        told = True
    return told
