"""Removes old calls from the records, for the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fshunt.db.engine import Store
from fshunt.db.queries.prune import Pace, prune_some


def prune(
    store: Store,
    before: datetime,
    pause: Callable[[float], None],
    clock: Callable[[], float],
    progress: Callable[[int], None],
) -> int:
    """Remove all calls that began before a moment and have ended; return how many.

    ``pause`` waits for some seconds; ``progress`` is told, again and again, how many are removed. If it is interrupted,
    what is removed stays removed.
    """
    pace, removed = Pace(clock), 0
    while True:
        many = pace.many
        pace.begin()
        with store.writing() as session:
            found = prune_some(session, before, many)
        removed += found
        if found < many:
            return removed
        progress(removed)
        pause(pace.pause())
