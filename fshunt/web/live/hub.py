"""Looks at the database for all streams of this process, while there are some.

The look runs in one native thread of its own, whatever number of streams there is. Nothing is queued for a stream: it
takes what is newest when its client has taken what came before, so a slow client costs as much memory as a quick one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Protocol, cast

import gevent
from flask import current_app
from gevent.event import Event
from gevent.threadpool import ThreadPool

from fshunt.errors import TooManyStreams
from fshunt.services.live_feed import Look
from fshunt.services.watchers import Wish

HUB = "fshunt-hub"
"""Under which an application has its hub."""

LOOK_SECONDS = 1.0
"""Between two looks at groups in which nothing happens: a daemon writes what changes then at once."""

BUSY_SECONDS, BUSY_FOR_SECONDS = 0.4, 1.5
"""Between two looks after a change, and for how long: a daemon writes the next change up to a second later, and what is
shown is at most 1.5 s old."""

MAX_OF_ACCOUNT = 20
"""Streams of one user at a time."""

RECENT_SECONDS = 1.2
"""A look that is not older serves a page, too."""


class Feed(Protocol):
    """What looks; ``LiveFeed``."""

    def look(self, wishes: Collection[Wish]) -> Look:
        """Look once."""


class Watcher:
    """One stream's part of the hub: what it wants to see, and a wake-up when there is something new."""

    def __init__(self, wish: Wish, account: str) -> None:
        self.wish, self.account = wish, account
        self.news = Event()


class Hub:
    """``open`` may be called by any thread, all else by greenlets of the event loop."""

    def __init__(self, feed: Feed, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._feed, self._monotonic = feed, monotonic
        self._lock = threading.Lock()
        self._accounts: Counter[str] = Counter()
        self._watchers: set[Watcher] = set()
        self._looking: gevent.Greenlet | None = None
        self._pool: ThreadPool | None = None
        self._asked_again = Event()
        self._seen: tuple[float, Look] | None = None
        """The last look, and when it began."""
        self._quiet_from = 0.0

    def open(self, wish: Wish, account: str) -> Watcher:
        """Return the part of one more stream, which looks from ``join`` to ``leave``; raise TooManyStreams."""
        with self._lock:
            if self._accounts[account] >= MAX_OF_ACCOUNT:
                raise TooManyStreams(f"There are {MAX_OF_ACCOUNT} streams of this account already: close one first.")
            self._accounts[account] += 1
        return Watcher(wish, account)

    def join(self, watcher: Watcher) -> None:
        """Look for a stream from now on."""
        self._watchers.add(watcher)
        if self._looking is None:
            self._looking = gevent.spawn(self._look_on)
        self._asked_again.set()

    def leave(self, watcher: Watcher) -> None:
        """Look for it no longer; said in any case, once."""
        self._watchers.discard(watcher)
        with self._lock:
            self._accounts[watcher.account] -= 1
            if self._accounts[watcher.account] <= 0:
                del self._accounts[watcher.account]

    def latest(self) -> Look | None:
        """Return the last look; None: there was none yet."""
        return None if self._seen is None else self._seen[1]

    def recent(self) -> Look | None:
        """Return the last look if a page can be made of it, in any thread."""
        seen = self._seen
        if seen is None or self._monotonic() - seen[0] > RECENT_SECONDS or seen[1].trouble is not None:
            return None
        return seen[1]

    def close(self) -> None:
        """End at a stop."""
        if self._looking is not None:
            self._looking.kill()
        if self._pool is not None:
            self._pool.kill()

    def _look_on(self) -> None:
        self._pool = self._pool or ThreadPool(1)
        try:
            while self._watchers:
                began = self._monotonic()
                self._asked_again.clear()
                look = self._pool.apply(self._feed.look, (frozenset(each.wish for each in self._watchers),))
                self._tell(began, look)
                self._wait(began)
        finally:
            self._looking = self._seen = None

    def _tell(self, began: float, look: Look) -> None:
        self._seen = began, look
        if look.changed:
            self._quiet_from = began + BUSY_FOR_SECONDS
        for each in self._watchers:
            if look.changed or each.wish not in look.places:
                each.news.set()

    def _wait(self, began: float) -> None:
        """Wait until the next look is due: soon where something happens, or somebody new has come."""
        gevent.sleep(max(0.0, began + BUSY_SECONDS - self._monotonic()))
        if self._monotonic() >= self._quiet_from:
            self._asked_again.wait(max(0.0, began + LOOK_SECONDS - self._monotonic()))


def hub() -> Hub:
    """Return the hub of the application that answers this request."""
    return cast("Hub", current_app.extensions[HUB])
