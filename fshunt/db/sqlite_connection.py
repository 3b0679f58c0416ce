"""Connections to SQLite that begin transactions as fshunt needs them."""

from __future__ import annotations

import sqlite3


class SqliteConnection(sqlite3.Connection):
    """A connection that knows whether SQLite refuses its writes.

    To switch that has SQLite compile every statement anew, which costs more than most of them, so it is done only where
    it changes something, and not for transactions that ``guard`` nothing.
    """

    refuses_writes = False

    def begin(self, *, reading: bool, immediate: bool = False, guarded: bool = True) -> None:
        """Begin a transaction; ``immediate`` takes the lock for writing at once.

        In one for ``reading`` that is ``guarded`` a write is an error.
        """
        if reading != self.refuses_writes and (guarded or not reading):
            self.execute(f"PRAGMA query_only={int(reading)}")
            self.refuses_writes = reading
        self.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
