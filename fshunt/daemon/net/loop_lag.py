"""How late the loop is: a timer that looks how long after its time it was woken.

Whatever holds the loop up, holds all calls up: a database call that is not in a thread, a log that blocks, a machine
without a processor to spare.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent

PAUSE_SECONDS = 0.25
"""Between two looks: often enough to meet a loop that is held up for a quarter of a second, and too rare to cost."""


class LoopLag:
    """Tells ``on_lag``, four times a second, how many seconds late it was woken."""

    def __init__(self, on_lag: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_lag, self._clock = on_lag, clock

    def run(self) -> None:
        """Measure until killed."""
        while True:
            due = self._clock() + PAUSE_SECONDS
            gevent.sleep(PAUSE_SECONDS)
            self._on_lag(max(0.0, self._clock() - due))
