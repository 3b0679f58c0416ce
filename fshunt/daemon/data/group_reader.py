"""Reads all groups every minute, so that a call finds its group without the database.

No call waits for it: it reads in the background, a few groups at a time, however many there are and however long that
takes. A group that cannot be read is left out and logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import gevent
from gevent.event import Event

from fshunt.daemon.clock import TRUSTED_AHEAD, SteadyClock
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.db.queries import groups as store
from fshunt.db.queries.groups import Named
from fshunt.errors import DatabaseError, FshuntError
from fshunt.hunting.group import Group

log = logging.getLogger(__name__)

GROUPS_AT_ONCE = 50
"""Groups read in one transaction: some milliseconds of a thread that calls share."""

AGAIN_SECONDS = 60.0
"""How often all groups are read."""

SOON_SECONDS = 2.0
"""Pause after a failure: after a restart in an outage no group is cached."""


class GroupReader:
    """Keeps ``group_cache`` up to date, and the clock not before the latest record of this ``node``."""

    def __init__(self, database: Database, group_cache: GroupCache, clock: SteadyClock, node: str) -> None:
        self._database, self._group_cache, self._clock, self._node = database, group_cache, clock, node
        self._tried = Event()
        self._clock_is_told = False
        self._failure: str | None = None
        self._bad: dict[int, str] = {}
        """Unreadable groups, each with the error as logged."""
        self._ahead: set[int] = set()
        """Groups whose members' idle times are far in the future, as logged."""

    def wait_for_the_first(self, seconds: float) -> None:
        """Wait until all groups were read once, or reading failed."""
        self._tried.wait(seconds)

    def read_all(self) -> bool:
        """Read all groups; tell whether that was possible."""
        try:
            self._go_on_from_the_last_record()
            self._read_all()
        except DatabaseError as error:
            if str(error) != self._failure:
                log.warning("groups could not be read: %s", error)
            self._failure = str(error)
            return False
        self._failure = None
        return True

    def run(self) -> None:
        """Read all groups every minute, until killed."""
        while True:
            done = self._database.away is None and self.read_all()
            self._tried.set()
            gevent.sleep(AGAIN_SECONDS if done else SOON_SECONDS)

    def _go_on_from_the_last_record(self) -> None:
        """Once in a run: if the clock was set back since the last record, records continue from there.

        Only records of this node count. The idle times of members come from all daemons, one of which may have had a
        wrong clock; the statements that write them keep them from going back.
        """
        if self._clock_is_told:
            return
        last = self._database.run(lambda s: store.last_written(s, self._node))
        if last is not None:
            self._clock.not_before(last)
        self._clock_is_told = True

    def _read_all(self) -> None:
        before = self._group_cache.ids
        groups = self._database.run(store.all_groups)
        for first in range(0, len(groups), GROUPS_AT_ONCE):
            self._read(groups[first : first + GROUPS_AT_ONCE])
        there = {group.id for group in groups}
        self._group_cache.forget_ids(before - there)  # but not one that was created and called meanwhile
        self._bad = {group_id: why for group_id, why in self._bad.items() if group_id in there}
        self._ahead &= there

    def _read(self, groups: Sequence[Named]) -> None:
        """Read some groups; if one of them is unreadable, find it and read the others."""
        try:
            loaded = self._database.run(lambda s: store.load_groups(s, [group.id for group in groups]))
        except DatabaseError:
            raise
        except FshuntError as error:  # an unreadable row must not hide the other groups
            if len(groups) == 1:
                self._leave_out(groups[0], error)
                return
        else:
            for each in loaded:
                self._group_cache.keep(each)
                self._bad.pop(each.group.id, None)
                self._look_at_stamps(each.group, self._clock.now())
            return
        middle = len(groups) // 2
        self._read(groups[:middle])
        self._read(groups[middle:])

    def _leave_out(self, group: Named, error: FshuntError) -> None:
        if self._bad.get(group.id) != str(error):
            words = "group %s of %s cannot be read and is not in the group cache: %s"
            log.warning(words, group.pilot, group.domain, error, exc_info=not isinstance(error, FshuntError))
        self._bad[group.id] = str(error)

    def _look_at_stamps(self, group: Group, now: datetime) -> None:
        """Log once which idle times are far in the future: they never go back, so a person must correct them."""
        ahead = [m for m in group.members if m.idle_since is not None and m.idle_since - now > TRUSTED_AHEAD]
        if ahead and group.id not in self._ahead:
            log.warning(
                "the clock of a machine is or was wrong: in group %s of %s the last call of %s is recorded in the "
                "future, at %s, and until then they rank as called last; if the clock of this machine is right, remove "
                "them with `fshunt member remove` and add them again with `fshunt member add`",
                group.pilot,
                group.domain,
                ", ".join(m.extension for m in ahead),
                max(m.idle_since for m in ahead if m.idle_since is not None).isoformat(timespec="seconds"),
            )
        if ahead:
            self._ahead.add(group.id)
        else:
            self._ahead.discard(group.id)
