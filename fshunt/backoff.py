"""Pauses between tries, each twice the one before."""

from __future__ import annotations


class Backoff:
    """Gives the pause before the next try, in seconds: ``first``, then twice as long each time, at most ``longest``."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def next(self) -> float:
        """Return the pause before the next try, and lengthen the one after it."""
        pause = self._next
        self._next = min(2 * pause, self._longest)
        return pause

    def reset(self) -> None:
        """Begin with the first pause again: a try has succeeded."""
        self._next = self._first
