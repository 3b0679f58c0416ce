"""The beat: every two seconds the daemon says that it lives, and how it is.

In one transaction it publishes itself and the lease clock, renews the claims and the places in the line of its calls,
and drops those whose owner is gone. Now and then it takes over the calls of daemons that are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.clock import BEFORE_ANY_LEASE, LeaseClock, boot_seconds
from fshunt.daemon.cluster.processes import has_ended
from fshunt.daemon.cluster.rank import Rank
from fshunt.daemon.cluster.takeover import Takeover
from fshunt.daemon.data.database import Database
from fshunt.db.queries import daemons, hunts, lease, orphans, queue
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.orphans import UnfinishedCall
from fshunt.errors import DatabaseError, FshuntError, Locked, Mistake

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
BEATS_A_LEASE = 3
"""At least so many beats fit into a lease: two may fail before a claim is lost."""

BEATS_BETWEEN_ORPHANS = 2
"""How often it is looked for calls of daemons that are gone, in beats."""

BEATS_OF_AN_EARLIER_LIFE = 2.5
"""At the start: an earlier run of this node that was silent for so many beats is over, though its lease is not. One
that still beats is another daemon of the same name, and its calls are none of ours."""

PLACE_SECONDS = 5.0
"""How long a place in the line outlives its daemon, at most: long enough for the caller to have it again from the next
daemon, and nobody shall wait longer behind one who is not there."""

GONE_SECONDS = 10.0
"""When a daemon was silent for so long its talks are watched by another one that can. For all else a whole lease must
be over: it may be cut off from the database only, and hunt on."""

LAST_BEAT_SECONDS = 0.5
"""How long, at a stop, a beat that is under way is waited for: its database may be away."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who beats: this run of the daemon, its node, when it began, and how long its leases are, in seconds."""

    run_id: str
    node: str
    started_at: datetime
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Alive:
    """What is said at a beat: the wall time, the lease time, how we are, and which hunts live and wait."""

    at: datetime
    now: datetime
    status: dict[str, Any]
    hunt_ids: Sequence[str]
    waiting_ids: Sequence[str]


def place_seconds(lease_seconds: float) -> float:
    """Return how long a place in the line is good for without a beat."""
    return min(PLACE_SECONDS, lease_seconds)


def beat(s: Session, run: Run, alive: Alive) -> tuple[datetime, int]:
    """Do one beat; return how far the lease clock is, and how many daemons are before this one (``rank_of``)."""
    mine = alive.now
    if mine < BEFORE_ANY_LEASE.replace(year=BEFORE_ANY_LEASE.year + 1) and lease.read(s) is None:
        mine = alive.at  # the first daemon ever: leases count from now
    reached = lease.advance(s, mine)
    daemons.beat(s, run.run_id, node=run.node, started_at=run.started_at, at=alive.at, now=reached, status=alive.status)
    hunts.renew(s, run.run_id, reached, run.lease_seconds, alive.hunt_ids)
    queue.renew(s, run.run_id, reached, place_seconds(run.lease_seconds), alive.waiting_ids)
    hunts.sweep(s, reached)
    queue.sweep(s, reached)
    return reached, daemons.rank_of(s, run.run_id, reached - timedelta(seconds=GONE_SECONDS))


