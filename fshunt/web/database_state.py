"""Whether the database is there, with the tables of this fshunt: asked from time to time, not at each request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from fshunt.db import migrate
from fshunt.errors import DatabaseError
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

GOOD_SECONDS, BAD_SECONDS = 15.0, 1.0
"""How long an answer holds. A bad one is asked again soon, so that pages come back with the database."""


class Trouble(StrEnum):
    """Why the pages cannot work; the names stand in `/healthz`."""

    AWAY = "unavailable"
    NO_TABLES = "not-migrated"
    OLDER = "older-schema"
    NEWER = "newer-schema"


class State(NamedTuple):
    """What was found: no trouble, or which one, and the sentence for the log and the administrator."""

    trouble: Trouble | None
    sentence: str


class DatabaseState:
    """The state of one database. Many threads may ask at once: one looks, the others take what was last seen."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._looking = threading.Lock()
        self._seen: State | None = None
        self._until = 0.0

    def now(self) -> State:
        """Return the state, which is at most ``GOOD_SECONDS`` old."""
        seen = self._seen
        if seen is not None and (self._clock() < self._until or not self._looking.acquire(blocking=False)):
            return seen
        if seen is None:
            self._looking.acquire()
        try:
            return self._look()
        finally:
            self._looking.release()

    def doubt(self) -> None:
        """Ask again at the next request: a transaction has failed."""
        self._until = 0.0

    def _look(self) -> State:
        found = state_of(self._url)
        if found != self._seen and (self._seen is not None or found.trouble is not None):
            level, event = logging.INFO, LogEvent.DATABASE_UP
            if found.trouble is not None:
                level, event = logging.WARNING, LogEvent.DATABASE_DOWN
            log.log(level, "database: %s", found.sentence, extra=about(event))
        self._seen = found
        self._until = self._clock() + (GOOD_SECONDS if found.trouble is None else BAD_SECONDS)
        return found


def state_of(url: str) -> State:
    """Look at the database now."""
    try:
        status = migrate.check(url)
    except DatabaseError as error:
        return State(Trouble.AWAY, str(error))
    if status.ok:
        return State(None, status.sentence)
    if status.current is None:
        return State(Trouble.NO_TABLES, status.sentence)
    return State(Trouble.NEWER if status.newer else Trouble.OLDER, status.sentence)
