"""Statements that SQLAlchemy compiles once, and that then run on the driver's own connection.

A hunt runs some fifteen statements. SQLAlchemy builds objects for each execution, and they cost several times what
SQLite does with the statement. So what every hunt runs is prepared: SQLAlchemy still writes the SQL and says how values
go in and come out, once for each database and set of names; from then on only the driver is asked.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

KEPT_TEXTS = 64
"""Texts kept of a statement with lists, one for each length: of a large group there is no end of lengths."""

Convert = Callable[[Any], Any]
"""Makes a value for the driver of one of ours, or the other way round."""


class Rows:
    """What a statement returned, read from the driver at once."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount
        """How many rows were changed, for a statement that changes some."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Return all rows: named tuples."""
        return self._rows

    def first(self) -> Any:
        """Return the first row, or None."""
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        """Return the first value of the first row, or None."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """Return the one value; raise ValueError unless there is one row."""
        (row,) = self._rows
        return row[0]

    def scalars(self) -> list[Any]:
        """Return the first value of each row."""
        return [row[0] for row in self._rows]


class _Value(NamedTuple):
    """A value for the driver: the one given under a name, or the one at a ``place`` of the list that is given there."""

    name: str
    place: tuple[int, ...]
    convert: Convert | None

    def of(self, given: Mapping[str, Any]) -> Any:
        value = given[self.name]
        for at in self.place:
            value = value[at]
        return value if self.convert is None else self.convert(value)


class _Sql(NamedTuple):
    """A text for the driver, and what it needs: by name, or in order where ``names`` is None."""

    text: str
    values: tuple[_Value, ...]
    names: tuple[str, ...] | None


class Prepared:
    """A statement with the SQL that it has on each database."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], Compiled] = {}

    def for_values(self, dialect: Dialect, values: Mapping[str, Any]) -> Compiled:
        """Return its SQL for a database and for values of these names: those of an INSERT name the columns."""
        key = (dialect.name, *values)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = Compiled(self.statement, dialect, list(values))
        return compiled


class Compiled:
    """The SQL of a statement for one database and one set of names."""

    def __init__(self, statement: Executable, dialect: Dialect, names: list[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)
        assert not compiled.insert_prefetch, "defaults are made by the database"
        assert not compiled.update_prefetch, "defaults are made by the database"
        self._compiled, self._dialect = compiled, dialect
        self.text = compiled.string
        """The SQL, before lists of values are put in."""
        self._constants = compiled.construct_params(_check=False)
        self._kinds = {name: bind.type for bind, name in compiled.bind_names.items()}
        self._several = tuple(sorted(compiled.bind_names[bind] for bind in compiled.post_compile_params))
        """The names under which several values are given, each a parameter of its own in the text."""
        self._texts: dict[tuple[int, ...], _Sql] = {}
        self._types: list[TypeEngine[Any]] = [column.type for column in _returned(statement)]
        self._row: Callable[[Any], Any] | None = None

    def sql(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the text and the values as the driver takes them."""
        given = {**self._constants, **values}
        lengths = tuple([len(given[name]) for name in self._several]) if self._several else ()
        sql = self._texts.get(lengths)
        if sql is None:
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            sql = self._texts[lengths] = self._text(given)
        taken = tuple([value.of(given) for value in sql.values])
        return sql.text, taken if sql.names is None else dict(zip(sql.names, taken, strict=True))

    def rows(self, cursor: Any) -> Rows:
        """Read what the driver's cursor has."""
        if cursor.description is None:
            return Rows([], cursor.rowcount)
        found = cursor.fetchall()
        row = self._row
        if row is None:
            row = self._row = self._reading(cursor.description)
        return Rows([row(each) for each in found], cursor.rowcount)

    def _text(self, given: Mapping[str, Any]) -> _Sql:
        """Return the SQL for lists as long as these."""
        compiled = self._compiled
        if not self._several:
            names = list(compiled.positiontup or ()) if compiled.positional else list(self._constants)
            return _Sql(compiled.string, tuple(map(self._single, names)), None if compiled.positional else tuple(names))
        state = compiled.construct_expanded_state(dict(given))
        listed = {
            part: _Value(name, place, state.processors.get(part))
            for name, parts in state.parameter_expansion.items()
            for part, place in zip(parts, _places(len(parts), given[name]), strict=True)
        }
        names = list(state.positiontup or ()) if compiled.positional else list(state.parameters)
        told = tuple(listed.get(name) or self._single(name) for name in names)
        return _Sql(state.statement, told, None if compiled.positional else tuple(names))

    def _single(self, name: str) -> _Value:
        return _Value(name, (), self._converts(name))

    def _converts(self, name: str) -> Convert | None:
        kind = self._kinds[name]
        convert: Convert | None = kind.dialect_impl(self._dialect).bind_processor(self._dialect)
        return convert

    def _reading(self, description: Sequence[Any]) -> Callable[[Any], Any]:
        """Return what makes a row of ours of one of the driver's."""
        assert len(description) == len(self._types), "each column of the statement has its type"
        kind = namedtuple("Row", [column[0] for column in description], rename=True)  # type: ignore[misc]
        dialect = self._dialect
        reads = [
            each.dialect_impl(dialect).result_processor(dialect, column[1])
            for each, column in zip(self._types, description, strict=True)
        ]
        to_convert = [(at, convert) for at, convert in enumerate(reads) if convert is not None]
        make = kind._make
        if not to_convert:
            return make

        def row(found: Sequence[Any]) -> Any:
            values = list(found)
            for at, convert in to_convert:
                values[at] = convert(values[at])
            return make(values)

        return row


def _places(parts: int, values: Sequence[Any]) -> list[tuple[int, ...]]:
    """Return where in a list its parts are: each of its values is one, or a row of several."""
    width = parts // len(values) if values else 1
    if not (values and isinstance(values[0], tuple)):
        return [(at,) for at in range(parts)]
    return [(at // width, at % width) for at in range(parts)]


def _returned(statement: Any) -> Sequence[Any]:
    """Return the columns that a statement returns."""
    columns = getattr(statement, "exported_columns", None)
    return () if columns is None else list(columns)
