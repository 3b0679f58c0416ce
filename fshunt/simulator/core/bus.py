"""The way of events from the channels to the controllers and monitors that want them."""

from __future__ import annotations

import itertools
import uuid as uuids
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fshunt.simulator.core.clock import Clock
from fshunt.simulator.core.headers import Headers, event_head

if TYPE_CHECKING:
    from fshunt.simulator.eventsocket.socket import EventSocket


class Bus:
    """Finds the listeners of a channel without asking all of them, as FreeSWITCH does for each event."""

    def __init__(self, clock: Clock) -> None:
        self.core_uuid = str(uuids.uuid4())
        self._clock = clock
        self._sequence = itertools.count(1)
        self._of_channel: dict[str, set[EventSocket]] = {}
        self._of_all: set[EventSocket] = set()
        self._scopes: dict[EventSocket, set[str]] = {}

    def epoch(self) -> float:
        """Seconds since 1970, by the simulator's clock."""
        return self._clock.epoch()

    def next_sequence(self) -> int:
        """The number of the next event."""
        return next(self._sequence)

    def place(self, listener: EventSocket) -> None:
        """Takes a listener in, or notes what it listens to now."""
        self.remove(listener)
        if listener.finished:
            return
        scope = listener.scope()
        if scope is None:
            self._of_all.add(listener)
            return
        self._scopes[listener] = scope
        for uuid in scope:
            self._of_channel.setdefault(uuid, set()).add(listener)

    def remove(self, listener: EventSocket) -> None:
        """Forgets a listener."""
        self._of_all.discard(listener)
        for uuid in self._scopes.pop(listener, ()):
            self._of_channel[uuid].discard(listener)
            if not self._of_channel[uuid]:
                del self._of_channel[uuid]

    def wanted(self, name: str, uuid: str) -> bool:
        """Whether any listener would take this event."""
        return any(True for _ in self._takers(name, uuid))

    def tell(self, subclass: str, said: Headers) -> None:
        """Sends a CUSTOM event, which belongs to no channel."""
        sequence = self.next_sequence()
        if self.wanted(subclass, ""):
            head = event_head(subclass, self.epoch(), sequence, self.core_uuid)
            self.deliver(subclass, "", [("Event-Subclass", subclass), *head, *said])

    def deliver(self, name: str, uuid: str, event: Headers) -> None:
        """Hands the event to the listeners that want it."""
        for listener in list(self._takers(name, uuid)):
            listener.push(event)

    def _takers(self, name: str, uuid: str) -> Iterator[EventSocket]:
        for listeners in (self._of_channel.get(uuid, ()), self._of_all):
            yield from (one for one in listeners if name in one.events)
