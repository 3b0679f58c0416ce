"""The beat: every two seconds the daemon says that it lives, and how it is.

In one transaction it publishes itself and the lease clock, renews the claims and the places in the line of its calls,
and drops those whose owner is gone. Now and then it takes over the calls of daemons that are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.adopting import Adopter
from fshunt.daemon.clock import BEFORE_ANY_LEASE, LeaseClock
from fshunt.daemon.database import Database
from fshunt.errors import FshuntError, StoreError
from fshunt.store import daemons, hunts, lease, orphans, waiting
from fshunt.store.orphans import Orphan

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
BEATS_A_LEASE = 3
"""At least so many beats fit into a lease: two may fail before a claim is lost."""

BEATS_BETWEEN_ORPHANS = 2
"""How often it is looked for calls of daemons that are gone, in beats."""

PLACE_SECONDS = 5.0
"""How long a place in the line outlives its daemon, at most: long enough for the caller to have it again from the next
daemon, and nobody shall wait longer behind one who is not there."""

GONE_SECONDS = 10.0
"""When a daemon was silent for so long its talks are watched by another one that can. For all else a whole lease must
be over: it may be cut off from the database only, and hunt on."""


@dataclass(frozen=True, slots=True)
class Life:
    """Who beats: this run of the daemon, its node, when it began, and how long its leases are, in seconds."""

    run: str
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


def beat(s: Session, life: Life, alive: Alive) -> datetime:
    """Do one beat; return how far the lease clock is."""
    mine = alive.now
    if mine < BEFORE_ANY_LEASE.replace(year=BEFORE_ANY_LEASE.year + 1) and lease.read(s) is None:
        mine = alive.at  # the first daemon ever: leases count from now
    reached = lease.advance(s, mine)
    daemons.beat(s, life.run, node=life.node, started_at=life.started_at, at=alive.at, now=reached, status=alive.status)
    hunts.renew(s, life.run, reached, life.lease_seconds, alive.hunt_ids)
    waiting.renew(s, life.run, reached, place_seconds(life.lease_seconds), alive.waiting_ids)
    hunts.sweep(s, reached)
    waiting.sweep(s, reached)
    return reached


class Heart:
    """Beats while the daemon lives. ``say`` gives the status and the hunts that live and wait.

    ``on_return`` is called at a beat that follows a missed one: others may have taken our claims and places for dead.
    """

    def __init__(
        self,
        life: Life,
        database: Database,
        clock: LeaseClock,
        adopter: Adopter,
        now: Callable[[], datetime],
        say: Callable[[], tuple[dict[str, Any], Sequence[str], Sequence[str]]],
        on_return: Callable[[], None],
    ) -> None:
        self._life, self._database, self._clock, self._adopter = life, database, clock, adopter
        self._now, self._say = now, say
        self._pause = min(BEAT_SECONDS, life.lease_seconds / BEATS_A_LEASE)
        self._on_return = on_return
        self._first_looked = False
        self._first, self._hurry = Event(), Event()
        self._stopped = Event()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Beat for the first time, in the background, and go on."""
        self._greenlet = gevent.spawn(self._run)

    def wait_for_the_first(self, seconds: float) -> None:
        """Wait for the first beat, so that the first call can claim."""
        self._first.wait(seconds)

    def hurry(self) -> None:
        """Beat now: the database is back."""
        self._hurry.set()

    @property
    def beats(self) -> bool:
        """Whether it goes on: it ends by an error inside fshunt only, or when it is stopped."""
        return self._greenlet is not None and not self._greenlet.dead

    def stop(self) -> None:
        """Beat no more, and say so to the others if the database lets us."""
        self._stopped.set()
        if self._greenlet is not None:
            self._greenlet.kill()
        try:
            self._database.write(daemons.retire, self._life.run)
        except StoreError as error:
            log.warning("the other daemons could not be told of the stop: %s", error)

    def _run(self) -> None:
        beats, missed = 0, False
        while not self._stopped.is_set():
            try:
                self._beat()
                if missed:
                    self._on_return()
                missed = False
                self._first.set()
                if beats % BEATS_BETWEEN_ORPHANS == 0 and self._adopter.can_take_over:
                    self._take_orphans()
                beats += 1
            except FshuntError as error:
                missed = True
                log.log(logging.DEBUG if self._database.away else logging.WARNING, "a beat was missed: %s", error)
            self._hurry.wait(self._pause)
            self._hurry.clear()

    def _beat(self) -> None:
        self._adopter.look_who_lives()
        status, hunt_ids, waiting_ids = self._say()
        alive = Alive(self._now(), self._clock.now(), status, hunt_ids, waiting_ids)
        self._clock.catch_up(self._database.write_patiently(lambda s: beat(s, self._life, alive)))

    def _take_orphans(self) -> None:
        _, kept, _ = self._say()

        def take(s: Session) -> list[Orphan]:
            return orphans.take(
                s,
                node=self._life.node,
                run=self._life.run,
                now=self._clock.now(),
                at=self._now(),
                dead_after_seconds=self._life.lease_seconds,
                talks_after_seconds=min(GONE_SECONDS, self._life.lease_seconds) if self._adopter.can_watch else None,
                own_node=not self._first_looked,
                kept=kept,
            )

        found = self._database.write_patiently(take)
        self._first_looked = True
        self._adopter.take_over(found)
