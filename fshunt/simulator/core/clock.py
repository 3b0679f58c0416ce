"""The simulator's time: real, real but faster, or virtual.

Everything in the simulator asks its clock, so that one call can be played in real time for a viewer, forty times
faster against a daemon in another process, or in no time at all in a test.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

import gevent
from gevent.event import Event

QUIET_ROUNDS = 4
"""Empty turns of the event loop before virtual time moves: loopback TCP needs one each way, twice for good measure."""

SETTLE_SECONDS = 1.0
"""Real seconds after which bytes that have not arrived never will: their connection is gone."""


class Timer(Protocol):
    """Something that will happen, unless it is cancelled before."""

    def cancel(self) -> None:
        """Makes it not happen; does nothing when it has happened already."""


class Clock(Protocol):
    """Simulated seconds."""

    def now(self) -> float:
        """Seconds since the clock began."""

    def epoch(self) -> float:
        """Seconds since 1970, moving as ``now`` does: FreeSWITCH's own timers count whole ones of these (fact 5)."""

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Runs an action that does not block, after so many seconds."""

    def sleep(self, seconds: float) -> None:
        """Holds up the greenlet that asks."""


class RealClock:
    """Real time; a speed of 10 makes ten simulated seconds of each real one."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.monotonic()
        self._epoch = time.time()

    def now(self) -> float:
        """See Clock."""
        return (time.monotonic() - self._began) * self.speed

    def epoch(self) -> float:
        """See Clock."""
        return self._epoch + self.now()

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """See Clock."""
        return _RealTimer(seconds / self.speed, action)

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        gevent.sleep(seconds / self.speed)


class _RealTimer:
    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action
        self._greenlet = gevent.spawn_later(max(0.0, seconds), self._fire)

    def _fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()

    def cancel(self) -> None:
        # Never killed once it runs: an action may well cancel the timer that started it.
        if self._action is not None:
            self._action = None
            self._greenlet.kill(block=False)


class VirtualClock:
    """Time that moves only when everybody waits, and then at once to the next thing that is due.

    For tests in which both ends of the connection live in this process and no thread works beside the event loop.
    On a busy machine bytes can be on their way for some ms, with everybody waiting; ``settled`` can say that they are.
    """

    def __init__(self, epoch: float = 1_800_000_000.25) -> None:
        self.settled: Callable[[], bool] = lambda: True
        """Whether all that was sent has arrived; time does not move before."""
        self._epoch = epoch
        self._now = 0.0
        self._due: list[tuple[float, int, _VirtualTimer]] = []
        self._numbers = itertools.count()
        self._work = Event()
        self._driver = gevent.spawn(self._drive)

    def now(self) -> float:
        """See Clock."""
        return self._now

    def epoch(self) -> float:
        """See Clock."""
        return self._epoch + self._now

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """See Clock."""
        timer = _VirtualTimer(action)
        heapq.heappush(self._due, (self._now + max(0.0, seconds), next(self._numbers), timer))
        self._work.set()
        return timer

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        woken = Event()
        self.call_later(seconds, woken.set)
        woken.wait()

    def close(self) -> None:
        """Ends the clock; nothing that is still due happens."""
        self._driver.kill()

    def _drive(self) -> None:
        while True:
            self._work.clear()
            if not self._due:
                self._work.wait()
            self._wait_for_quiet()
            if self._due:
                when, _, timer = heapq.heappop(self._due)
                if timer.action is not None:
                    self._now = max(self._now, when)
                    timer.fire()

    def _wait_for_quiet(self) -> None:
        until = time.monotonic() + SETTLE_SECONDS
        for _ in range(QUIET_ROUNDS):
            gevent.idle()
        while not self.settled() and time.monotonic() < until:
            gevent.sleep(0.001)
            gevent.idle()


class _VirtualTimer:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def fire(self) -> None:
        action, self.action = self.action, None
        if action is not None:
            action()

    def cancel(self) -> None:
        self.action = None
