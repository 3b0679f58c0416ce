"""Tells whether a connection pooler stands before PostgreSQL that gives a server to each transaction anew.

PgBouncer with ``pool_mode = transaction`` (or ``statement``) does: what fshunt needs of a session does not hold there.
Notifications do not arrive, timeouts that are set end with the transaction or hold for strangers, and prepared
statements are missing. A pooler in session mode is as good as the server itself.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

import psycopg

from fshunt.db.pipeline import PipedConnection
from fshunt.errors import DatabaseError

TRIES = 5
"""An idle pooler gives the server of the last transaction to the next one at once; a busy one soon."""

SHARED_SERVER = (
    "The database is reached through a connection pooler that changes the server with each transaction (PgBouncer's "
    "`pool_mode = transaction` or `statement`), which fshunt cannot use: set `pool_mode = session` for this database "
    "in pgbouncer.ini, or put PostgreSQL's own host and port into `database_url`."
)


class SharedServer(DatabaseError):
    """The pooler before the database is set so that fshunt cannot use it; it will not mend by itself."""


class PoolerCheck:
    """Looks at the first connection of an engine; the others go the same way."""

    def __init__(self) -> None:
        self._is_done = False

    def check(self, connection: PipedConnection, pid: int, args: Any, named: Any) -> None:
        """Raise SharedServer if a transaction of another client can run in the server of this connection.

        ``pid`` is the server's process, as it says itself. A server that was connected to directly has told the same
        when the connection was made; a pooler invents a number there. Then a second connection is made by the same
        ``args`` and ``named``: in session mode nobody else can ever have this one's server.
        """
        if self._is_done or connection.info.backend_pid == pid:
            return
        with suppress(psycopg.OperationalError), closing(PipedConnection.connect(*args, **named)) as other:
            # Where there is no second one, the pool is full of sessions.
            if any(_is_shared(connection, other, pid) for _ in range(TRIES)):
                raise SharedServer(SHARED_SERVER)
        self._is_done = True


def _is_shared(connection: PipedConnection, other: PipedConnection, pid: int) -> bool:
    """Whether another client's transaction has this connection's server, or this one has lost it to somebody."""
    try:
        with other.transaction():  # the second question only then: the first one's server may be the only one
            return server_of(other) == pid or server_of(connection) != pid
    except psycopg.errors.ProtocolViolation:  # no transactions at all: PgBouncer's statement mode
        return True


def server_of(connection: psycopg.Connection[Any]) -> int:
    """Return the process that runs the statements of a connection now."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
