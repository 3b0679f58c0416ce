"""What a FreeSWITCH takes of calls: ``max-sessions`` and ``sessions-per-second`` (fact 43)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fshunt.simulator.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions at once, and how many new ones in a second."""

    sessions: int = 1000
    per_second: int = 30


NO_LIMITS = Limits(sessions=100_000, per_second=100_000)


class Throttle:
    """Counts the new sessions of each second, callers and legs alike."""

    def __init__(self, clock: Clock, count: Callable[[], int], limits: Limits) -> None:
        self.limits = limits
        self._clock, self._count = clock, count
        self._second, self._left = 0, limits.per_second

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return self._count()

    def limit(self, limits: Limits) -> None:
        """Change the limits, as ``fsctl sps`` and ``fsctl max_sessions`` do."""
        self.limits, self._left = limits, limits.per_second

    def admits(self, *, unlimited: bool = False) -> bool:
        """Tell whether a leg can be made now; one that is ``unlimited`` is neither refused nor counted."""
        if unlimited or self.limits is NO_LIMITS:
            return True
        second = int(self._clock.epoch())
        if second != self._second:
            self._second, self._left = second, self.limits.per_second
        self._left -= 1
        return self._left > 0 and self._count() < self.limits.sessions
