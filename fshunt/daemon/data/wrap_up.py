"""Who rests after a call that this daemon saw the end of: by the monotonic clock, which nobody can set (section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

MAX_KEPT = 10_000
"""Members remembered; what is forgotten is told by the stamps in the database."""


class WrapUps:
    """When members' last calls ended, in seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: dict[int, float] = {}

    def began(self, member_id: int) -> None:
        """A member's call has ended now."""
        self._ended.pop(member_id, None)
        if len(self._ended) >= MAX_KEPT:
            del self._ended[next(iter(self._ended))]
        self._ended[member_id] = self._clock()

    def seen(self, member_id: int, seconds_ago: float) -> None:
        """A member's call is said to have ended so long ago; what this daemon saw itself counts more if it is later."""
        ended = self._clock() - seconds_ago
        if ended > self._ended.get(member_id, float("-inf")):
            self._ended[member_id] = ended

    def in_wrap_up(self, member_id: int, wrap_up_seconds: float) -> bool:
        """Tell whether a member rests, as far as this daemon has seen."""
        ended = self._ended.get(member_id)
        return ended is not None and self._clock() - ended < wrap_up_seconds

    def next_end(self, member_ids: Iterable[int], wrap_up_seconds: float) -> list[float]:
        """Return when the rests of these members end, in seconds of the clock."""
        return [self._ended[each] + wrap_up_seconds for each in member_ids if each in self._ended]
