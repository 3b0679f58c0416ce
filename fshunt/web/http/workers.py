"""Native threads for requests, and a bounded queue before them: a flood is refused, not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from gevent.threadpool import ThreadPool

Result = TypeVar("Result")


class Busy(Exception):
    """The queue is full, or this client has its share of it already."""


class Workers:
    """At most ``threads`` jobs run and ``waiting`` wait, ``of_one_client`` of them all for one client.

    A job must not raise, nor use gevent.
    """

    def __init__(self, threads: int, waiting: int, of_one_client: int) -> None:
        self._pool = ThreadPool(threads)
        self._room, self._of_one_client = threads + waiting, of_one_client
        self._inside: Counter[str] = Counter()

    def run(self, client: str, job: Callable[[], Result]) -> Result:
        """Run a job in a thread and return its result; only the greenlet that asks waits. Raises Busy."""
        if self._inside.total() >= self._room or self._inside[client] >= self._of_one_client:
            raise Busy
        self._inside[client] += 1
        try:
            result: Result = self._pool.apply(job)
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
        return result

    def close(self) -> None:
        """End the threads, each after the job that it runs."""
        self._pool.kill()
