"""A stage with more phones than FreeSWITCH rings at once rings in waves (design, section 4)."""

from __future__ import annotations

from collections.abc import Sequence


def size_of_wave(phones: Sequence[int], room: int) -> int:
    """Return how many of the first members ring together, given the number of phones of each, in order.

    A member rings at all phones or waits, and whoever comes after them waits too: no wave changes the order (invariant
    I7). A member with more phones than there is room for rings alone, at as many as there is room for.
    """
    if room <= 0:
        return 0
    used = 0
    for members, count in enumerate(phones):
        used += count
        if used > room:
            return max(members, 1)
    return len(phones)
