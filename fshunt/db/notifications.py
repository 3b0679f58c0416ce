"""Who may be rung has changed, or somebody is free: how one daemon tells the others.

On PostgreSQL it is a notification, which is sent when its transaction has ended well. SQLite has none: there it is a
row of a table, and whoever listens looks into the table when the file has changed.
"""

from __future__ import annotations

import logging
import os
import select
import sqlite3
import threading
from collections.abc import Callable, Collection
from typing import Any

import psycopg
from psycopg.pq.abc import PGconn
from sqlalchemy import URL, ColumnElement, FromClause, Table, bindparam, delete, exists, func, insert
from sqlalchemy import select as select_
from sqlalchemy.orm import Session

from fshunt.backoff import Backoff
from fshunt.db.engine import open_engine
from fshunt.db.failures import as_store_errors
from fshunt.db.models import Announcement, QueueEntry
from fshunt.db.prepared import Prepared
from fshunt.db.sqlite_file import file_id
from fshunt.db.statements import Transaction, dialect_of, table, write
from fshunt.errors import DatabaseError, FshuntError

log = logging.getLogger(__name__)

CHANNEL = "fshunt"
"""The channel of the notifications."""
SEPARATOR = "\t"
"""Between the domain and the extensions in a notification; neither has one."""

POLL_SECONDS = 0.2
"""How often it is looked whether an SQLite file has changed: it costs some microseconds."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Pauses between tries to connect; each is twice the one before."""
QUIET_SECONDS = 5.0
"""After this without a word the server is asked whether it is still there, and has as long to answer."""
STOP_SECONDS = 0.9
"""How long ``stop`` waits for the thread; one that is just connecting ends by itself, later."""

ASKED = "?"
"""Stands for a domain where daemons are asked for something: a live state, or the answer of a switch."""

PAYLOAD_BYTES = 7900
"""PostgreSQL takes less than 8000."""
KEPT_ANNOUNCEMENTS = 1000
"""How many the table has at most: far more than come between two looks."""

QUEUE, ANNOUNCEMENTS = table(QueueEntry), table(Announcement)
QUEUED_BEHIND = QUEUE.alias("queued_behind")
"""The queue entries of whoever is to be told."""
_NOTIFY = Prepared(select_(func.pg_notify(CHANNEL, bindparam("payload"))))
_ANNOUNCE = Prepared(insert(ANNOUNCEMENTS).inline())
_LAST = select_(func.coalesce(func.max(ANNOUNCEMENTS.c.id), 0)).scalar_subquery()
_FORGET = Prepared(delete(ANNOUNCEMENTS).where(ANNOUNCEMENTS.c.id <= _LAST - KEPT_ANNOUNCEMENTS))

Changed = tuple[str, str | None]
"""What has changed: a domain and an extension; None: any of the domain."""


def announce(s: Transaction, domain: str, extensions: Collection[str]) -> None:
    """Tell all daemons, when the transaction ends well, that something has changed for these members of a domain."""
    if dialect_of(s) == "postgresql":
        payload = SEPARATOR.join((domain, *sorted(extensions)))
        write(s, _NOTIFY, {"payload": payload if len(payload.encode()) <= PAYLOAD_BYTES else domain})
        return
    for extension in sorted(extensions):
        write(s, _ANNOUNCE, {"domain": domain, "extension": extension})
    write(s, _FORGET, {})


def ask_daemons(s: Session) -> None:
    """Tell all daemons, when the transaction ends well, to look what they are asked for."""
    announce(s, ASKED, [ASKED])


def payload_of(domain: ColumnElement[str], extension: ColumnElement[str]) -> ColumnElement[str]:
    """Return the payload of a notification for one member."""
    return func.concat_ws(SEPARATOR, domain, extension)


def deletion(
    rows: Table, which: ColumnElement[bool], *who_waits: ColumnElement[bool]
) -> dict[str, tuple[Prepared, ...]]:
    """Return the statements, by dialect, that delete rows of a member each and tell those who wait for the member.

    ``who_waits`` says which of QUEUED_BEHIND count; all parts of a statement see the tables as they were before it.
    """
    gone = delete(rows).where(which).returning(rows.c.domain, rows.c.extension).cte("gone")

    def waits(row: FromClause) -> ColumnElement[bool]:
        same = (QUEUED_BEHIND.c.domain == row.c.domain, QUEUED_BEHIND.c.extension == row.c.extension)
        return exists().where(*same, *who_waits)

    told = select_(rows.c.domain, rows.c.extension).where(which, waits(rows)).distinct()
    return {
        "postgresql": (
            Prepared(select_(func.pg_notify(CHANNEL, payload_of(gone.c.domain, gone.c.extension))).where(waits(gone))),
        ),
        "sqlite": (
            Prepared(insert(ANNOUNCEMENTS).from_select(["domain", "extension"], told)),
            Prepared(delete(rows).where(which)),
        ),
    }


def delete_and_announce(s: Transaction, statements: dict[str, tuple[Prepared, ...]], values: dict[str, Any]) -> None:
    """Do a ``deletion``."""
    for statement in statements[dialect_of(s)]:
        write(s, statement, values)


class Changes:
    """Listens, in a native thread of its own, and calls ``on_change`` there with what has changed.

    It is called with None once a connection is made: anything may have changed while there was none.
    """

    def __init__(self, url: str | URL, on_change: Callable[[Collection[Changed] | None], None]) -> None:
        self._engine = open_engine(url, connections=1)
        self._on_change = on_change
        self._stopped = threading.Event()
        self._telling = threading.Lock()
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
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
                log.debug("notifications from the database unavailable: %s", error)
                self._readable(self._backoff.next())
        self._engine.dispose()
        for end in (self._woken, self._waker):
            os.close(end)

    def _poll(self, connection: Any) -> None:
        """SQLite: the number changes with every transaction of any other connection."""
        seen = None
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM announcements").fetchone()
        path = str(self._engine.url.database)
        opened = file_id(path)
        self._tell(None)
        while not self._stopped.is_set():
            if file_id(path) != opened:
                raise DatabaseError(f"The database {path} was replaced or removed.")
            version = connection.execute("PRAGMA data_version").fetchone()
            self._backoff.reset()
            if version != seen:
                seen = version
                news = "SELECT id, domain, extension FROM announcements WHERE id > ? ORDER BY id"
                rows = connection.execute(news, (last,)).fetchall()
                if rows:
                    last = rows[-1][0]
                    self._tell([(domain, extension) for _, domain, extension in rows])
            self._readable(POLL_SECONDS)

    def _listen(self, connection: Any) -> None:
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        self._backoff.reset()
        self._tell(None)
        pgconn, asked = connection.pgconn, False
        while not self._stopped.is_set():
            if self._readable(QUIET_SECONDS, pgconn.socket):
                pgconn.consume_input()
                asked = asked and not _answered(pgconn)
                changed = _notified(pgconn)
                if changed:
                    self._tell(changed)
            elif asked:
                raise DatabaseError("The database server does not answer any more.")
            else:
                pgconn.send_query(b"SELECT 1")
                asked = True

    def _tell(self, changed: Collection[Changed] | None) -> None:
        with self._telling:
            if not self._stopped.is_set():
                self._on_change(changed)

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


def _notified(pgconn: PGconn) -> list[Changed]:
    changed: list[Changed] = []
    while (notice := pgconn.notifies()) is not None:
        domain, *extensions = notice.extra.decode(errors="replace").split(SEPARATOR)
        changed += [(domain, extension) for extension in extensions or (None,)]
    return changed
