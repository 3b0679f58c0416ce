"""Measures how late the event loop runs its timers.

A delay of the loop delays all calls: a database call outside of a thread, a blocking log, a machine without a free
processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent

PAUSE_SECONDS = 0.25
"""Pause between two measurements: short enough to find a delay of a quarter of a second, long enough to be cheap."""


class LoopLag:
    """Calls ``on_lag`` four times a second with the delay in seconds."""

    def __init__(self, on_lag: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_lag, self._clock = on_lag, clock

    def run(self) -> None:
        """Measure until killed."""
        while True:
            due = self._clock() + PAUSE_SECONDS
            gevent.sleep(PAUSE_SECONDS)
            self._on_lag(max(0.0, self._clock() - due))
