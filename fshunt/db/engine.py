"""Engines and transactions: the same on SQLite and PostgreSQL for the rest of fshunt.

Any native thread may use a ``Store``; each transaction has its own connection.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from fshunt.db.failures import as_store_errors, busy
from fshunt.db.lean import LeanTransaction, driver_error
from fshunt.db.pipeline import PipedConnection
from fshunt.db.pooler import PoolerCheck
from fshunt.db.sqlite_access import why_not_allowed
from fshunt.db.sqlite_connection import SqliteConnection
from fshunt.db.sqlite_file import Companions, file_id
from fshunt.db.statements import finish, send
from fshunt.errors import DatabaseError

CONNECTIONS = 10
"""Connections that an engine may open: more than the native threads that the daemon gives to the database."""
BUSY_TIMEOUT_MS = 5000
"""How long a statement waits for a lock: as long as a person at the command line waits without concern."""
PRIVATE, SHARED = 0o600, 0o660
"""Rights of a new SQLite file: SHARED in a folder that a group shares (mode 2770), whose members administer fshunt."""
FOR_A_GROUP = stat.S_ISGID | stat.S_IWGRP
"""Rights of a folder that is for a group: new files belong to the group, and its members may add some."""
WAL_PAUSE_SECONDS = 0.01
"""Between two tries to switch a new SQLite file to its write-ahead log."""
MIN_CONNECT_SECONDS = 2
"""libpq takes a shorter timeout as this."""
STATEMENT_MS = 1000
"""How long a statement may run on PostgreSQL, besides waiting for a lock: ours take a few milliseconds."""
ABANDONED_MS = 30_000
"""After this the server itself ends an idle transaction: else its locks would outlive a dead client."""
DEAD_PEER_MS = 20_000
"""After this a PostgreSQL server that takes packets but answers none counts as gone."""

IDLE_SECONDS = 5.0
"""A connection idle for so long is tested before it is used: servers and firewalls drop idle connections."""
USED_AT = "fshunt_used_at"

FILE = "fshunt_file"
"""Key in a connection's ``info``: the SQLite file that it has opened."""
COMPANIONS = Companions()

NO_FILE = (
    "The database file {database} is not there. If it was never made, run `fshunt db upgrade`. If it was removed, put "
    "it back from a backup: `fshunt db upgrade` would make an empty one."
)
"""Which of the two it is cannot be known; of a daemon that has had the file open, see ``DatabaseFile``."""

READING = "fshunt_reading"
IMMEDIATE = "fshunt_immediate"
"""Execution options that say how a transaction begins."""


def open_engine(
    url: str | URL,
    *,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    lock_timeout_ms: int | None = None,
    connections: int = CONNECTIONS,
    create: bool = False,
) -> Engine:
    """Return an engine; nothing is connected yet. ``create`` lets SQLite make the file, which only ``upgrade`` may.

    ``busy_timeout_ms`` is how long a statement waits for a lock, on PostgreSQL ``lock_timeout_ms`` if that is given.
    Raises DatabaseError if the URL names no supported database.
    """
    checked = _check_url(url)
    if checked.get_backend_name() == "sqlite":
        return _sqlite_engine(checked, busy_timeout_ms, connections, create)
    return _postgresql_engine(checked, busy_timeout_ms, lock_timeout_ms or busy_timeout_ms, connections)


def _compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _check_url(url: str | URL) -> URL:
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("The database URL cannot be read: use sqlite:////path or postgresql://host/name.") from None
    if made.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return made.set(drivername="postgresql+psycopg")
    if made.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseError(f"fshunt supports sqlite:// and postgresql:// databases, not {made.drivername}://.")
    if made.database in (None, "", ":memory:"):
        raise DatabaseError("An SQLite database needs a file, as in sqlite:////var/lib/fshunt/fshunt.db.")
    return made


