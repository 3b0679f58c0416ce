"""Keeps the lamps of pilots and blocks as the groups are, for phones that watch them (design, section 18).

No hunt waits for this. What changes in the database is read some times a second, what phones do comes from the monitor,
and the clock does the rest. Without the database the lamps stay as they are, but for what phones and the clock change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import gevent
from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.daemon.switches.lamp_book import LampBook
from fshunt.daemon.switches.lamp_leader import LampLeader
from fshunt.daemon.switches.switch_lamps import SwitchLamps
from fshunt.db.notifications import ASKED, Changed
from fshunt.db.queries import lamps as store
from fshunt.db.queries.groups import all_groups, load_groups
from fshunt.db.queries.lamps import Now
from fshunt.errors import DatabaseError, FshuntError
from fshunt.freeswitch.phones import Change
from fshunt.freeswitch.presence import Lamp

log = logging.getLogger(__name__)

R = TypeVar("R")

LOOK_SECONDS = 0.4
"""How often the database is looked at: a lamp shows a change within a second."""

PAUSE_SECONDS = 0.1
"""After a look: many changes at once are one."""

HEARTBEATS_SECONDS = 1.0
"""How often it is looked who lives."""

MINUTE_SECONDS = 60

GROUPS_AT_ONCE = 50
"""Groups that are read in one transaction: some milliseconds of a thread that calls share."""

SWEEP_SECONDS, SWEEP_GROUPS = 5.0, 20
"""Some groups are read anew so often, the longest unread first, should a word of a change be lost."""

WRITTEN_SECONDS = 1.0
"""So long after the end of a call it is in the database, from when the member's wrap-up counts."""

MAX_HEARD = 1000
"""Changes that were heard of since the last look; after more than so many all groups are read anew."""


