"""A switch may list thousands of channels and phones: they are read in slices, with calls served in between."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

SLICE = 50
"""Rows between two pauses: some 20 µs each, so that a call waits for a millisecond at most."""

Breathe = Callable[[], None]
"""Lets other greenlets run; this package does not depend on gevent."""

Item = TypeVar("Item")


def hold_breath() -> None:
    """Do nothing, for a process without other work."""


def in_slices(items: Iterable[Item], breathe: Breathe) -> Iterator[Item]:
    """Yield the items, and pause after every few."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % SLICE == 0:
            breathe()
