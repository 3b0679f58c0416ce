"""Wrap-up after calls whose end this daemon saw: by the monotonic clock, which nobody can set (design, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

MAX_KEPT = 10_000
"""Members remembered; for all others the idle times in the database count."""


class WrapUps:
    """The ends of members' latest calls, in seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: dict[int, float] = {}

    def began(self, member_id: int) -> None:
        """Note that a member's call has ended now."""
        self._ended.pop(member_id, None)
        if len(self._ended) >= MAX_KEPT:
            del self._ended[next(iter(self._ended))]
        self._ended[member_id] = self._clock()

    def seen(self, member_id: int, seconds_ago: float) -> None:
        """Note that a member's call ended so long ago, unless this daemon saw a later end."""
        ended = self._clock() - seconds_ago
        if ended > self._ended.get(member_id, float("-inf")):
            self._ended[member_id] = ended

    def in_wrap_up(self, member_id: int, wrap_up_seconds: float) -> bool:
        """Tell whether a member is in wrap-up, as far as this daemon has seen."""
        ended = self._ended.get(member_id)
        return ended is not None and self._clock() - ended < wrap_up_seconds

    def next_end(self, member_ids: Iterable[int], wrap_up_seconds: float) -> list[float]:
        """Return the ends of these members' wrap-ups, in seconds of the clock."""
        return [self._ended[each] + wrap_up_seconds for each in member_ids if each in self._ended]