def _sqlite_engine(url: URL, busy_timeout_ms: int, connections: int, create: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": busy_timeout_ms / 1000, "factory": SqliteConnection},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_timeout_ms / 1000,
        hide_parameters=True,
        json_serializer=_compact_json,
    )

    _open_only_what_exists(engine, create)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        # Transactions begin with our own BEGIN: the driver's comes too late and cannot be IMMEDIATE.
        connection.isolation_level = None
        _use_wal(connection, busy_timeout_ms / 1000)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    _follow_the_file(engine, str(url.database))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.driver_connection  # past SQLAlchemy, which takes ten times as long
        try:
            driver.begin(reading=bool(options.get(READING)), immediate=bool(options.get(IMMEDIATE)))
        except sqlite3.Error as error:
            raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error

    return engine


def _open_only_what_exists(engine: Engine, create: bool) -> None:
    """Have SQLite refuse a file that does not exist, or with ``create`` make it."""
    database = str(engine.url.database)

    @event.listens_for(engine, "do_connect")
    def _check(*_given: Any) -> None:
        if database.startswith("file:") or file_exists(database):
            COMPANIONS.set_aside(database)
            return
        if not create:
            raise DatabaseError(NO_FILE.format(database=database))
        _make_private(Path(database))


def file_exists(database: str) -> bool:
    """Tell whether an SQLite file exists; raise DatabaseError where this user may not know."""
    try:
        return Path(database).exists()
    except OSError as error:
        raise DatabaseError(
            why_not_allowed(database)
            or f"The database {database} cannot be opened: {error.strerror}. Run the command by `sudo`."
        ) from None


def _make_private(path: Path) -> None:
    """Make an empty file for its owner alone, or also for the group that its folder is for: it will say who called
    whom. SQLite gives its -wal and -shm files the same rights.
    """
    with suppress(OSError):  # SQLite reports it when it opens the file
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE)
        try:
            if path.parent.stat().st_mode & FOR_A_GROUP == FOR_A_GROUP and os.fstat(file).st_size == 0:
                os.fchmod(file, SHARED)  # whatever the umask says
        finally:
            os.close(file)


