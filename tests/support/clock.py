"""One clock that tests can move: seconds pass at once for everything that runs on gevent in this process.

It stands in for ``time.monotonic`` and for the timers of gevent's loop, so that deadlines, sleeps, wrap-ups and
heartbeats of a daemon in the test's own process see the same seconds. conftest.py installs it before anything of fshunt
is imported, since defaults such as ``clock=time.monotonic`` are taken then. Without a move it is the clock of the
machine. It moves the timers of the thread that asks; other processes and PostgreSQL keep their own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.libev import corecext

from tests.support.waiting import WAIT_SECONDS

TURNS = 3
"""Turns of the loop after each timer, so that what it set off happens before the next one."""

STEP_SECONDS = 0.02
REAL_SECONDS = 0.004
"""Real time with each step of `run_until`, for sockets, threads and the disk: so fast that little is waited for, and
so slow that a database that takes a second to answer, as on a busy machine, is not given up."""

_real_monotonic = time.monotonic


class _Timer:
    """A timer of the loop that the clock can make due; what gevent asks of one."""

    def __init__(self, loop: MovableLoop, after: float, repeat: float, how: tuple[Any, ...]) -> None:
        self._loop, self._after, self._how = loop, after, (repeat, *how)
        self._real = loop.real_timer(after, *self._how)
        self._started: tuple[Callable[..., None], tuple[Any, ...], dict[str, Any]] | None = None
        self.due = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> _Timer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, callback: Callable[..., None], *args: Any, **how: Any) -> None:
        self._started, self.due = (callback, args, how), CLOCK.now() + self._after
        if not self._how[0]:  # gevent repeats none that matters here
            self._loop.started.add(self)
        self._real.start(callback, *args, **how)

    def stop(self) -> None:
        self._loop.started.discard(self)
        self._real.stop()

    def close(self) -> None:
        self._loop.started.discard(self)
        self._real.close()

    def bring_forward(self) -> None:
        """Be due by the clock as it is now."""
        if self._started is None or not self._real.active:
            self._loop.started.discard(self)
            return
        callback, args, how = self._started
        self._real.stop()
        self._real.close()
        self._real = self._loop.real_timer(max(0.0, self.due - CLOCK.now()), *self._how)
        self._real.start(callback, *args, **how)


class MovableLoop(corecext.loop):  # type: ignore[misc, valid-type]
    """gevent's loop, whose timers the clock can make due."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.started: set[_Timer] = set()

    def timer(self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None) -> _Timer:
        """See gevent."""
        return _Timer(self, after, repeat, (ref, priority))

    def real_timer(self, *how: Any) -> Any:
        """A timer of the loop itself."""
        return super().timer(*how)


class Clock:
    """The clock of all tests in this process; it never goes back."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """What ``time.monotonic`` says."""
        return _real_monotonic() + self._ahead

    def move(self, seconds: float) -> None:
        """Let so many seconds pass at once; each timer on the way is due in its turn."""
        until = self.now() + seconds
        loop = gevent.get_hub().loop
        while (first := min((timer.due for timer in loop.started), default=until)) < until:
            self._reach(max(first, self.now()))
            for _ in range(TURNS):
                gevent.sleep(0)
        self._reach(until)

    def run_until(self, done: Callable[[], object], what: str) -> None:
        """Let time pass quickly until something is so."""
        given_up = _real_monotonic() + WAIT_SECONDS
        while not done():
            assert _real_monotonic() < given_up, f"not within {WAIT_SECONDS:g} s: {what}"
            self.move(STEP_SECONDS)
            gevent.sleep(REAL_SECONDS)

    def _reach(self, moment: float) -> None:
        self._ahead += max(0.0, moment - self.now())
        for timer in list(gevent.get_hub().loop.started):
            timer.bring_forward()


CLOCK = Clock()


def install() -> None:
    """Have the whole process go by this clock; before gevent has a loop and before fshunt is imported."""
    gevent.config.loop = MovableLoop
    time.monotonic = CLOCK.now
