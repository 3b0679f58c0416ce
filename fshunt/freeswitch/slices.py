"""A switch may list thousands of channels and phones: they are taken in slices, so that calls are served in between."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

SLICE = 50
"""Rows between two breaths: some 20 µs each, so that a call waits for a millisecond at most."""

Breathe = Callable[[], None]
"""Lets others run; the rules here know of no greenlets."""

Item = TypeVar("Item")


def hold_breath() -> None:
    """For a process that does nothing else meanwhile."""


def in_slices(items: Iterable[Item], breathe: Breathe) -> Iterator[Item]:
    """Yield the items, and breathe after every few."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % SLICE == 0:
            breathe()
