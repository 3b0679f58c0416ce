"""Notes what is said to the database, by SQLAlchemy and on the driver's own connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy import Dialect, Engine, event

from fshunt.db.lean import LeanTransaction
from fshunt.db.prepared import Prepared


class Statement(NamedTuple):
    """A statement as the driver gets it."""

    text: str
    values: Any


@contextmanager
def noted(engine: Engine | None = None) -> Iterator[list[Statement]]:
    """What is said meanwhile, in any thread, to one database or to all."""
    said: list[Statement] = []
    dialect = None if engine is None else engine.dialect

    def note(connection: Any, _cursor: Any, text: str, values: Any, *_more: Any) -> None:
        if dialect is None or connection.dialect is dialect:
            said.append(Statement(text, values))

    send = LeanTransaction._send

    def note_lean(transaction: LeanTransaction, statement: Prepared, values: dict[str, Any]) -> Any:
        _note_lean(said, dialect, transaction, statement, values)
        return send(transaction, statement, values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(LeanTransaction, "_send", note_lean):
            yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _note_lean(
    said: list[Statement],
    dialect: Dialect | None,
    transaction: LeanTransaction,
    statement: Prepared,
    values: dict[str, Any],
) -> None:
    if dialect is None or transaction.dialect is dialect:
        said.append(Statement(*statement.for_values(transaction.dialect, values).sql(values)))
