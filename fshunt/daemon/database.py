"""The database as a call sees it: in other threads, and never for longer than a call can wait.

SQLite has no driver that lets other greenlets run while it waits for a lock, and libpq looks host names up by itself.
So every call of the store runs in a native thread, and the greenlet that asked waits in the hub with a deadline.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy.orm import Session

from fshunt.errors import StoreError
from fshunt.store.engine import Store

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

READER_THREADS = 4
"""Reads that can be under way at once. Each takes a millisecond; the rest waits its turn."""

WRITER_THREADS_SQLITE = 1
"""SQLite has one writer at a time anyway; a second thread would only wait for its lock."""

WRITER_THREADS_SERVER = 4
"""Writes under way at once on a database server."""


class Database:
    """Runs functions of the store in threads. ``timeout`` is how many seconds a call waits for one of them."""

    def __init__(self, store: Store, timeout: float) -> None:
        self.store = store
        self.timeout = timeout
        writers = WRITER_THREADS_SQLITE if store.is_sqlite else WRITER_THREADS_SERVER
        self._readers = ThreadPool(READER_THREADS)
        self._writers = ThreadPool(writers)

    def read(self, function: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``function(session, ...)`` of a reading transaction; raise StoreError if it fails or is too slow."""

        def job() -> R:
            with self.store.reading() as session:
                return function(session, *args, **kwargs)

        return self._within_timeout(self._readers, job, self.timeout)

    def write(self, function: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``function(session, ...)`` of a writing transaction; raise StoreError if it fails or takes too long.

        A transaction that took too long is not undone: it may still end well later.
        """

        def job() -> R:
            with self.store.writing() as session:
                return function(session, *args, **kwargs)

        return self._within_timeout(self._writers, job, self.timeout)

    def write_patiently(self, function: Callable[[Session], R]) -> R:
        """Like ``write``, without a deadline of its own: for the recorder, which no call waits for."""

        def job() -> R:
            with self.store.writing() as session:
                return function(session)

        return self._writers.spawn(job).get()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the threads end; what they are doing is not waited for."""
        for pool in (self._readers, self._writers):
            pool.kill()
        self.store.close()

    def _within_timeout(self, pool: ThreadPool, job: Callable[[], R], timeout: float) -> R:
        pending = pool.spawn(job)
        try:
            return pending.get(timeout=timeout)  # type: ignore[no-any-return]
        except gevent.Timeout:
            raise StoreError(f"The database did not answer within {timeout:g} s.") from None
