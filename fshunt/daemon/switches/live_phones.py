"""Publishes what the switches say of watched members, while somebody looks at them (design, section 13).

Nothing is written while nobody watches. Else a group's row is written when it has changed, and all that has changed in
one transaction, at most once a second: whatever number of pages looks, a hunt shares the database with one small write.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event

from fshunt.daemon.data.database import Database
from fshunt.daemon.switches.last_changes import LastChanges
from fshunt.daemon.switches.member_phones import SwitchMemberPhones
from fshunt.daemon.switches.monitor import Monitor
from fshunt.daemon.switches.watched_groups import WatchedGroups
from fshunt.db.notifications import ASKED, Changed
from fshunt.db.queries import live
from fshunt.errors import DatabaseError
from fshunt.freeswitch.phones import Change
from fshunt.services.switch_phones import published

log = logging.getLogger(__name__)

PAUSE_SECONDS, SHORT_PAUSE_SECONDS = 1.0, 0.1
"""Between two writes, and after a look that had nothing to write: many changes at once are one."""

LOOK_SECONDS = 2.0
"""How often it is looked who watches, also without a notice."""

ASK_SECONDS, ASK_PAUSE_SECONDS = 1.0, 0.25
"""How often it is looked whether a switch is to be asked, and the pause after each time."""

GROUPS_AT_ONCE = 20
"""Groups that are put into words before other greenlets run: some hundred microseconds."""


class LivePhones:
    """A service. ``run_id`` names the rows of this run."""

    def __init__(
        self,
        run_id: str,
        database: Database,
        monitor: Monitor,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._run_id, self._database, self._monitor, self._monotonic = run_id, database, monitor, monotonic
        self._watched = WatchedGroups(run_id, database, monotonic)
        self._switches = [SwitchMemberPhones(each, monotonic) for each in monitor.switches]
        self._since = LastChanges(monitor.look, now)
        self._wake, self._ask = Event(), Event()
        self._look_at = 0.0
        self._groups_of: dict[str, set[int]] = {}
        """The watched groups by the number of a member: a phone may have registered at another name of the domain."""
        self._changed: set[int] = set()
        self._written: dict[int, dict[str, Any]] = {}
        self._there: set[int] = set()
        """The groups of which the database has a row of this run."""

    def phones_changed(self, change: Change) -> None:
        """Note the watched groups for whose members something has changed."""
        self._since.changed(change)
        for presence_id in change.presence_ids:
            self._touch(self._groups_of.get(presence_id.partition("@")[0], ()))

    def state_taken(self) -> None:
        """A switch is watched now: all may be otherwise."""
        self._since.begun()
        self._touch(self._watched.groups)

    def switch_lost(self, _name: str) -> None:
        """A switch is not watched any more."""
        self._touch(self._watched.groups)

    def database_changed(self, changed: Collection[Changed] | None) -> None:
        """Something has changed in the database; None: nobody knows what."""
        domains = {group.domain for group in self._watched.groups.values()}
        if changed is None or any(domain == ASKED or domain in domains for domain, _ in changed):
            self._look_at = 0.0
            self._wake.set()

    def run(self) -> None:
        """Publish while somebody watches, until killed."""
        while True:
            self._wake.wait(max(0.0, self._look_at - self._monotonic()))
            self._wake.clear()
            gevent.sleep(PAUSE_SECONDS if self._publish_in_time() else SHORT_PAUSE_SECONDS)

    def ask_switches(self) -> None:
        """Ask the switches for what their events do not tell, until killed: one may take seconds to answer."""
        while True:
            self._ask.wait(ASK_SECONDS if self._watched.groups else None)
            self._ask.clear()
            extensions = [(group.domain, each) for group in self._watched.groups.values() for each in group.numbers]
            for switch in self._switches:
                for _, number in switch.ask(extensions):
                    self._touch(self._groups_of.get(number.lower(), ()))
            gevent.sleep(ASK_PAUSE_SECONDS)

    def _publish_in_time(self) -> bool:
        """Publish what has changed, if the database is there; tell whether something was written."""
        if self._database.away is None:
            try:
                if self._monotonic() >= self._look_at:
                    self._look_who_watches()
                return self._publish()
            except DatabaseError as error:
                log.debug("live state not published: %s", error)
        self._look_at = self._monotonic() + LOOK_SECONDS
        return False

    def _publish(self) -> bool:
        groups = self._watched.groups
        changed, self._changed = self._changed, set()
        said = self._in_words(changed & groups.keys())
        news = {each: phones for each, phones in said.items() if self._written.get(each) != phones}
        gone = self._there - groups.keys()
        if not news and not gone:
            return False
        try:
            self._database.run(lambda s: live.publish(s, self._run_id, news, gone), write=True)
        except DatabaseError:
            self._changed |= changed
            raise
        self._written |= news
        self._there = (self._there | news.keys()) - gone
        return True

    def _look_who_watches(self) -> None:
        self._look_at = self._monotonic() + LOOK_SECONDS
        before = self._watched.groups
        self._watched.read()
        groups = self._watched.groups
        self._changed |= {each for each, group in groups.items() if before.get(each) != group}
        self._there = set(self._watched.published)
        self._changed |= groups.keys() - self._there  # such a row was not written, or is gone with the run
        self._written = {each: phones for each, phones in self._written.items() if each in self._there}
        if groups != before:
            self._groups_of = {}
            for each, group in groups.items():
                for number in group.numbers:
                    self._groups_of.setdefault(number.lower(), set()).add(each)
            self._ask.set()

    def _in_words(self, group_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        said: dict[int, dict[str, Any]] = {}
        for number, group_id in enumerate(group_ids, start=1):
            group = self._watched.groups[group_id]
            said[group_id] = published(
                [switch.seen(group.domain, group.numbers, self._since.since) for switch in self._switches]
            )
            if number % GROUPS_AT_ONCE == 0:
                gevent.sleep(0)
        return said

    def _touch(self, group_ids: Collection[int]) -> None:
        if group_ids:
            self._changed |= set(group_ids)
            self._wake.set()
            self._ask.set()
