"""Keeps calls from asking a database that did not answer another call in time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

import gevent
from gevent.event import Event

from fshunt.backoff import Backoff
from fshunt.daemon.clock import utc_now
from fshunt.errors import DatabaseError, FshuntError, Locked
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
"""Pauses between probes of a database that does not answer in time; each is twice the one before."""

STEADY_PAUSE_SECONDS = 1.0
"""Pause between two probes that were answered in time, where more than one is needed."""

RELAPSE_SECONDS = 60.0
"""A trip so soon after a reset says that the probe was answered more quickly than calls are. After each such relapse
twice as many probes in a row must be answered in time, so that a slow database costs few calls their waiting."""

MOST_ANSWERS = 16
"""Probes in a row that must be answered in time at most. While it is tripped hunts have no cluster-wide claims, so a
database that fails for some calls only must not be left alone for longer than about 15 s."""


class CircuitBreaker:
    """Tells whether calls may ask for something. Tripped, it is reset by probes that are answered in time.

    ``probe`` asks the database as a call would, and ``limit`` returns how many seconds a call waits for the answer.
    """

    def __init__(
        self,
        probe: Callable[[], object],
        limit: Callable[[], float],
        on_change: Callable[[], None],
        *,
        tripped: str,
        was_reset: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self.why: DatabaseError | None = None
        """Why it is tripped; None: it is not."""
        self.since: datetime | None = None
        self._probe, self._limit, self._on_change = probe, limit, on_change
        self._tripped_line, self._reset_line = tripped, was_reset
        self._clock, self._sleep = clock, sleep
        self._reset_at: float | None = None
        self._answers_needed = 1
        self._closed = Event()
        self._prober: gevent.Greenlet | None = None

    def check(self) -> None:
        """Raise DatabaseError if it is tripped."""
        if self.why is not None:
            why = str(self.why)
            raise DatabaseError(f"The database is not asked until it answers in time again: {why[:1].lower()}{why[1:]}")

    def trip(self, why: DatabaseError) -> None:
        """Let no call wait for the database until it answers in time again."""
        if self.why is not None or self._closed.is_set():
            return
        relapsed = self._reset_at is not None and self._clock() - self._reset_at < RELAPSE_SECONDS
        self._answers_needed = min(2 * self._answers_needed, MOST_ANSWERS) if relapsed else 1
        self.why, self.since = why, utc_now()
        log.warning(self._tripped_line, str(why).rstrip("."), extra=about(LogEvent.DATABASE_DOWN))
        self._prober = gevent.spawn(self.probe_until_answered)
        self._on_change()

    def close(self) -> None:
        """Probe no more: the database is no longer used."""
        self._closed.set()
        self.why = None
        if self._prober is not None:
            self._prober.kill(block=False)

    def probe_until_answered(self) -> None:
        """Ask until enough probes in a row were answered in time, then reset."""
        backoff, answers = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS), 0
        while self.why is not None:
            if self._is_answered_in_time():
                answers += 1
                if answers >= self._answers_needed:
                    self._reset()
                    return
                backoff.reset()
                self._sleep(STEADY_PAUSE_SECONDS)
            else:
                answers = 0
                self._sleep(backoff.next())

    def _is_answered_in_time(self) -> bool:
        began = self._clock()
        try:
            self._probe()
        except Locked:
            return True  # the server answered; somebody holds the lock of one row
        except FshuntError:
            return False
        return self._clock() - began <= self._limit()

    def _reset(self) -> None:
        self.why = self.since = None
        self._reset_at = self._clock()
        log.info(self._reset_line, extra=about(LogEvent.DATABASE_UP))
        self._on_change()
