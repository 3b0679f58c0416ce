"""Transactions on the driver's own connection, for what each hunt does: without the ORM, and for prepared statements.

Functions of ``db.queries`` that both a hunt and a command use take either kind: see ``fshunt.db.statements``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError, StatementError

from fshunt.db.prepared import Compiled, Prepared, Rows


class LeanTransaction:
    """One transaction on a connection of the driver, which the store begins and ends."""

    __slots__ = ("_driver", "_gone", "dialect", "info")

    def __init__(self, driver: Any, dialect: Dialect, gone: Callable[[BaseException], None]) -> None:
        """``gone`` is called when the connection turns out to be lost: nobody may use it again."""
        self._driver, self.dialect, self._gone = driver, dialect, gone
        self.info: dict[str, Any] = {}
        """What is still to be done in the transaction, as a session has it."""

    def is_on(self, driver: Any) -> bool:
        """Tell whether the transaction is on this connection."""
        return self._driver is driver

    def execute(self, statement: Prepared, values: Mapping[str, Any]) -> Rows:
        """Run a statement; raise DBAPIError or StatementError as SQLAlchemy does."""
        compiled, cursor = self._send(statement, values)
        try:
            return compiled.rows(cursor)
        except self.dialect.loaded_dbapi.Error as error:
            raise self.as_error(compiled.text, error) from error

    def post(self, statement: Prepared, values: Mapping[str, Any]) -> None:
        """Run a statement whose answer nobody reads; it may still be outstanding."""
        self._send(statement, values)

    def hold_answers(self, statements: int, *, until_commit: bool) -> None:
        """Have PostgreSQL get so many statements at once, and the COMMIT with them if it is to follow."""
        self._driver.hold_answers(statements, until_commit=until_commit)

    def begin(self, *, reading: bool) -> None:
        """Begin the transaction; nothing but the functions themselves keeps one for reading from writing on SQLite."""
        try:
            self._driver.begin(reading=reading, immediate=not reading, guarded=False)
        except self.dialect.loaded_dbapi.Error as error:
            raise self.as_error("BEGIN", error) from error

    def commit(self) -> None:
        """Commit the transaction."""
        try:
            self._driver.commit()
        except self.dialect.loaded_dbapi.Error as error:
            raise self.as_error("COMMIT", error) from error

    def rollback(self) -> None:
        """Roll the transaction back; an error of it would hide the one that led to it."""
        with suppress(self.dialect.loaded_dbapi.Error):
            self._driver.rollback()

    def _send(self, statement: Prepared, values: Mapping[str, Any]) -> tuple[Compiled, Any]:
        compiled = statement.for_values(self.dialect, values)
        try:
            text, taken = compiled.sql(values)
        except (ValueError, TypeError) as error:
            raise StatementError(str(error), compiled.text, None, error, hide_parameters=True) from error
        try:
            return compiled, self._driver.execute(text, taken)
        except self.dialect.loaded_dbapi.Error as error:
            raise self.as_error(text, error) from error

    def as_error(self, text: str, error: BaseException) -> BaseException:
        """Return the error of a driver as SQLAlchemy's, having given up a connection that is lost."""
        if self.dialect.is_disconnect(error, self._driver, None):  # type: ignore[arg-type]
            self._gone(error)
        return driver_error(self.dialect, text, error)


def driver_error(dialect: Dialect, text: str, error: BaseException) -> BaseException:
    """Return the error of a driver as SQLAlchemy's, without the values of the statement."""
    return DBAPIError.instance(text, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect)