class Lamps:
    """A service, ``run``; the switches have their own."""

    def __init__(
        self,
        database: Database,
        book: LampBook,
        leader: LampLeader,
        switches: Collection[SwitchLamps],
        monotonic: Callable[[], float],
    ) -> None:
        self._database, self._book, self._leader = database, book, leader
        self.switches = switches
        self._monotonic = monotonic
        self._wake = Event()
        self._heard: set[Changed] = set()
        self._all_due = False
        """Whether all groups are to be read anew."""
        self._last_change: int | None = None
        """None: no group was read."""
        self._wrap_ups_at: dict[int, float] = {}
        """Groups with a wrap-up whose members' calls may have ended, and when they are read for that."""
        self._minute = 0.0
        self._heartbeats_at = self._sweep_at = 0.0
        self._unread: list[int] = []
        """Group ids that the sweep comes to next, the last one first."""

    def database_changed(self, changed: Collection[Changed] | None) -> None:
        """Something has changed in the database; None: nobody knows what."""
        if changed is None or len(self._heard) + len(changed) > MAX_HEARD:
            self._all_due = True
        else:
            self._heard |= {each for each in changed if each[0] != ASKED}
        self._wake.set()

    def phones_changed(self, change: Change) -> None:
        """Phones have registered, have gone, or are called."""
        self._share()  # not by what this daemon knew before a database that hangs
        numbers = [each.partition("@")[0] for each in change.presence_ids]
        self._members_changed(numbers)
        if any(each.leads for each in self.switches):
            blocks = self._book.blocks_of(numbers)
            for switch in self.switches:
                switch.tell_blocks_again(blocks)

    def state_taken(self) -> None:
        """A switch is watched now: all may be otherwise."""
        self._wake.set()
        self._touch(self._book.pilots())

    def switch_lost(self, _name: str) -> None:
        """A switch is not watched any more."""
        self._wake.set()
        self._touch(self._book.pilots())

    def run(self) -> None:
        """Follow what changes, until killed."""
        while True:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            if any(each.monitor.watched for each in self.switches):
                try:
                    if self._database.away is None:
                        self._look()
                except DatabaseError as error:
                    log.debug("lamps not looked after: %s", error)
                self._follow_the_clock()
                self._share()
            gevent.sleep(PAUSE_SECONDS)

    def _look(self) -> None:
        now = self._ask(store.look)
        if self._monotonic() >= self._heartbeats_at:
            self._leader.read(self._ask(store.heartbeats))
            self._heartbeats_at = self._monotonic() + HEARTBEATS_SECONDS
        self._read_what_has_changed(now)
        self._last_change = now.last_change
        self._take(now)

    def _ask(self, function: Callable[[Session], R]) -> R:
        """Return what the database says; all groups may take many questions, and none of them is too old meanwhile."""
        found = self._database.run(function)
        self._leader.looked()
        return found

    def _read_what_has_changed(self, now: Now) -> None:
        last, heard = self._last_change, self._heard
        self._heard = set()
        try:
            concerned = None
            if last is not None and not self._all_due and now.last_change >= last:
                concerned = self._ask(lambda s: _concerned(s, last, now, heard))
            if concerned is None:
                self._all_due = False
                self._read_all()
            else:
                self._read(concerned | self._wrap_ups_due())
                self._sweep()
        except DatabaseError:
            self._heard |= heard
            self._all_due = self._all_due or concerned is None
            raise

    def _members_changed(self, numbers: Collection[str]) -> None:
        self._touch(self._book.pilots_of(numbers))
        at = self._monotonic() + WRITTEN_SECONDS
        self._wrap_ups_at |= dict.fromkeys(self._book.with_wrap_up(numbers), at)

    def _wrap_ups_due(self) -> set[int]:
        now = self._monotonic()
        due = {each for each, at in self._wrap_ups_at.items() if at <= now}
        self._wrap_ups_at = {each: at for each, at in self._wrap_ups_at.items() if each not in due}
        return due

    def _take(self, now: Now) -> None:
        """Take in who waits, and which external members are on a call."""
        waiting = {(each.domain, each.pilot) for each in now.waiting if each.run_id in self._leader.living}
        pilots, numbers = self._book.take_calls(waiting, now.claimed)
        self._touch(pilots)
        self._members_changed(numbers)

    def _read_all(self) -> None:
        there = [each.id for each in self._ask(all_groups)]
        self._read({*there, *self._book.ids})

    def _read(self, group_ids: Iterable[int]) -> None:
        ids = sorted(group_ids)
        for first in range(0, len(ids), GROUPS_AT_ONCE):
            self._read_some(ids[first : first + GROUPS_AT_ONCE])

    def _read_some(self, ids: list[int]) -> None:
        """Read some groups; one that cannot be read, since its row was written by hand, has no lamp."""
        try:
            found = {each.group.id: each.group for each in self._ask(lambda s: load_groups(s, ids))}
        except DatabaseError:
            raise
        except FshuntError:
            if len(ids) > 1:
                for each in ids:
                    self._read_some([each])
                return
            found = {}
        for each in ids:
            group = found.get(each)
            lamps = self._book.drop(each) if group is None else self._book.take(group)
            for switch in self.switches:
                switch.groups_read(lamps)

    def _sweep(self) -> None:
        if self._monotonic() < self._sweep_at:
            return
        self._sweep_at = self._monotonic() + SWEEP_SECONDS
        if not self._unread:
            self._unread = sorted(self._book.ids, reverse=True)
        some = [self._unread.pop() for _ in range(min(SWEEP_GROUPS, len(self._unread)))]
        self._read_some(some)

    def _follow_the_clock(self) -> None:
        self._touch(self._book.due())
        minute = self._book.now().timestamp() // MINUTE_SECONDS
        if minute != self._minute:
            self._minute = minute
            self._touch(self._book.with_hours())

    def _share(self) -> None:
        """Tell at the switches that are this daemon's to tell, once the groups are known."""
        if self._last_change is None:
            return
        for each in self.switches:
            core_uuid = each.monitor.core_uuid
            each.lead(core_uuid if each.monitor.watched and self._leader.leads(core_uuid) else None)

    def _touch(self, lamps: Collection[Lamp]) -> None:
        for each in self.switches:
            each.touch(lamps)


def _concerned(s: Session, last: int, now: Now, heard: Collection[Changed]) -> set[int] | None:
    changed = store.changed_groups(s, last) if now.last_change > last else set()
    return None if changed is None else changed | store.groups_of(s, heard)
