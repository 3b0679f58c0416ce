"""The wall clock of the daemon, for what is written down. Timers run by the monotonic clock alone.

An administrator, or a time server, may set the clock of the machine at any moment. No stamp may go back by that
(invariant I5).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

WORTH_A_WORD_SECONDS = 60.0
"""A clock that is set back by more than this is told of; less is what a time server does every day."""


TRUSTED_AHEAD = timedelta(hours=2)
"""How far ahead of the clock a time in a record is believed: an hour is what a person sets a clock back by."""


def utc_now() -> datetime:
    """The wall clock as the machine has it."""
    return datetime.now(UTC)


class SteadyClock:
    """The wall clock, except that it never goes back: set back, it goes on from where it was.

    A clock that is set forward is believed, since a machine that slept has no other way to know the time.
    ``wall`` is the clock as the machine has it.
    """

    def __init__(self, wall: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall, self._monotonic = wall, monotonic
        self._last, self._at = wall(), monotonic()
        self._told = False

    def now(self) -> datetime:
        """The time for a row."""
        at = self._monotonic()
        steady, wall = self._last + timedelta(seconds=at - self._at), self.wall()
        behind = (steady - wall).total_seconds()
        if behind > WORTH_A_WORD_SECONDS and not self._told:
            log.warning("the clock of this machine was set back by %.0f s; records go on by the time before", behind)
        self._told = behind > WORTH_A_WORD_SECONDS
        self._last, self._at = max(steady, wall), at
        return self._last

    def not_before(self, moment: datetime) -> None:
        """Go on from this moment at the earliest: a record of it was written before the clock was set back.

        Not if it is far ahead: then the clock was wrong when that was written, and records would be wrong for as long.
        """
        if moment - self.now() > TRUSTED_AHEAD:
            log.warning(
                "records of this daemon are of %s, far ahead of the clock of this machine, which was wrong then, or "
                "is now and must be set: new records go by the clock as it is",
                moment.isoformat(timespec="seconds"),
            )
            return
        self._last, self._at = max(self.now(), moment), self._monotonic()
