"""Notices that the file of an SQLite database was replaced or removed under the daemon, and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import gevent

from fshunt.db.sqlite_file import FileId, file_id

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class DatabaseFile:
    """A service. The connections open the new file by themselves; ``on_change`` is for what is to be written anew."""

    def __init__(
        self, path: str | None, now: Callable[[], datetime], on_change: Callable[[], object] = lambda: None
    ) -> None:
        self._path, self._now, self._on_change = path, now, on_change
        self._id: FileId | None = None
        self._is_gone = False
        self.replaced_at: datetime | None = None
        """When another file took its place last; None: never in this run."""

    def run(self) -> None:
        """Look every second, until killed."""
        while True:
            self.look()
            gevent.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Compare the file that is there with the one that was."""
        if self._path is None:
            return
        found = file_id(self._path)
        if found is None:
            if self._id is not None and not self._is_gone:
                self._is_gone = True
                log.warning(
                    "the database file %s was removed: hunts continue from the group cache, and records wait; put it "
                    "back",
                    self._path,
                )
            return
        before, self._id = self._id, found
        was_gone, self._is_gone = self._is_gone, False
        if before is not None and found != before:
            self.replaced_at = self._now()
            log.warning("the database file %s was replaced: using the new one", self._path)
        elif was_gone:
            log.info("the database file %s is there again", self._path)
        else:
            return
        self._on_change()