class Heartbeat:
    """Beats while the daemon lives. ``say`` gives the status and the hunts that live and wait.

    ``on_return`` is called at a beat that follows a missed one, or comes late: others may have taken our claims and
    places for dead. A process that was stopped, or whose machine slept, has missed no beat that it knows of:
    ``seconds`` is a clock that counts such time too.
    """

    def __init__(
        self,
        run: Run,
        database: Database,
        clock: LeaseClock,
        takeover: Takeover,
        now: Callable[[], datetime],
        say: Callable[[], tuple[dict[str, Any], Sequence[str], Sequence[str]]],
        on_return: Callable[[], None],
        rank: Rank,
        seconds: Callable[[], float] = boot_seconds,
    ) -> None:
        self._run_identity, self._database, self._clock, self._adopter = run, database, clock, takeover
        self._now, self._say = now, say
        self._pause = min(BEAT_SECONDS, run.lease_seconds / BEATS_A_LEASE)
        self._on_return, self._seconds = on_return, seconds
        self._late_after = place_seconds(run.lease_seconds) - self._pause
        self._silent_after = timedelta(seconds=BEATS_OF_AN_EARLIER_LIFE * self._pause)
        self._first_reading: datetime | None = None
        self._last: tuple[float, datetime] | None = None
        """When the last beat that succeeded began, and how far the lease clock was."""
        self.rank = rank
        self._earlier_lives_known = False
        self._first, self._hurry = Event(), Event()
        self._stopped = Event()
        self._retired = False

    def wait_for_the_first(self, seconds: float) -> None:
        """Wait for the first beat, so that the first call can claim."""
        self._first.wait(seconds)

    def hurry(self) -> None:
        """Beat now: the database is back."""
        self._hurry.set()

    def stop(self) -> None:
        """Let the beat that is under way be the last."""
        self._stopped.set()
        self._hurry.set()

    def retire(self) -> None:
        """Tell the other daemons of the stop, if the database is there: after the last write of the outbox."""
        self._retired = True
        try:
            self._database.run(
                lambda s: daemons.retire(s, self._run_identity.run_id), write=True, deadline=self._database.deadline()
            )
        except DatabaseError as error:
            log.warning("the other daemons could not be told of the stop: %s", error)

    def run(self) -> None:
        """Beat for the first time, and go on until it is stopped."""
        beats, missed = 0, False
        while not self._stopped.is_set():
            try:
                late = self._beat()
                if missed or late:
                    self._on_return()
                missed = False
                self._first.set()
                if beats % BEATS_BETWEEN_ORPHANS == 0 or not self._earlier_lives_known:
                    self._look_for_orphans()
                beats += 1
            except FshuntError as error:
                missed = True
                if isinstance(error, DatabaseError) and not isinstance(error, Locked):
                    self._database.writes.trip(error)  # no call need find out by itself, nor a load balancer
                log.log(logging.DEBUG if self._database.away else logging.WARNING, "a beat was missed: %s", error)
            self._hurry.wait(self._pause)
            self._hurry.clear()

    def _beat(self) -> bool:
        """Beat; tell whether the beat before is so long ago that others may have swept what is ours."""
        self._adopter.look_who_lives()
        status, hunt_ids, waiting_ids = self._say()
        alive = Alive(self._now(), self._clock.now(), status, hunt_ids, waiting_ids)
        began = self._seconds()
        reached, rank = self._database.run(lambda s: self._beat_unless_retired(s, alive), write=True)
        self.rank.note(rank)
        self._clock.catch_up(reached)
        before, self._last = self._last, (began, reached)
        if before is None:
            self._first_reading = reached
            return False
        # Either clock may say it: that of the others passes also while this machine is stopped with all its clocks.
        passed = max(self._seconds() - before[0], (reached - before[1]).total_seconds())
        return passed > self._late_after

    def _beat_unless_retired(self, s: Session, alive: Alive) -> tuple[datetime, int]:
        done = beat(s, self._run_identity, alive)
        if self._retired:  # this beat was under way all the while, and put us back among those who live
            daemons.retire(s, self._run_identity.run_id)
        return done

    def _look_for_orphans(self) -> None:
        """Take over what is nobody's. All daemons look at the same rows: a mistake there must not end them all."""
        if self._stopped.is_set() or not self._adopter.can_take_over:
            return
        with suppress(Mistake):  # the log has it
            self._take_orphans()

    def _take_orphans(self) -> None:
        _, kept, _ = self._say()
        now = self._clock.now()

        def is_over(earlier: DaemonRow) -> bool:
            return has_ended(earlier.status.get("process")) or earlier.lease_at <= now - self._silent_after

        def take(s: Session) -> list[UnfinishedCall]:
            return orphans.take(
                s,
                node=self._run_identity.node,
                run_id=self._run_identity.run_id,
                now=now,
                at=self._now(),
                dead_after_seconds=self._run_identity.lease_seconds,
                talks_after_seconds=min(GONE_SECONDS, self._run_identity.lease_seconds)
                if self._adopter.can_watch
                else None,
                is_over=None if self._earlier_lives_known else is_over,
                kept=[*kept, *self._adopter.closing],
            )

        found = self._database.run(take, write=True)
        if self._first_reading is not None and now - self._first_reading > self._silent_after:
            self._earlier_lives_known = True  # whoever of them has not beaten since our first beat was over
        self._adopter.take_over(found)
