"""How many requests a token may send. Each web process counts for itself, in memory: no request waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from fshunt.web.api.errors import RateExceeded

QUOTA = 600
"""Ten a second: a program that looks each second at some groups stays far below it."""

WINDOW_SECONDS = 60
MAX_TOKENS_COUNTED = 10_000
"""Beyond it, windows that are over are forgotten."""


class Left(NamedTuple):
    """What is left of a window: requests, and seconds until the next window."""

    requests: int
    seconds: int


class RateLimit:
    """Counts the requests of each token in windows of a minute. Many threads may use it."""

    def __init__(self, quota: int = QUOTA, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota, self._clock = quota, clock
        self._lock = threading.Lock()
        self._windows: dict[int, tuple[float, int]] = {}
        """By token: when its window ends, and its requests in it."""

    def count(self, token_id: int) -> Left:
        """Count one request, and return what is left; raise RateExceeded if it is one too many."""
        now = self._clock()
        with self._lock:
            ends, used = self._windows.get(token_id, (0.0, 0))
            if ends <= now:
                ends, used = now + WINDOW_SECONDS, 0
                self._forget(now)
            seconds = ceil(ends - now)
            if used >= self.quota:
                raise RateExceeded(self.quota, seconds)
            self._windows[token_id] = ends, used + 1
        return Left(self.quota - used - 1, seconds)

    def headers(self, left: Left) -> dict[str, str]:
        """Return the headers of an answer, as draft-ietf-httpapi-ratelimit-headers has them."""
        return {
            "RateLimit-Policy": f'"token";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"token";r={left.requests};t={left.seconds}',
        }

    def _forget(self, now: float) -> None:
        if len(self._windows) > MAX_TOKENS_COUNTED:
            self._windows = {token: window for token, window in self._windows.items() if window[0] > now}
