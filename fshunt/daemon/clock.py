"""The clocks of the daemon. Timers run by the monotonic clock alone; these two are for what is written down.

An administrator, or a time server, may set the clock of the machine at any moment. Nobody's lease may end by that, and
no stamp may go back (invariants I2 and I5).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

BEFORE_ANY_LEASE = datetime(2000, 1, 1, tzinfo=UTC)
"""Where the lease clock stands until the database has said how far it is: earlier than any lease."""

AHEAD_SECONDS = 6.0
"""How far the lease clock runs ahead of what was published: three beats."""

WORTH_A_WORD_SECONDS = 60.0
"""A clock that is set back by more than this is told of; less is what a time server does every day."""


TRUSTED_AHEAD = timedelta(hours=2)
"""How far ahead of the clock a time in a record is believed: an hour is what a person sets a clock back by."""


def utc_now() -> datetime:
    """The wall clock as the machine has it."""
    return datetime.now(UTC)


def boot_seconds() -> float:
    """Seconds since the machine was started, those in which it slept too: the monotonic clock leaves them out."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """The wall clock, except that it never goes back: set back, it goes on from where it was.

    A clock that is set forward is believed, since a machine that slept has no other way to know the time.
    """

    def __init__(self, wall: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._last, self._at = wall(), monotonic()
        self._told = False

    def now(self) -> datetime:
        """The time for a row."""
        at = self._monotonic()
        steady, wall = self._last + timedelta(seconds=at - self._at), self._wall()
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


class LeaseClock:
    """The time by which leases end: it passes only while a daemon runs, and is agreed on in the database.

    Its readings look like wall time and are not: no clock that somebody sets has a say in it. A daemon takes the
    farthest reading that any daemon has published, and goes on from there by its own monotonic clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._reached, self._at = BEFORE_ANY_LEASE, monotonic()
        self.is_set = False
        """Whether the database has said how far it is."""

    def now(self) -> datetime:
        """The reading now. It stands still where nothing can be published: else all leases would end in an outage."""
        return self._reached + timedelta(seconds=min(self._monotonic() - self._at, AHEAD_SECONDS))

    def catch_up(self, reached: datetime) -> None:
        """Go on from ``reached``, which the database knows, unless this clock is farther."""
        self._reached, self._at = max(self.now(), reached), self._monotonic()
        self.is_set = True
