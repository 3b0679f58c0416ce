"""The database as a call sees it: in other threads, and never for longer than a call can wait.

SQLite has no driver that lets other greenlets run while it waits for a lock, and libpq looks host names up by itself.
So every call of the store runs in a native thread, and the greenlet that asked waits in the hub with a deadline.

A database that was too slow once is not asked again by any call until it has answered a question of ours: a gate, one
for reading and one for writing, is shut meanwhile, and calls go on at once with what is known.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, cast

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy import text
from sqlalchemy.orm import Session

from fshunt.daemon.data.circuit_breaker import CircuitBreaker
from fshunt.db.engine import Store
from fshunt.errors import DatabaseError, FshuntError, Locked, Mistake

log = logging.getLogger(__name__)

R = TypeVar("R")

READER_THREADS = 4
"""Reads that can be under way at once. Each takes a millisecond; the rest waits its turn."""

WRITER_THREADS_SQLITE = 1
"""SQLite has one writer at a time anyway; a second thread would only wait for its lock."""

WRITER_THREADS_SERVER = 4
"""Writes under way at once on a database server."""

ENOUGH_OF_THE_TIMEOUT = 0.5
"""A call that has waited so much of the timeout, and had no patience for more, may say that the database is away."""

THREADS_SECONDS = 1.0
"""How long, at a stop, threads are waited for."""

NO_TIME = "The call had no time left to ask the database."


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """What a job came to: its result, or its error."""

    result: R | None = None
    error: FshuntError | None = None


def quiet(job: Callable[[], R]) -> Callable[[], Done[R]]:
    """Make a job that raises none of its own errors: gevent prints a traceback of each that leaves a thread.

    This is the outermost frame of a thread: whoever asked gets a FshuntError, whatever has happened.
    """

    def job_that_raises_nothing() -> Done[R]:
        try:
            return Done(job())
        except FshuntError as error:
            return Done(error=error)
        except Exception as error:
            log.exception("an error inside fshunt, at the database")
            return Done(error=Mistake(f"{type(error).__name__}: {error}"))

    return job_that_raises_nothing


def result_of(done: Done[R]) -> R:
    """Return what a quiet job came to; raise its error."""
    if done.error is not None:
        raise done.error
    return cast("R", done.result)


def _select(session: Session) -> None:
    session.execute(text("SELECT 1"))


def _touch(session: Session) -> None:
    session.execute(text("UPDATE lease_clock SET tickets = tickets"))


class Deadline:
    """Until when one call waits for the database, several steps together."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def extend(self, seconds: float) -> None:
        """Wait until so many seconds from now."""
        self._at = self._clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left, never less than 0."""
        return max(0.0, self._at - self._clock())


class Database:
    """Runs functions of the queries in threads. ``timeout`` is how many seconds a call waits for one of them.

    ``on_change`` is told when the database goes away or comes back.
    """

    def __init__(self, store: Store, timeout: float) -> None:
        self.store = store
        self.timeout = timeout
        self.on_change: Callable[[], None] = lambda: None
        self.on_error: Callable[[], None] = lambda: None
        """Told of each step of a call that has to go on without the database, asked or not."""
        writers = WRITER_THREADS_SQLITE if store.is_sqlite else WRITER_THREADS_SERVER
        self._readers = ThreadPool(READER_THREADS)
        self._writers = ThreadPool(writers)
        self.reads = CircuitBreaker("reading", lambda: self._patiently(self._readers, _select, False), self._changed)
        self.writes = CircuitBreaker("writing", lambda: self.run(_touch, write=True), self._changed)

    @property
    def away(self) -> DatabaseError | None:
        """Why calls cannot use the database now; None: they can."""
        return self.reads.why or self.writes.why

    @property
    def away_since(self) -> datetime | None:
        """Since when they cannot."""
        return self.reads.since or self.writes.since

    def deadline(self) -> Deadline:
        """Return a deadline of ``timeout`` from now."""
        return Deadline(self.timeout, time.monotonic)

    def run(self, function: Callable[[Session], R], *, write: bool = False, deadline: Deadline | None = None) -> R:
        """Return ``function(session)`` of one transaction; raise DatabaseError if it fails or is too slow.

        With a deadline the circuit breaker is asked first, and no step takes longer than ``timeout``: that is for what
        a call waits for. Without one it waits as long as it takes and asks no breaker: for what no call waits for.
        A write that took too long is not undone: it may still end well later.
        """
        pool = self._writers if write else self._readers
        if deadline is not None:
            return self._within(pool, function, write, deadline.left())
        result = self._patiently(pool, function, write)
        if write:
            self.writes.open()
        return result

    def close(self) -> None:
        """Let the threads end; what they are doing is not waited for."""
        for breaker in (self.reads, self.writes):
            breaker.why = None
        for pool in (self._readers, self._writers):
            with gevent.Timeout(THREADS_SECONDS, False):
                pool.kill()  # waits for its threads; one that is stuck in a database that is away ends by itself
        self.store.close()

    def _patiently(self, pool: ThreadPool, function: Callable[[Session], R], write: bool) -> R:
        done: Done[R] = pool.spawn(self._job(function, write)).get()
        return result_of(done)

    def _job(self, function: Callable[[Session], R], write: bool) -> Callable[[], Done[R]]:
        transaction = self.store.writing if write else self.store.reading

        def job() -> R:
            with transaction() as session:
                return function(session)

        return quiet(job)

    def _within(self, pool: ThreadPool, function: Callable[[Session], R], write: bool, seconds: float) -> R:
        breaker = self.writes if write else self.reads
        self._check(breaker)
        limit = gevent.Timeout(min(seconds, self.timeout))
        try:
            with limit:  # also over the wait for a thread: all of them may be stuck
                done: Done[R] = pool.spawn(self._job(function, write)).get()
                return result_of(done)
        except gevent.Timeout as passed:
            if passed is not limit:
                raise
            error = DatabaseError(
                f"The database did not answer within {seconds:.2g} s." if seconds >= 0.01 else NO_TIME
            )
            is_away = seconds >= self.timeout * ENOUGH_OF_THE_TIMEOUT
        except DatabaseError as failed:
            error, is_away = failed, not isinstance(failed, Locked)
        self.on_error()
        if is_away:
            breaker.shut(error)
        raise type(error)(str(error))

    def _check(self, breaker: CircuitBreaker) -> None:
        try:
            self.reads.check()  # a database that answers no question takes no change either
            breaker.check()
        except DatabaseError:
            self.on_error()
            raise

    def _changed(self) -> None:
        self.on_change()
