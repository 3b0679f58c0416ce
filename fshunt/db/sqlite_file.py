"""The file of an SQLite database: which one it is, and what of another file lies beside it.

A file may be replaced under a running daemon, as by a restored backup. The write-ahead log beside it (``-wal``) and its
index (``-shm``) are found by their names alone: SQLite would take the log of the old file into the new one and damage
it. So the files of this process's connections are remembered, and those of another database are set aside.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from pathlib import Path

log = logging.getLogger(__name__)

ASIDE = ".old"
"""Appended to the name of a file that belongs to a database which was replaced."""

FileId = tuple[int, int]
"""The device and the inode of a file: what a name leads to now."""


def file_id(path: str) -> FileId | None:
    """Return which file a name leads to now; None: there is none, or this user may not know."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Companions:
    """Which database the files beside it belong to, as far as this process has opened them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database_of: dict[FileId, FileId] = {}
        self._connections: Counter[FileId] = Counter()

    def opened(self, path: str, database: FileId) -> None:
        """A connection to this database is open and has opened what lies beside it."""
        with self._lock:
            self._connections[database] += 1
            for name in _beside(path):
                found = file_id(name)
                if found is not None:
                    self._database_of[found] = database

    def closed(self, path: str, database: FileId) -> None:
        """A connection is closed. With the last one SQLite removes what lies beside the database, if it is there still.

        Else it stays, and is remembered: whoever puts another file in this place gets it.
        """
        with self._lock:
            self._connections[database] -= 1
            if not self._connections[database] and file_id(path) == database:
                self._database_of = {name: of for name, of in self._database_of.items() if of != database}

    def set_aside(self, path: str) -> None:
        """Rename what lies beside a database and belongs to the one that was there before."""
        with self._lock:
            database = file_id(path)
            if database is None:  # what was removed may be put back
                return
            for name in _beside(path):
                found = file_id(name)
                if found is None or self._database_of.get(found, database) == database:
                    continue
                del self._database_of[found]
                try:
                    Path(name).replace(f"{name}{ASIDE}")
                except OSError as error:
                    log.warning("%s belongs to a database that was replaced, and cannot be renamed: %s", name, error)
                else:
                    log.warning("%s belongs to a database that was replaced: renamed to %s%s", name, name, ASIDE)


def _beside(path: str) -> tuple[str, str]:
    return f"{path}-wal", f"{path}-shm"


def sqlite_path(url: str) -> str | None:
    """Return the path of an SQLite file; None for another database."""
    scheme, _, path = url.partition(":///")
    return path.partition("?")[0] if scheme.partition("+")[0] == "sqlite" else None
