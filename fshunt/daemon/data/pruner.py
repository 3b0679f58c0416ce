"""Removes calls that are older than the setting ``keep_calls_days``; of several daemons one does it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import gevent

from fshunt.daemon.data.database import Database
from fshunt.db.queries.prune import Pace, prune_some
from fshunt.errors import DatabaseError

log = logging.getLogger(__name__)

FIRST_SECONDS = 60.0
"""From the daemon's start: by then it knows its rank among the daemons, and the rush of a restart is over."""

BETWEEN_SECONDS = 24 * 3600.0
RETRY_SECONDS = 3600.0
"""Where this daemon is not the one, or the database is away, it looks again so soon."""


FAILED_PAUSE_SECONDS = 1.0
"""Before a batch that has failed is tried again with fewer calls."""


class Pruner:
    """A service. ``keep_days`` is the setting as it is now, ``rank`` is 0 for the daemon that does it."""

    def __init__(
        self,
        database: Database,
        keep_days: Callable[[], int | None],
        rank: Callable[[], int],
        now: Callable[[], datetime],
        pause: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._database, self._keep_days, self._rank, self._now, self._pause = database, keep_days, rank, now, pause

    def run(self) -> None:
        """Prune once a day, until killed."""
        self._pause(FIRST_SECONDS)
        while True:
            self._pause(BETWEEN_SECONDS if self.prune() else RETRY_SECONDS)

    def prune(self) -> bool:
        """Remove what is too old, in batches that hold up no hunt; tell whether that is done for the day."""
        days = self._keep_days()
        if days is None or self._rank() != 0:
            return False
        before, removed, pace = self._now() - timedelta(days=days), 0, Pace(time.monotonic)
        while True:
            many = pace.many
            pace.begin()
            try:
                found = self._database.run(lambda s, many=many: prune_some(s, before, many), write=True)  # type: ignore[misc]
            except DatabaseError as error:
                if not pace.shrink():
                    log.info("old calls are removed later: %s", error)
                    return False
                self._pause(FAILED_PAUSE_SECONDS)
                continue
            removed += found
            if found < many:
                break
            self._pause(pace.pause())
        if removed:
            log.info("removed %d calls that are older than %d days (`keep_calls_days`)", removed, days)
        return True
