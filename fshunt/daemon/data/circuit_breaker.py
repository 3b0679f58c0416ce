"""Keeps calls from asking a database that did not answer another call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event

from fshunt.daemon.cluster.clock import utc_now
from fshunt.errors import DatabaseError, FshuntError, Locked

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
"""Pauses between questions to a database that is away; each is twice the one before."""


class CircuitBreaker:
    """Whether calls may ask for something; shut, it is opened again by the first question that is answered."""

    def __init__(self, name: str, ask: Callable[[], Any], on_change: Callable[[], None]) -> None:
        self.name = name
        self.why: DatabaseError | None = None
        """Why it is shut; None: it is open."""
        self.since: datetime | None = None
        self._ask, self._on_change = ask, on_change
        self._opened = Event()
        self._times = 0
        """How often it was shut."""
        self._asker: gevent.Greenlet | None = None

    def check(self) -> None:
        """Raise DatabaseError if it is shut: what the database did not do for another call it is not asked for."""
        if self.why is not None:
            why = str(self.why)
            raise DatabaseError(f"The database is not asked for the moment: {why[:1].lower()}{why[1:]}")

    def shut(self, why: DatabaseError) -> None:
        """Let no call wait for the database until it answers again."""
        if self.why is not None:
            return
        log.warning("%s the database is put off: %s", self.name, why)
        self.why, self.since = why, utc_now()
        self._times += 1
        self._opened.clear()
        if self._asker is None or self._asker.dead:
            self._asker = gevent.spawn(self._ask_until_answered)
        self._on_change()

    def open(self) -> None:
        """The database has answered."""
        if self.why is None:
            return
        log.info("%s the database is possible again", self.name)
        self.why = self.since = None
        self._opened.set()
        self._on_change()

    def _ask_until_answered(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self.why is not None:
            asked = self._times
            if self._is_answered():
                if asked == self._times:  # an answer to a question from before says nothing of now
                    self.open()
            else:
                self._opened.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _is_answered(self) -> bool:
        try:
            self._ask()
        except Locked:
            return True
        except FshuntError:
            return False
        return True
