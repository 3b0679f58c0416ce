"""What an administrator, or a member, changes while phones ring: it holds at once (design, section 3).

A member who blocks calls, or is disabled or removed, stops ringing; and queued callers are offered whoever has become
free by it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Protocol

import gevent
from gevent.event import Event
from gevent.hub import get_hub

from fshunt.daemon.cluster.queue import CallQueue
from fshunt.daemon.data.database import Database
from fshunt.db.notifications import Changed, Changes
from fshunt.db.queries import member_status
from fshunt.errors import DatabaseError, FshuntError
from fshunt.hunting.availability import SkipReason

log = logging.getLogger(__name__)

LEAST_PAUSE_SECONDS = 0.05
"""Between two looks: many changes at once are one."""

LONGEST_PAUSE_SECONDS = 0.5
"""While phones ring it is looked so often also without a word, should a notice be lost."""


THREAD_LOOK_SECONDS = 1.0
"""Between two looks whether the thread lives that listens for changes."""


class Rings(Protocol):
    """A call that may be ringing members."""

    def ringing_members(self) -> Iterable[int]:
        """The ids of those who ring."""

    def withdraw(self, member_id: int, reason: SkipReason) -> None:
        """Stop ringing a member."""


def _nobody(_changed: Collection[Changed] | None) -> None:
    """Tell nobody."""


class LiveChanges:
    """Looks at who may not be rung any more, whenever something has changed.

    ``on_heard`` is told of all that is heard; None: anything may have changed.
    """

    def __init__(
        self,
        database: Database,
        url: str,
        queue: CallQueue,
        ringing: Callable[[], Iterable[Rings]],
        now: Callable[[], datetime],
        on_heard: Callable[[Collection[Changed] | None], object] = _nobody,
    ) -> None:
        self._database, self._queue, self._ringing, self._now = database, queue, ringing, now
        self._on_heard = on_heard
        self._changed = Event()
        self._news: deque[Collection[Changed] | None] = deque()
        self._async = get_hub().loop.async_()
        self._changes = Changes(url, self._heard)
        self._stopped = False

    def start(self) -> None:
        """Let the thread that listens wake the loop."""
        self._async.start(self._changed.set)

    def stop(self) -> None:
        """Listen no more."""
        self._stopped = True
        self._changes.stop()
        self._async.stop()
        self._async.close()

    def listen(self) -> None:
        """Listen for changes in a native thread, until stopped; raise FshuntError if the thread ends before."""
        self._changes.start()
        while self._changes.listens:
            gevent.sleep(THREAD_LOOK_SECONDS)
        if not self._stopped:
            raise FshuntError("the thread that listens for changes has ended")

    def run(self) -> None:
        """Look whenever something has changed, until killed."""
        while True:
            self._changed.wait(LONGEST_PAUSE_SECONDS)  # also false when the event is set as the time runs out
            self._changed.clear()
            self._wake_callers()
            rings = [(call, list(call.ringing_members())) for call in self._ringing()]
            ids = {member_id for _, members in rings for member_id in members}
            if ids and self._database.reads.why is None:
                self._look(rings, ids)
            gevent.sleep(LEAST_PAUSE_SECONDS)

    def _heard(self, changed: Collection[Changed] | None) -> None:
        """Pass on what the listening thread has heard."""
        self._news.append(changed)
        self._async.send()

    def _wake_callers(self) -> None:
        """Wake the queued callers for whom something has changed."""
        news: set[Changed] = set()
        while self._news:
            changed = self._news.popleft()
            self._on_heard(changed)
            if changed is None:
                self._queue.something_changed()
            else:
                news.update(changed)
        for domain, extension in news:
            if extension is None:
                self._queue.domain_changed(domain)
            else:
                self._queue.member_may_be_free((domain, extension))

    def _look(self, rings: list[tuple[Rings, list[int]]], ids: set[int]) -> None:
        now = self._now()
        try:
            reasons = self._database.run(
                lambda s: member_status.may_not_ring(s, ids, now), deadline=self._database.deadline()
            )
        except DatabaseError as error:
            log.debug("blocked members unknown: %s", error)
            return
        for call, members in rings:
            for member_id in members:
                if member_id in reasons:
                    call.withdraw(member_id, reasons[member_id])
