"""The calls of groups as they begin, are answered and end, for whoever looks again and again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries.call_feed import calls_since
from fshunt.services.serialize import call_json

KEPT = timedelta(minutes=5)
"""How long a call that is over is remembered: who was away for less has missed nothing."""

MAX_CALLS = 1000
"""Calls of the last minutes that are read at a time, and as many that go on."""

Place = tuple[str, str]
"""Domain and pilot of a group."""


@dataclass(frozen=True, slots=True)
class CallNow:
    """A call as it is now, under the names of ``--json``. ``number`` grows with each change of any call."""

    number: int
    place: Place
    changed_at: datetime
    open: bool
    value: dict[str, Any]


class CallFeed:
    """Remembers the calls that it has read, and so knows which of them have changed."""

    def __init__(self) -> None:
        self._known: dict[str, CallNow] = {}
        self._number = 0

    @property
    def number(self) -> int:
        """The number of the last change."""
        return self._number

    def read(self, s: Session, places: Collection[Place], at: datetime) -> list[CallNow]:
        """Read the calls of groups and return all that are remembered, those that have changed last at the end."""
        since = at - KEPT
        going_on = [call_id for call_id, call in self._known.items() if call.open and call.place in places]
        found = calls_since(s, places, since, MAX_CALLS, going_on) if places else []
        for row in sorted(found, key=lambda row: (row.started_at, row.id)):
            value = call_json(row)
            before = self._known.get(row.id)
            if before is None or before.value != value:
                self._number += 1
                changed_at = max(each for each in (row.started_at, row.answered_at, row.ended_at) if each is not None)
                place = (row.domain, row.pilot)
                self._known[row.id] = CallNow(self._number, place, changed_at, row.ended_at is None, value)
        self._known = {
            call_id: call
            for call_id, call in self._known.items()
            if call.place in places and (call.open or call.changed_at >= since)
        }
        return sorted(self._known.values(), key=lambda call: call.number)
