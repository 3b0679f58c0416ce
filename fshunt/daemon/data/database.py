"""The database as a call sees it: in other threads, and never for longer than a call can wait.

SQLite has no driver that lets other greenlets run while it waits for a lock, and libpq looks host names up by itself.
So every transaction runs in a native thread, and the greenlet that asked waits in the hub until its deadline.

A database that was too slow for one call is not asked by any other until it answers in time again: a circuit breaker,
one for reads and one for writes, is tripped meanwhile, and calls continue at once with the group cache.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, cast

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy import text
from sqlalchemy.orm import Session

from fshunt.daemon.data.circuit_breaker import CircuitBreaker
from fshunt.db.engine import Store, open_engine
from fshunt.db.lean import LeanTransaction
from fshunt.errors import DatabaseError, FshuntError, Locked, Mistake

log = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")

READER_THREADS = 4
"""Reads that can be under way at once. Each takes a millisecond; others wait for a thread."""

WRITER_THREADS_SQLITE = 1
"""SQLite has one writer at a time anyway; a second thread would only wait for its lock."""

WRITER_THREADS_SERVER = 4
"""Writes under way at once on a database server."""

ENOUGH_OF_THE_TIMEOUT = 0.5
"""Part of the timeout that the database must have had before a missing answer trips the circuit breaker."""

THREADS_SECONDS = 1.0
"""How long a stop waits for the threads."""

LEAST_WAIT_MS = 2000
"""How long at least a transaction that has begun waits for locks and answers, also after its call has given up."""

LOCK_SHARE = 0.8
"""On PostgreSQL a statement gives a lock up before its call's deadline: the server then says that only this one row is
locked, and nobody takes the whole database for unavailable."""

LEAST_SECONDS = 0.001
"""A call with less time left does not ask: no database answers in that time."""

NO_TIME = "The call had no time left to ask the database."

READS_TRIPPED = "database unavailable for reads: %s; hunts continue from the group cache"
READS_RESUMED = "database reads resumed"
WRITES_TRIPPED = "database writes suspended: %s"
WRITES_RESUMED = "database writes resumed"


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """What a job returned, or the error that it raised."""

    result: R | None = None
    error: FshuntError | None = None


def quiet(job: Callable[[], R]) -> Callable[[], Done[R]]:
    """Return a job that raises nothing: gevent prints a traceback of each error that leaves a thread.

    This is the outermost frame of a thread: the greenlet that asked gets a FshuntError, whatever happened.
    """

    def job_that_raises_nothing() -> Done[R]:
        try:
            return Done(job())
        except FshuntError as error:
            return Done(error=error)
        except Exception as error:
            log.exception("internal error in a database transaction")
            return Done(error=Mistake(f"{type(error).__name__}: {error}"))

    return job_that_raises_nothing


def result_of(done: Done[R]) -> R:
    """Return the result of a quiet job, or raise its error."""
    if done.error is not None:
        raise done.error
    return cast("R", done.result)


def open_for_calls(url: str, timeout: float) -> Store:
    """Return the store of a daemon whose calls wait ``timeout`` seconds for a step: nothing ends the step before.

    Raises DatabaseError if the URL is of no supported database.
    """
    wait_ms = max(LEAST_WAIT_MS, round(timeout * 1000))
    engine = open_engine(url, busy_timeout_ms=wait_ms, lock_timeout_ms=round(timeout * LOCK_SHARE * 1000))
    return Store(engine, busy_timeout_ms=wait_ms)


def _select(session: Session) -> None:
    session.execute(text("SELECT 1"))


def _touch(session: Session) -> None:
    session.execute(text("UPDATE cluster SET tickets = tickets"))


class Deadline:
    """Until when one call waits for the database: one limit for several steps together."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def extend(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now."""
        self._at = self._clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left, never less than 0."""
        return max(0.0, self._at - self._clock())


class _Job(Generic[R]):
    """One transaction for a thread. A greenlet that stops waiting gives it up, and a thread then skips it.

    A job that a thread has begun runs to its end: a transaction is not cut off in the middle.
    """

    def __init__(self, function: Callable[[], R]) -> None:
        self._function = quiet(function)
        self.given_up = False

    def __call__(self) -> Done[R]:
        return Done(error=DatabaseError(NO_TIME)) if self.given_up else self._function()


def _job(transaction: Callable[[], AbstractContextManager[T]], function: Callable[[T], R]) -> _Job[R]:
    def job() -> R:
        with transaction() as begun:
            return function(begun)

    return _Job(job)


def _nothing() -> None:
    """Do nothing: nobody is to be told."""


class Database:
    """Runs functions of ``db.queries`` in threads. ``timeout`` is how many seconds a call waits for one of them.

    ``on_change`` is called when a circuit breaker trips or resets, ``on_error`` for each step of a call that continues
    without the database, asked or not.
    """

    def __init__(
        self,
        store: Store,
        timeout: float,
        *,
        on_change: Callable[[], None] = _nothing,
        on_error: Callable[[], None] = _nothing,
    ) -> None:
        self.store = store
        self.timeout = timeout
        self._on_change, self._on_error = on_change, on_error
        writers = WRITER_THREADS_SQLITE if store.is_sqlite else WRITER_THREADS_SERVER
        self._readers = ThreadPool(READER_THREADS)
        self._writers = ThreadPool(writers)
        self.identity: str | None = None
        """The id of the database, as the last heartbeat read it; None before the first."""
        self.reads = self._breaker(_select, False, READS_TRIPPED, READS_RESUMED)
        self.writes = self._breaker(_touch, True, WRITES_TRIPPED, WRITES_RESUMED)

    @property
    def away(self) -> DatabaseError | None:
        """Why calls cannot use the database now; None: they can."""
        return self.reads.why or self.writes.why

    @property
    def away_since(self) -> datetime | None:
        """Since when they cannot."""
        return self.reads.since or self.writes.since

    def recognized(self, identity: str | None) -> None:
        """Keep the id of the database: its file may be another one by now."""
        self.identity = identity

    def deadline(self) -> Deadline:
        """Return a deadline of ``timeout`` from now."""
        return Deadline(self.timeout, time.monotonic)

    def run(self, function: Callable[[Session], R], *, write: bool = False, deadline: Deadline | None = None) -> R:
        """Return ``function(session)`` of one transaction; raise DatabaseError if it fails or is too slow.

        A step that a call waits for has a deadline: the circuit breaker is asked first, and the wait ends at the
        deadline, or after ``timeout``. A step that no thread has begun by then is never executed; one that has begun
        may still end well later, and is not undone. Work that no call waits for has no deadline: it takes as long as
        it takes, and asks no circuit breaker.
        """
        return self._run(_job(self.store.writing if write else self.store.reading, function), write, deadline)

    def run_lean(
        self, function: Callable[[LeanTransaction], R], *, write: bool = False, deadline: Deadline | None = None
    ) -> R:
        """Do as ``run`` without the ORM, for what each hunt does: it costs a fraction."""
        return self._run(_job(self.store.lean_writing if write else self.store.lean_reading, function), write, deadline)

    def close(self) -> None:
        """End the threads, without waiting for a transaction that does not end, and close the connections."""
        for breaker in (self.reads, self.writes):
            breaker.close()
        for pool in (self._readers, self._writers):
            with gevent.Timeout(THREADS_SECONDS, False):
                pool.kill()  # waits for its threads; one that is stuck in a database that is away ends by itself
        self.store.close()

    def _breaker(self, probe: Callable[[Session], None], write: bool, tripped: str, was_reset: str) -> CircuitBreaker:
        return CircuitBreaker(
            lambda: self.run(probe, write=write),
            lambda: self.timeout,
            self._on_change,
            tripped=tripped,
            was_reset=was_reset,
        )

    def _run(self, job: _Job[R], write: bool, deadline: Deadline | None) -> R:
        if deadline is None:
            return self._wait_for(job, write)
        seconds = min(deadline.left(), self.timeout)
        self._check(write, seconds)
        return self._within(job, write, seconds)

    def _wait_for(self, job: _Job[R], write: bool) -> R:
        done: Done[R] = (self._writers if write else self._readers).spawn(job).get()
        return result_of(done)

    def _within(self, job: _Job[R], write: bool, seconds: float) -> R:
        breaker = self.writes if write else self.reads
        limit = gevent.Timeout(seconds)
        try:
            with limit:  # also over the wait for a thread: all of them may be stuck
                return self._wait_for(job, write)
        except gevent.Timeout as passed:
            if passed is not limit:
                raise
            error = DatabaseError(f"The database did not answer within {seconds:.2g} s.")
            is_away = seconds >= self.timeout * ENOUGH_OF_THE_TIMEOUT
        except DatabaseError as failed:
            error, is_away = failed, not isinstance(failed, Locked)
        finally:
            job.given_up = True  # whatever ended the wait, a hangup too: nobody takes the result any more
        self._on_error()
        if is_away:
            breaker.trip(error)
        raise type(error)(str(error))

    def _check(self, write: bool, seconds: float) -> None:
        try:
            self.reads.check()  # a database that answers no read takes no write either
            if write:
                self.writes.check()
        except DatabaseError:
            self._on_error()
            raise
        if seconds < LEAST_SECONDS:
            self._on_error()
            raise DatabaseError(NO_TIME)
