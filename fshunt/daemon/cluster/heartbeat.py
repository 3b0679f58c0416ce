"""The heartbeat: the daemon says that it lives, and how it is, and reconciles what it wants with the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.cluster.claims import Claims
from fshunt.daemon.cluster.membership import Membership
from fshunt.daemon.cluster.processes import has_ended
from fshunt.daemon.cluster.queue import CallQueue
from fshunt.daemon.cluster.reconcile import Reconciled, Run, Wanted, reconcile
from fshunt.daemon.cluster.takeover import Takeover
from fshunt.daemon.data.database import Database
from fshunt.db.queries import daemons
from fshunt.db.queries.cluster import Timing
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.identity import database_id
from fshunt.errors import DatabaseError, FshuntError, Locked, Mistake

log = logging.getLogger(__name__)


def process_has_ended(row: DaemonRow) -> bool:
    """Tell whether the process of a run has surely ended: it was one of this machine."""
    return has_ended(row.status.get("process"))


class Heartbeat:
    """Sends heartbeats while the daemon runs. ``say`` gives the status, and the hunts that live here."""

    def __init__(
        self,
        run: Run,
        database: Database,
        claims: Claims,
        queue: CallQueue,
        takeover: Takeover,
        now: Callable[[], datetime],
        say: Callable[[], tuple[dict[str, Any], Collection[str]]],
    ) -> None:
        self._identity, self._database = run, database
        self._claims, self._queue, self._takeover = claims, queue, takeover
        self._now, self._say = now, say
        self.timing = Timing()
        """As the database says, which is the same for all daemons."""
        self.membership = Membership()
        """What the last heartbeat that succeeded knew of the other runs."""
        self._first, self._hurry, self._stopped = Event(), Event(), Event()
        self._retired = False

    def wait_for_the_first(self, seconds: float) -> None:
        """Wait for the first heartbeat, so that the first call can claim."""
        self._first.wait(seconds)

    def hurry(self) -> None:
        """Send a heartbeat now: the database is back."""
        self._hurry.set()

    def stop(self) -> None:
        """Let the heartbeat that is under way be the last."""
        self._stopped.set()
        self._hurry.set()

    def retire(self) -> None:
        """Tell the other daemons of the stop, if the database is there: after the last write of the outbox."""
        self._retired = True
        try:
            self._database.run(
                lambda s: daemons.retire(s, self._identity.run_id), write=True, deadline=self._database.deadline()
            )
        except DatabaseError as error:
            log.warning("stop not announced to the other daemons: %s", error)

    def run(self) -> None:
        """Send heartbeats until stopped. It may be begun again after any error: what it knows is in the object."""
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._one_heartbeat()
                self._first.set()
            except FshuntError as error:
                if isinstance(error, DatabaseError) and not isinstance(error, Locked):
                    self._database.writes.trip(error)  # no call need find out by itself, nor a load balancer
                log.log(logging.DEBUG if self._database.away else logging.WARNING, "heartbeat missed: %s", error)
            self._hurry.wait(max(0.0, began + self.timing.heartbeat_seconds - time.monotonic()))
            self._hurry.clear()

    def _one_heartbeat(self) -> None:
        self._takeover.look_who_lives()
        wanted = self._wanted()
        try:
            found, identity = self._database.run(lambda s: self._reconcile(s, wanted), write=True)
        except Mistake:
            if not wanted.takes_over:
                raise
            # All daemons look at the same rows: a mistake there must not end them all. The log has it.
            alone = replace(wanted, takes_over=False)
            found, identity = self._database.run(lambda s: self._reconcile(s, alone), write=True)
        self._database.recognized(identity)
        self.timing, self.membership = found.timing, found.membership
        self._claims.reconciled(found.missing_claims, found.rank, found.timing.dead_heartbeats)
        self._queue.join_again(found.missing_entries)
        self._takeover.take_over(found.taken)

    def _wanted(self) -> Wanted:
        status, live = self._say()
        watched = frozenset(self._takeover.hunt_ids)
        return Wanted(
            at=self._now(),
            status=status,
            hunts=frozenset({*live, *watched, *self._takeover.closing}),
            claimed=self._claims.in_use,
            claiming=self._claims.claiming,
            watched=watched | self._claims.expiring,
            queued=frozenset(self._queue.hunt_ids),
            joined=self._queue.joined,
            takes_over=self._takeover.can_take_over and not self._stopped.is_set(),
            watches_talks=self._takeover.can_watch,
        )

    def _reconcile(self, s: Session, wanted: Wanted) -> tuple[Reconciled, str | None]:
        found = reconcile(s, self._identity, wanted, self.membership, process_has_ended)
        if self._retired:  # this heartbeat was under way all the while, and put us back among those who live
            daemons.retire(s, self._identity.run_id)
        return found, database_id(s)
