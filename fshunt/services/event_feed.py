"""Events as they happen, for whoever looks again and again (``fshunt events --follow``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries.call_feed import steps_of
from fshunt.db.queries.calls import list_calls
from fshunt.db.queries.live import Watched
from fshunt.services.audit import Change, history
from fshunt.services.call_feed import CallFeed
from fshunt.services.events import Event, EventName, in_order, of_call, of_change
from fshunt.services.live import LiveGroup, LiveState

CALLS_READ = 100
"""Last calls whose events are read at the start, if no more are asked for: an old call may have ended lately."""

CHANGES_READ = 200
"""Changes that are read at a time."""

OVERLAP = 50
"""Changes that are read again: of two at the same time the second may be there before the first."""


class EventFeed:
    """Remembers what it has told. Not for several threads at once."""

    def __init__(self, watched: Collection[Watched]) -> None:
        self._watched = frozenset(watched)
        self._calls = CallFeed()
        self._told: dict[str, set[Hashable]] = {}
        """By the id of the call."""
        self._ended: dict[str, int] = {}
        """The calls that were over at the last look, and the number of their last change."""
        self._changes: set[int] = set()
        self._last_change = 0

    def begin(self, s: Session, limit: int, at: datetime) -> list[Event]:
        """Return the last events, in their order; what comes later is told by ``look``."""
        records = {
            record.id: record
            for each in self._watched
            for record in list_calls(s, each.domain or None, each.pilot or None, limit=max(limit, CALLS_READ))
        }
        of_calls = [event for events in _of_calls(s, records.values()).values() for event in events]
        found = {event.key: event for event in (*of_calls, *self._of_changes(s, limit), *self.look(s, at))}
        return in_order(found.values())[-limit:]

    def look(self, s: Session, at: datetime) -> list[Event]:
        """Return what has happened since the last look, in order."""
        calls = [(call.record, call) for call in self._calls.read(s, self._watched, at) if call.record is not None]
        read = _of_calls(s, [record for record, call in calls if self._ended.get(record.id) != call.number])
        new = [event for call_id, events in read.items() for event in self._new(call_id, events)]
        self._ended = {record.id: call.number for record, call in calls if not call.open}
        self._told = {record.id: self._told.get(record.id, set()) for record, _ in calls}
        return in_order([*new, *self._of_changes(s, CHANGES_READ)])

    def _new(self, call_id: str, events: Iterable[Event]) -> list[Event]:
        told = self._told.setdefault(call_id, set())
        new = [event for event in events if event.key not in told]
        told.update(event.key for event in new)
        return new

    def _of_changes(self, s: Session, limit: int) -> list[Event]:
        after = max(0, self._last_change - OVERLAP)
        found = {each.id: each for watched in self._watched for each in _changes(s, watched, after, limit)}
        new = [each for each in found.values() if each.id not in self._changes]
        self._last_change = max([self._last_change, *found])
        self._changes = {each for each in self._changes | found.keys() if each > self._last_change - 2 * OVERLAP}
        return [of_change(each) for each in new]


def _of_calls(s: Session, records: Iterable[Any]) -> dict[str, list[Event]]:
    """Return the events of calls, each by the id of its call."""
    by_id = {record.id: record for record in records}
    offers, skips = steps_of(s, by_id.keys())
    return {
        call_id: list(of_call(record, offers.get(call_id, ()), skips.get(call_id, ())))
        for call_id, record in by_id.items()
    }


def _changes(s: Session, watched: Watched, after: int, limit: int) -> list[Change]:
    return history(s, domain=watched.domain or None, pilot=watched.pilot or None, after_id=after, limit=limit)


class StateFeed:
    """Tells what no record has: phones that come and go, and callers who begin and cease to wait."""

    def __init__(self) -> None:
        self._registered: dict[tuple[str, str, str], bool] = {}
        self._queued: dict[tuple[str, str], tuple[datetime, ...]] | None = None

    def look(self, state: LiveState) -> list[Event]:
        """Return what has changed since the last look; at the first one nothing."""
        queued = {place: group.queued_since for place, group in state.groups.items()}
        found = list(self._phones(state))
        if self._queued is not None:
            for place, now in queued.items():
                found += _queue_events(place, self._queued.get(place, ()), now, state.at)
        self._queued = queued
        return in_order(found)

    def _phones(self, state: LiveState) -> Iterator[Event]:
        for place, group in state.groups.items():
            for extension, registered in _registered(group):
                before = self._registered.get((*place, extension))
                self._registered[*place, extension] = registered
                if before is not None and before is not registered:
                    name = EventName.REGISTERED if registered else EventName.UNREGISTERED
                    words = f"{extension} has {'a phone' if registered else 'no phone any more'}"
                    yield _of_state(place, name, state.at, words, extension)


def _registered(group: LiveGroup) -> Iterator[tuple[str, bool]]:
    """Yield of each member of whom it is known whether there is a phone."""
    for member in group.details.group.members:
        status = group.now.statuses.get(member.id)
        if status is not None and status.registered is not None and not member.address.external:
            yield member.extension, status.registered


def _queue_events(
    place: tuple[str, str], before: tuple[datetime, ...], now: tuple[datetime, ...], at: datetime
) -> Iterator[Event]:
    waiting = f"{len(now)} in the queue"
    for since in (Counter(before) - Counter(now)).elements():
        waited = (at - since).total_seconds()
        yield _of_state(place, EventName.LEFT_QUEUE, at, f"a caller left the queue after {waited:.0f} s, {waiting}")
    for since in (Counter(now) - Counter(before)).elements():
        yield _of_state(place, EventName.QUEUED, since, f"a caller waits for a busy member, {waiting}")


def _of_state(place: tuple[str, str], name: EventName, at: datetime, words: str, member: str | None = None) -> Event:
    return Event(at, name, (place, name, at, member), words, *place, member=member)
