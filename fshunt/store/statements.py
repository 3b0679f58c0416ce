"""Statements that are built once and run at every hunt: putting one together costs many times what running it does."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from fshunt.store.models import Base


def table(model: type[Base]) -> Table:
    """Return the table of a model."""
    return cast("Table", model.__table__)


def run(s: Session, statement: Executable, values: dict[str, Any]) -> CursorResult[Any]:
    """Execute a statement on tables in the session's transaction, past the ORM: it sees only what was flushed."""
    return s.connection().execute(statement, values)


def dialect_of(s: Session) -> str:
    """Return the name of the database's kind."""
    return s.connection().dialect.name


def insert_into(s: Session, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say ON CONFLICT, made for the session's database."""
    return insert_for(dialect_of(s), model)


def insert_for(dialect: str, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say ON CONFLICT: both databases can, each with a class of its own."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table(model))


@cache
def insert_once(dialect: str, model: type[Base]) -> Executable:
    """Return the INSERT of a row that is left alone if its id is there already."""
    return insert_for(dialect, model).on_conflict_do_nothing(index_elements=["id"])
