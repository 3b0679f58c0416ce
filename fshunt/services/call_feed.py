"""The calls of groups as they begin, are answered and end, for whoever looks again and again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from fshunt.db.queries.call_feed import calls_since
from fshunt.services.serialize import call_json

KEPT = timedelta(minutes=5)
"""How long a call that is over is remembered: who was away for less has missed nothing."""

LATELY = timedelta(seconds=10)
"""A call that began so lately is read each time. Its record comes within a second, unless a daemon was without the
database, or somebody has worked at an older record: these wait for the next whole look."""

WHOLE_LOOK = timedelta(seconds=5)
"""Between two looks at all calls that are remembered."""

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
    record: Row[Any] | None = None
    """The row of which it was made."""


class CallFeed:
    """Remembers the calls that it has read, and so knows which of them have changed."""

    def __init__(self) -> None:
        self._known: dict[str, CallNow] = {}
        self._number = 0
        self._whole: tuple[Collection[Place], datetime] | None = None
        """Of which groups all calls were read last, and when."""

    @property
    def number(self) -> int:
        """The number of the last change."""
        return self._number

    def read(self, s: Session, places: Collection[Place], at: datetime) -> list[CallNow]:
        """Read the calls of groups and return all that are remembered, those that have changed last at the end.

        A place without a pilot is a whole domain; one without either is all calls.
        """
        going_on = [call_id for call_id, call in self._known.items() if call.open and _is_in(call, places)]
        since = at - (KEPT if self._begins_whole_look(places, at) else LATELY)
        found = calls_since(s, places, since, MAX_CALLS, going_on) if places else []
        for row in sorted(found, key=lambda row: (row.started_at, row.id)):
            before = self._known.get(row.id)  # to compare two rows takes much less than to make a document of each
            if before is None or before.record != row:
                self._change(row)
        self._known = {
            call_id: call
            for call_id, call in self._known.items()
            if _is_in(call, places) and (call.open or call.changed_at >= at - KEPT)
        }
        return sorted(self._known.values(), key=lambda call: call.number)

    def _begins_whole_look(self, places: Collection[Place], at: datetime) -> bool:
        if self._whole is not None and self._whole[0] == places and self._whole[1] <= at < self._whole[1] + WHOLE_LOOK:
            return False
        self._whole = places, at
        return True

    def _change(self, row: Row[Any]) -> None:
        self._number += 1
        changed_at = max(each for each in (row.started_at, row.answered_at, row.ended_at) if each is not None)
        self._known[row.id] = CallNow(
            self._number, (row.domain, row.pilot), changed_at, row.ended_at is None, call_json(row), row
        )


def _is_in(call: CallNow, places: Collection[Place]) -> bool:
    return call.place in places or (call.place[0], "") in places or ("", "") in places
