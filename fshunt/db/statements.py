"""Statements that are built once and run for every hunt: building one costs many times what running it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar, cast, overload

from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from fshunt.db.lean import LeanTransaction
from fshunt.db.models import Base
from fshunt.db.prepared import Prepared, Rows

T = TypeVar("T")

Transaction = Session | LeanTransaction
"""What functions of ``db.queries`` take that hunts use, and commands too."""

LEAN = "fshunt_lean"
"""Key in a session's ``info``: its transaction on the driver's connection."""
AT_END = "fshunt_at_end"
"""Key in a session's ``info``: jobs for its end."""
UNSENT = "fshunt_unsent"
"""Key in a session's ``info``: statements to send, in order."""
NAMES_A_STATEMENT = 500
"""Rows named in one statement: far below the limit of values of either database."""


def table(model: type[Base]) -> Table:
    """Return the table of a model."""
    return cast("Table", model.__table__)


@overload
def run(s: Transaction, statement: Prepared, values: dict[str, Any]) -> Rows: ...
@overload
def run(s: Session, statement: Executable, values: dict[str, Any]) -> CursorResult[Any]: ...
@overload
def run(s: Transaction, statement: Executable, values: dict[str, Any]) -> Rows | CursorResult[Any]: ...
def run(s: Transaction, statement: Prepared | Executable, values: dict[str, Any]) -> Rows | CursorResult[Any]:
    """Execute a statement in the transaction, without the ORM: it sees only flushed changes."""
    send(s)
    if isinstance(statement, Prepared):
        return lean_of(s).execute(statement, values)
    if isinstance(s, LeanTransaction):  # rare there, so that nothing is lost by compiling it each time
        return s.execute(Prepared(statement), values)
    return s.connection().execute(statement, values)


def write(s: Transaction, statement: Prepared, values: dict[str, Any]) -> None:
    """Execute a statement whose answer is not needed, before the next ``run`` or the end of the transaction.

    PostgreSQL then gets several at once, and only the last answer is waited for.
    """
    if dialect_of(s) == "postgresql":
        s.info.setdefault(UNSENT, []).append((statement, values))
    else:
        run(s, statement, values)


def send(s: Transaction, *, until_commit: bool = False) -> None:
    """Send the unsent statements and wait for the answers; with ``until_commit`` the COMMIT may bring them."""
    unsent = s.info.pop(UNSENT, ())
    if not unsent:
        return
    lean = lean_of(s)
    lean.hold_answers(len(unsent), until_commit=until_commit)
    for statement, values in unsent:
        lean.post(statement, values)


def lean_of(s: Transaction) -> LeanTransaction:
    """Return the transaction on the driver's connection that a session has begun."""
    if isinstance(s, LeanTransaction):
        return s
    connection = s.connection()
    driver = connection.connection.driver_connection
    lean: LeanTransaction | None = s.info.get(LEAN)
    if lean is None or not lean.is_on(driver):  # after a rollback a session may have another connection
        lean = s.info[LEAN] = LeanTransaction(driver, connection.dialect, connection.invalidate)
    return lean


class Rank(IntEnum):
    """Rows that several daemons write, in the order in which a transaction locks them."""

    DOMAIN = 1
    ROTATION = 2
    MEMBER = 3


def at_end(s: Transaction, rank: Rank, number: int, job: Callable[[Transaction], object]) -> None:
    """Do ``job`` at the end of the transaction, with others of its rank in order of ``number``.

    A transaction of the outbox writes many records in the order in which they happened. All transactions lock shared
    rows in one order, and only at the end, so that two never wait for each other.
    """
    s.info.setdefault(AT_END, []).append(((rank, number), job))


def finish(s: Transaction) -> None:
    """Do the remaining jobs before the COMMIT."""
    jobs = sorted(s.info.pop(AT_END, ()), key=itemgetter(0))
    for _, job in jobs:
        job(s)
    send(s, until_commit=True)


def dialect_of(s: Transaction) -> str:
    """Return the name of the SQL dialect."""
    return lean_of(s).dialect.name


def insert_into(s: Transaction, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT, for the session's database."""
    return insert_for(dialect_of(s), model)


def insert_for(dialect: str, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT; each database has a class of its own for it."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table(model))


@cache
def insert_once(dialect: str, model: type[Base]) -> Prepared:
    """Return the INSERT of a row that does nothing if the id exists."""
    return Prepared(insert_for(dialect, model).on_conflict_do_nothing(index_elements=["id"]))


def in_parts(named: Iterable[T], size: int = NAMES_A_STATEMENT) -> Iterator[list[T]]:
    """Yield the named rows in parts that fit one statement."""
    names = list(named)
    for start in range(0, len(names), size):
        yield names[start : start + size]
