"""What the database's errors mean, in one sentence each, never with a password in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fshunt.db.sqlite_access import why_not_allowed
from fshunt.errors import CannotStore, Conflict, DatabaseError, Locked

NOT_MIGRATED = "The database is not migrated: run `fshunt db upgrade`."
BUSY = "{where} is locked by another process: try again."
READ_ONLY = "{where} is read-only: give the user of fshunt the right to write to it."
CANNOT_OPEN = "{where} cannot be opened: check that its folder exists and may be written."
_OF_RIGHTS = (CANNOT_OPEN, READ_ONLY)
"""Where the rights of the file may be the reason, whose it is says more."""
SECRET_QUERY_KEYS = ("password", "sslpassword")

_SQLITE = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: CANNOT_OPEN,
    sqlite3.SQLITE_NOTADB: "{where} is not a SQLite database: name another file.",
    sqlite3.SQLITE_CORRUPT: "{where} is damaged: restore it from a backup.",
    sqlite3.SQLITE_FULL: "{where} cannot grow: the disk is full.",
    sqlite3.SQLITE_IOERR: "{where} cannot be read or written: check the disk.",
}
_SQLITE_PRIMARY_CODE = 0xFF
"""SQLite's extended codes keep the primary code in their low byte."""

_POSTGRESQL = {
    "42P01": NOT_MIGRATED,
    "42703": NOT_MIGRATED,
    "25006": "{where} is read-only, as a standby is: put the primary into `database_url`, or make this one writable.",
    "55P03": "{where} is locked by another client: try again.",
    "57014": "{where} took too long to answer: try again.",
    "40P01": "{where} had a deadlock of two changes: try again.",
    "40001": "{where} was changed by another client at the same moment: try again.",
    "42501": "{where} refuses this to its user: grant them the tables of fshunt.",
    "53100": "{where} cannot grow: the disk is full.",
    "53300": "{where} has too many connections already: raise its max_connections.",
}
_LOCKED = {"55P03", "40P01", "40001"}
"""The server answered: it is available to all who need another row."""
_POSTGRESQL_LOGIN = {
    "authentication failed": "{where} refuses the user name or the password.",
    "no password supplied": "{where} requires a password: set `database_password_file` to a file that has it.",
    '" does not exist': "{where} cannot be used: there is no such database or user on that server.",
}
"""A refused login has no code for the client, only the server's text, in English."""


@contextmanager
def as_store_errors(url: URL) -> Iterator[None]:
    """Turn the errors of SQLAlchemy and its drivers into ours, with one sentence each.

    DatabaseError may succeed on a retry, and Locked once a lock is released. A row that can never be stored is BadValue
    or Conflict instead, so that nobody retries it for ever.
    """
    try:
        yield
    except IntegrityError as error:
        raise Conflict("Somebody has changed the same at the same moment: check, and try again.") from error
    except DataError as error:
        raise CannotStore(f"A value does not fit into {where(url)}: {_drivers_words(url, error)}.") from error
    except DBAPIError as error:
        kind = Locked if getattr(error.orig, "sqlstate", None) in _LOCKED else DatabaseError
        raise kind(_sentence(url, error)) from error
    except StatementError as error:
        raise CannotStore(f"A value does not fit into {where(url)}: {_drivers_words(url, error)}.") from error
    except OverflowError as error:  # sqlite3 raises it for an integer that is too large, outside its own errors
        raise CannotStore(f"A value does not fit into {where(url)}: {error}.") from error
    except PoolTimeout as error:
        raise DatabaseError(f"{_subject(url)} is busy: all connections of this process are in use.") from error


def busy(url: URL) -> str:
    """Return the sentence for a database whose lock another process holds."""
    return BUSY.format(where=_subject(url))


def where(url: URL) -> str:
    """Name the database in a sentence, without user and password."""
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    server = url.host or url.query.get("host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"the database {url.database} on {server}{port}"


def _sentence(url: URL, error: DBAPIError) -> str:
    is_sqlite = url.get_backend_name() == "sqlite"
    template = _sqlite(error) if is_sqlite else _postgresql(error)
    if is_sqlite and template in _OF_RIGHTS and (why := why_not_allowed(str(url.database))) is not None:
        return why
    if template:
        return template.format(where=_subject(url))
    return f"{_subject(url)} cannot be used: {_drivers_words(url, error)}."


def _subject(url: URL) -> str:
    return where(url).replace("the", "The", 1)


def _sqlite(error: DBAPIError) -> str | None:
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError) and str(cause).startswith(("no such table", "no such column")):
        return NOT_MIGRATED
    if "has no column named" in str(cause):
        return NOT_MIGRATED
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else _SQLITE.get(code & _SQLITE_PRIMARY_CODE)


def _postgresql(error: DBAPIError) -> str | None:
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return _POSTGRESQL.get(code)
    words = str(error.orig)
    return next((sentence for part, sentence in _POSTGRESQL_LOGIN.items() if part in words), None)


def _drivers_words(url: URL, error: StatementError) -> str:
    lines = [line.strip() for line in str(error.orig).splitlines() if line.strip()]
    words = (lines[0] if lines else type(error.orig).__name__).rstrip(".")
    secrets = [url.password, *(url.query.get(key) for key in SECRET_QUERY_KEYS)]
    if any(secret and str(secret) in words for secret in secrets):
        return "the driver's message is hidden because it contains the password"
    return words
