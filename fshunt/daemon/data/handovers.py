"""Hunts that go on for another caller: who asked for the pilot transfers a caller there while the hunt is under way.

The caller who is put in place arrives as a call of their own and names the one before. What a daemon does not have, as
after a restart or where the caller reaches another daemon, is hunted anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gevent.event import Event

from fshunt.hunting.hunt import Hunt

WAIT_SECONDS = 1.0
"""The switch sends the new caller some milliseconds before it says of the other one that they are gone."""

KEPT_SECONDS = 10.0
"""The new caller arrives within some 100 ms, or not at all."""


def _nothing_to_leave() -> None:
    return


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the call queue: the ticket, None if the database has given none, and the number at this daemon.

    ``leave`` gives up the entry that keeps it, once the new caller has one, or has no need of it.
    """

    ticket: int | None = None
    number: int = 0
    leave: Callable[[], None] = _nothing_to_leave


@dataclass(frozen=True, slots=True)
class Handover:
    """A hunt that was left to another caller. ``gives_up_at`` is of the monotonic clock."""

    hunt: Hunt
    gives_up_at: float
    place: Place


class Handovers:
    """The hunts of this daemon that were left to other callers, by the channel of the caller before."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._hunting: dict[str, Event] = {}
        self._left: dict[str, tuple[float, Handover]] = {}

    def begin(self, uuid: str) -> None:
        """A caller is hunted for."""
        self._hunting[uuid] = Event()

    def end(self, uuid: str, handover: Handover | None = None) -> None:
        """The hunt is over, or goes on for whoever comes next. Done again, nothing."""
        if handover is not None:
            self._left[uuid] = (self._monotonic(), handover)
        ended = self._hunting.pop(uuid, None)
        if ended is not None:
            ended.set()

    def take(self, uuid: str) -> Handover | None:
        """Return the hunt that was left by this caller, once; wait for it while the caller is still hunted for."""
        ended = self._hunting.get(uuid)
        if ended is not None:
            ended.wait(WAIT_SECONDS)
        oldest = self._monotonic() - KEPT_SECONDS
        self._left = {each: left for each, left in self._left.items() if left[0] >= oldest}
        left = self._left.pop(uuid, None)
        return None if left is None else left[1]
