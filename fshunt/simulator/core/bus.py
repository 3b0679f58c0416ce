"""Delivers events from the channels to the controllers and monitors that subscribed to them."""

from __future__ import annotations

import itertools
import uuid as uuids
from collections.abc import Iterator
from typing import Protocol

from fshunt.simulator.core.clock import Clock
from fshunt.simulator.core.headers import Headers, event_head


class Subscriber(Protocol):
    """A connection that may want events."""

    finished: bool
    events: set[str]

    def scope(self) -> set[str] | None:
        """The channels whose events it may want; None for all."""

    def push(self, event: Headers, body: bytes = b"") -> None:
        """Sends an event, which may have a body."""


class Bus:
    """Finds the subscribers of a channel without asking all of them, as FreeSWITCH does for each event."""

    def __init__(self, clock: Clock) -> None:
        self.core_uuid = str(uuids.uuid4())
        self._clock = clock
        self._sequence = itertools.count(1)
        self._of_channel: dict[str, set[Subscriber]] = {}
        self._of_all: set[Subscriber] = set()
        self._scopes: dict[Subscriber, set[str]] = {}

    def epoch(self) -> float:
        """Seconds since 1970, by the simulator's clock."""
        return self._clock.epoch()

    def next_sequence(self) -> int:
        """The number of the next event."""
        return next(self._sequence)

    def place(self, subscriber: Subscriber) -> None:
        """Adds a subscriber, or updates its subscription."""
        self.remove(subscriber)
        if subscriber.finished:
            return
        scope = subscriber.scope()
        if scope is None:
            self._of_all.add(subscriber)
            return
        self._scopes[subscriber] = scope
        for uuid in scope:
            self._of_channel.setdefault(uuid, set()).add(subscriber)

    def place_all(self, uuid: str) -> None:
        """Updates the subscriptions of those who want a channel's events: they may want another's now."""
        for subscriber in list(self._of_channel.get(uuid, ())):
            self.place(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Removes a subscriber."""
        self._of_all.discard(subscriber)
        for uuid in self._scopes.pop(subscriber, ()):
            self._of_channel[uuid].discard(subscriber)
            if not self._of_channel[uuid]:
                del self._of_channel[uuid]

    def wanted(self, name: str, uuid: str) -> bool:
        """Whether any subscriber would take this event."""
        return any(True for _ in self._takers(name, uuid))

    def tell(self, subclass: str, said: Headers) -> None:
        """Sends a CUSTOM event, which belongs to no channel."""
        sequence = self.next_sequence()
        if self.wanted(subclass, ""):
            head = event_head(subclass, self.epoch(), sequence, self.core_uuid)
            self.deliver(subclass, "", [("Event-Subclass", subclass), *head, *said])

    def job_ended(self, job: str, words: str, output: str) -> None:
        """Sends the event of an API command that has run in the background."""
        name, (command, _, argument) = "BACKGROUND_JOB", words.partition(" ")
        head = event_head(name, self.epoch(), self.next_sequence(), self.core_uuid)
        said = [("Job-UUID", job), ("Job-Command", command), ("Job-Command-Arg", argument)]
        self.deliver(name, job, [*head, *said], output.encode())

    def deliver(self, name: str, uuid: str, event: Headers, body: bytes = b"") -> None:
        """Hands the event to the subscribers that want it, by the channel or the job that it is of."""
        for subscriber in list(self._takers(name, uuid)):
            subscriber.push(event, body)

    def _takers(self, name: str, uuid: str) -> Iterator[Subscriber]:
        for subscribers in (self._of_channel.get(uuid, ()), self._of_all):
            yield from (one for one in subscribers if name in one.events)
