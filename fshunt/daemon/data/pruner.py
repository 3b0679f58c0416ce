"""Removes what is too old, such as calls beyond the setting ``keep_calls_days``; of several daemons one does it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import gevent
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.db.queries import accounts, callbacks, changes, notice_deliveries, prune, sign_in
from fshunt.db.queries.prune import Pace
from fshunt.errors import DatabaseError
from fshunt.settings import Settings

log = logging.getLogger(__name__)

FIRST_SECONDS = 60.0
"""From the daemon's start: by then it knows its rank among the daemons, and the rush of a restart is over."""

BETWEEN_SECONDS = 24 * 3600.0
RETRY_SECONDS = 3600.0
"""Where this daemon is not the one, or the database is away, it looks again so soon."""

FAILED_PAUSE_SECONDS = 1.0
"""Before a batch that has failed is tried again with fewer rows."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that are removed when they are old enough.

    ``keep`` is how long they are kept (None: for ever); ``remove_some`` removes up to so many of before a moment, and
    returns how many it found.
    """

    name: str
    keep: Callable[[Settings], timedelta | None]
    remove_some: Callable[[Session, datetime, int], int]


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


KINDS = (
    Kind("calls", lambda settings: _days(settings.keep_calls_days), prune.prune_some),
    Kind("ended blocks", lambda _settings: timedelta(), prune.remove_blocks),
    Kind("changes", lambda settings: _days(settings.keep_changes_days), changes.prune_some),
    Kind("sessions", lambda settings: timedelta(hours=settings.session_hours), sign_in.remove_sessions),
    Kind("invitations", lambda _settings: timedelta(), accounts.remove_invitations),
    Kind("failed sign-ins", lambda _settings: sign_in.TRIES_COUNT_FOR, sign_in.remove_tries),
    Kind("dead letters", lambda _settings: notice_deliveries.DEAD_LETTERS_ARE_KEPT_FOR, notice_deliveries.remove_dead),
    Kind("callbacks", lambda settings: _days(settings.keep_calls_days), callbacks.prune_some),
    Kind("known browsers", lambda _settings: sign_in.BROWSERS_ARE_KNOWN_FOR, sign_in.remove_browsers),
)


class Pruner:
    """A service. ``settings`` are those of now, ``rank`` is 0 for the daemon that does it."""

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Settings],
        rank: Callable[[], int],
        now: Callable[[], datetime],
        pause: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._database, self._settings, self._rank, self._now, self._pause = database, settings, rank, now, pause

    def run(self) -> None:
        """Prune once a day, until killed."""
        self._pause(FIRST_SECONDS)
        while True:
            self._pause(BETWEEN_SECONDS if self.prune() else RETRY_SECONDS)

    def prune(self) -> bool:
        """Remove what is too old, in batches that hold up no hunt; tell whether that is done for the day."""
        if self._rank() != 0:
            return False
        return all(self._remove(kind) for kind in KINDS)

    def _remove(self, kind: Kind) -> bool:
        """Remove the rows of one kind that are too old; tell whether all of them are removed."""
        keep = kind.keep(self._settings())
        if keep is None:
            return True
        before, removed, pace = self._now() - keep, 0, Pace(time.monotonic)
        while True:
            many = pace.many
            pace.begin()
            try:
                found = self._database.run(lambda s, many=many: kind.remove_some(s, before, many), write=True)  # type: ignore[misc]
            except DatabaseError as error:
                if not pace.shrink():
                    log.info("old %s are removed later: %s", kind.name, error)
                    return False
                self._pause(FAILED_PAUSE_SECONDS)
                continue
            removed += found
            if found < many:
                break
            self._pause(pace.pause())
        if removed:
            log.info("removed %d %s of before %s", removed, kind.name, before.isoformat(timespec="seconds"))
        return True
