"""The calls that wait for a phone to register; the monitor wakes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fshunt.freeswitch.phones import Change


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    presence_ids: frozenset[str]
    wake: Callable[[], None]


class PhoneWaits:
    """Who is woken by whose new phones. Which phones there are, the switch is then asked."""

    def __init__(self) -> None:
        self._waiting: set[_Waiting] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def woken_by(self, presence_ids: Collection[str], wake: Callable[[], None]) -> Iterator[None]:
        """Within this, ``wake`` is called when one of these gets a phone: ``user@domain`` in lower case."""
        waiting = _Waiting(frozenset(presence_ids), wake)
        self._waiting.add(waiting)
        try:
            yield
        finally:
            self._waiting.remove(waiting)

    def changed(self, change: Change) -> None:
        """Wake whom a change concerns."""
        for each in list(self._waiting):
            if each.presence_ids & change.with_new_phone:
                each.wake()
