"""The queue of a group as its administrator sees it: who waits now, in order, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from fshunt.db.queries import callbacks, calls
from fshunt.services.live import LiveGroup

MAX_SHOWN = 100
"""Callers of one queue that are named; how many wait is told of all."""


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller in the queue, at a ``position`` from 1. Number and name are None while no record of the call has them.

    ``is_callback``: the caller has hung up and is to be called back, and a call of ours waits in the place.
    """

    position: int
    caller_number: str | None
    caller_name: str | None
    since: datetime
    is_callback: bool


def waiting_callers(s: Session, live: LiveGroup) -> list[WaitingCaller]:
    """Return the first ``MAX_SHOWN`` callers in the queue of a group, of a look at it a moment ago."""
    first = live.queued[:MAX_SHOWN]
    if not first:
        return []
    requests = {each.ticket: each for each in callbacks.open_requests_of(s, live.details.group.id)}
    known = calls.callers_of(s, [each.hunt_id for each in first])
    found = []
    for position, each in enumerate(first, 1):
        request = requests.get(each.ticket)
        if request is None:
            number, name = known.get(each.hunt_id, (None, None))
            found.append(WaitingCaller(position, number, name, each.since, False))
        else:  # the call in the place has no record until it rings a member
            found.append(WaitingCaller(position, request.number, request.name, request.requested_at, True))
    return found
