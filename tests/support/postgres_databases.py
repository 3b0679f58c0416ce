"""Databases on one PostgreSQL server, which tests use one after the other: to make one takes half a second."""

from __future__ import annotations

import itertools
import json
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from fshunt.db import migrate

LOCK_SECONDS = 10
"""How long a database that is given back may be locked by sessions that are ending."""

SESSIONS_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"

ROOM = "pg_class.relnamespace = 'public'::regnamespace"
SHAPE = f"""
    SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
        SELECT concat_ws(' ', relname, attnum, attname, atttypid, atttypmod, attnotnull) AS line
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE {ROOM}
        UNION ALL SELECT concat_ws(' ', relname, pg_get_constraintdef(pg_constraint.oid))
            FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE {ROOM}
        UNION ALL SELECT concat_ws(' ', relname, tgname)
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE {ROOM} AND NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT relname || ' was analyzed'
            FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid WHERE {ROOM}
        UNION ALL SELECT 'with settings' FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
            WHERE datname = current_database()
        UNION ALL SELECT 'grown' WHERE pg_database_size(current_database()) > 1.5 * pg_database_size(%s)
    ) AS lines"""
"""Tables, indexes, constraints, triggers and functions; and what else a test may have left besides rows."""


class PostgresDatabases:
    """Makes databases on one server, hands each out again once it is clean, and drops them at the end."""

    def __init__(self, server: URL) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self._free: list[str] = []
        """Migrated databases that a test has given back."""
        self._template: str | None = None
        self._shape: Any = None
        self._rows: dict[str, Any] = {}
        """The rows that migrations make, by table."""

    def empty(self) -> str:
        """The URL of a database without tables."""
        return self._create("template1")

    def migrated(self) -> str:
        """The URL of a database with all tables and no rows but those that migrations make."""
        if self._free:
            return self._free.pop()
        if self._template is None:
            self._make_template()
        assert self._template is not None
        return self._create(self._template)

    def give_back(self, url: str) -> None:
        """Let another test use a migrated database; one that is not as it was but for its rows is dropped."""
        if self._template is not None and self._cleaned(url):
            self._free.append(url)
        else:
            self.drop(url)

    def drop(self, url: str) -> None:
        """Drop a database, even if sessions are still connected to it."""
        name = str(make_url(url).database)
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def drop_all(self) -> None:
        """Drop all of them."""
        for name in list(self._made):
            self.drop(self._url(name))

    def _make_template(self) -> None:
        url = self.empty()
        migrate.upgrade(url)
        self._template = str(make_url(url).database)
        with self._connect(self._template) as connection:
            for table in _tables(connection):
                query = sql.SQL("SELECT json_agg({0}) FROM {0}").format(sql.Identifier(table))
                self._rows[table] = _one(connection, query)
            self._shape = self._shape_of(connection)

    def _cleaned(self, url: str) -> bool:
        """Remove what a test has written; tell whether the database is as a new one."""
        try:
            with self._connect(str(make_url(url).database)) as connection:
                connection.execute(SESSIONS_END, [connection.info.backend_pid])
                if self._shape_of(connection) != self._shape:
                    return False
                connection.execute(self._cleaning())
                return True
        except psycopg.Error:
            return False

    def _cleaning(self) -> sql.Composed:
        """Statements that leave the rows of the migrations alone, whatever refers to what."""
        parts: list[sql.Composable] = [
            sql.SQL("SET lock_timeout = {}").format(LOCK_SECONDS * 1000),
            sql.SQL("SET session_replication_role = replica"),  # which checks no reference
        ]
        for table, rows in self._rows.items():
            name = sql.Identifier(table)
            parts.append(sql.SQL("DELETE FROM {}").format(name))
            if rows:
                values = sql.SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, {1})")
                parts.append(values.format(name, sql.Literal(json.dumps(rows))))
        parts.append(sql.SQL("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"))
        return sql.SQL("; ").join(parts)

    def _shape_of(self, connection: psycopg.Connection[Any]) -> Any:
        return _one(connection, SHAPE.encode(), [self._template])

    def _create(self, template: str) -> str:
        name = f"fshunt_test_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.append(name)
        return self._url(name)

    def _url(self, name: str) -> str:
        return self.server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with self._connect(str(self.server.database)) as connection:
            connection.execute(statement.encode())

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        conninfo = self.server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        return psycopg.connect(conninfo, autocommit=True)


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    query = f"SELECT relname FROM pg_class WHERE relkind = 'r' AND {ROOM} ORDER BY relname"
    return [row[0] for row in connection.execute(query.encode())]


def _one(connection: psycopg.Connection[Any], query: Any, parameters: list[Any] | None = None) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]
