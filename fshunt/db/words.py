"""What a shell completes, read by the bare driver: to import SQLAlchemy takes half a second, and TAB is pressed.

No transaction is left open, nothing is written, and whatever goes wrong there are no words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from fshunt.db.sqlite_file import sqlite_path

WAIT_SECONDS = 2
"""For the server, or a lock: who waits longer types the word."""

Rows = list[tuple[Any, ...]]

_DOMAINS = "SELECT name FROM domains ORDER BY name"
_PILOTS = (
    "SELECT g.pilot, g.name FROM groups AS g JOIN domains AS d ON d.id = g.domain_id WHERE d.name = ? ORDER BY g.pilot"
)
_MEMBERS = (
    "SELECT m.extension, g.pilot FROM members AS m JOIN groups AS g ON g.id = m.group_id "
    "JOIN domains AS d ON d.id = g.domain_id WHERE d.name = ? ORDER BY g.pilot, m.position"
)


def domains(url: str) -> list[str]:
    """Return the names of the domains."""
    return [name for (name,) in _read(url, _DOMAINS)]


def pilots(url: str, domain: str) -> Rows:
    """Return the pilots of a domain and the names of their groups."""
    return _read(url, _PILOTS, domain)


def members(url: str, domain: str, pilot: str | None = None) -> Rows:
    """Return the members of a domain's groups, or of the one with this pilot, each with the pilot."""
    return [row for row in _read(url, _MEMBERS, domain) if pilot in (None, row[1])]


def _read(url: str, query: str, *values: str) -> Rows:
    path = sqlite_path(url)
    return _from_server(url, query, values) if path is None else _from_file(path, query, values)


def _from_file(path: str, query: str, values: Sequence[str]) -> Rows:
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


def _from_server(url: str, query: str, values: Sequence[str]) -> Rows:
    import psycopg

    _, separator, rest = url.partition("://")  # what stands before it may name SQLAlchemy's driver
    try:
        with psycopg.connect(f"postgresql{separator}{rest}", connect_timeout=WAIT_SECONDS) as connection:
            return connection.execute(query.replace("?", "%s").encode(), values).fetchall()
    except psycopg.Error:
        return []