def _use_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch the database to a write-ahead log, which a new file does not have.

    SQLite's busy timeout does not cover this step: where two processes open a new file at once, one of them is refused,
    and retries here for as long as a statement would wait.
    """
    deadline = time.monotonic() + seconds
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_PAUSE_SECONDS)


def _follow_the_file(engine: Engine, path: str) -> None:
    """Give up connections whose SQLite file was replaced or removed since they opened it."""

    @event.listens_for(engine, "connect")
    def _note_file(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the write-ahead log
        entry.info[FILE] = opened = file_id(path)
        if opened is not None:
            COMPANIONS.opened(path, opened)

    @event.listens_for(engine, "close")
    def _note_end(_connection: Any, entry: ConnectionPoolEntry) -> None:
        if (opened := entry.info.pop(FILE, None)) is not None:
            COMPANIONS.closed(path, opened)

    @event.listens_for(engine, "checkout")
    def _look(_connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        if entry.info.get(FILE) != file_id(path):
            COMPANIONS.set_aside(path)
            raise InvalidatePoolError("the file was replaced or removed")


def _postgresql_engine(url: URL, busy_timeout_ms: int, lock_timeout_ms: int, connections: int) -> Engine:
    engine = create_engine(
        url,
        connect_args=_libpq_arguments(url, busy_timeout_ms),
        use_native_hstore=False,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_timeout_ms / 1000,
        hide_parameters=True,
        json_serializer=_compact_json,
    )
    timeouts = {
        "lock_timeout": lock_timeout_ms,
        "statement_timeout": busy_timeout_ms + STATEMENT_MS,
        "idle_in_transaction_session_timeout": ABANDONED_MS,
    }
    _connect_to_own_server(engine, timeouts)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.begin(reading=bool(connection.get_execution_options().get(READING)))

    _ping_if_idle(engine)
    return engine


def _libpq_arguments(url: URL, busy_timeout_ms: int) -> dict[str, Any]:
    """What each connection is opened with; what the URL itself says stands."""
    ours = {
        "connect_timeout": max(MIN_CONNECT_SECONDS, math.ceil(busy_timeout_ms / 1000)),
        "tcp_user_timeout": DEAD_PEER_MS,
        "client_encoding": "utf8",
        "application_name": "fshunt",
        "autocommit": True,  # transactions begin by our own BEGIN
    }
    return {key: value for key, value in ours.items() if key not in url.query}


def _connect_to_own_server(engine: Engine, timeouts: dict[str, int]) -> None:
    """Give each new connection its timeouts, in ms, and refuse one whose server is shared by a pooler."""
    own_server = PoolerCheck()

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _entry: ConnectionPoolEntry, args: Any, named: Any) -> PipedConnection:
        connection = PipedConnection.connect(*args, **named)
        with ExitStack() as unless_usable:
            unless_usable.callback(connection.close)
            own_server.check(connection, connection.set_timeouts(timeouts), args, named)
            unless_usable.pop_all()
        return connection


def _ping_if_idle(engine: Engine) -> None:
    """Test a connection before it is used, if the server has sent it something or it was idle for long.

    A server that ends a connection says so; to test each time would cost one more round trip.
    """

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _try(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        used_at = entry.info.get(USED_AT)
        if used_at is None or (time.monotonic() - used_at < IDLE_SECONDS and not connection.was_spoken_to()):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError(str(error)) from error


class Store:
    """Transactions on one database. Its errors are DatabaseError with one sentence."""

    def __init__(self, engine: Engine, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._engine = engine
        self._busy_seconds = busy_timeout_ms / 1000
        # A session that is used after its block is an error, not a new transaction that nobody ends.
        options: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}
        self._read = sessionmaker(engine.execution_options(**{READING: True}), **options)
        self._write = sessionmaker(engine.execution_options(**{IMMEDIATE: True}), **options)
        event.listen(self._write, "do_orm_execute", lambda executing: send(executing.session))
        # SQLite lets one writer in and makes the others poll; our own threads wait for a lock instead.
        self._one_writer = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read-only transaction that sees one moment: a snapshot on either database."""
        with as_store_errors(self._engine.url), self._read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that may write; it is rolled back unless the block ends well."""
        with self._as_only_writer(), as_store_errors(self._engine.url), self._write.begin() as session:
            yield session
            finish(session)

    @contextmanager
    def lean_reading(self) -> Iterator[LeanTransaction]:
        """The same as ``reading`` on the driver's connection: for what each hunt does."""
        with as_store_errors(self._engine.url), self._lean(reading=True) as transaction:
            yield transaction

    @contextmanager
    def lean_writing(self) -> Iterator[LeanTransaction]:
        """The same as ``writing`` on the driver's connection: for what each hunt does."""
        with (
            self._as_only_writer(),
            as_store_errors(self._engine.url),
            self._lean(reading=False) as transaction,
        ):
            yield transaction
            finish(transaction)

    @contextmanager
    def _lean(self, *, reading: bool) -> Iterator[LeanTransaction]:
        """One transaction, which is rolled back unless the block ends well."""
        dialect = self._engine.dialect
        try:
            pooled = self._engine.raw_connection()
        except dialect.loaded_dbapi.Error as error:
            raise driver_error(dialect, "", error) from error
        with closing(pooled), ExitStack() as unless_committed:
            transaction = LeanTransaction(pooled.driver_connection, dialect, pooled.invalidate)
            transaction.begin(reading=reading)
            unless_committed.callback(transaction.rollback)
            yield transaction
            transaction.commit()
            unless_committed.pop_all()

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, which has one writer at a time."""
        return self._one_writer is not None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _as_only_writer(self) -> Iterator[None]:
        if self._one_writer is None:
            yield
            return
        if not self._one_writer.acquire(timeout=self._busy_seconds):
            raise DatabaseError(busy(self._engine.url))
        try:
            yield
        finally:
            self._one_writer.release()


def open_store(url: str | URL, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, connections: int = CONNECTIONS) -> Store:
    """Return a store for the URL; nothing is connected yet. Raises DatabaseError if the URL is of another database."""
    engine = open_engine(url, busy_timeout_ms=busy_timeout_ms, connections=connections)
    return Store(engine, busy_timeout_ms=busy_timeout_ms)
