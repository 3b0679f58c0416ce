"""The claims of this daemon's hunts: in the database, for all daemons, and here, for when it is away (section 3, I1).

A member is claimed here first and then in the database; both must agree. So two hunts of one daemon never ring one
member, with or without a database, and two daemons do not as long as both can reach it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import gevent

from fshunt.daemon.clock import LeaseClock
from fshunt.daemon.cluster.claim_audit import ClaimAudit
from fshunt.daemon.cluster.queue import CallQueue, Key, QueuedCaller
from fshunt.daemon.data.database import Database, Deadline
from fshunt.daemon.data.events import ClaimAcquired, ClaimReleased
from fshunt.daemon.data.outbox import Outbox
from fshunt.db.queries import hunts
from fshunt.errors import DatabaseError
from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hunt import Hunt

log = logging.getLogger(__name__)

DATABASE_IS_AWAY = "rings with this daemon's own claims only"


class Claims:
    """Takes and releases claims. ``lease_seconds`` is how long one outlives a daemon that is gone."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        queue: CallQueue,
        *,
        run_id: str,
        lease_seconds: float,
        clock: LeaseClock,
        audit: ClaimAudit,
        rank: Callable[[], int],
    ) -> None:
        self._database, self._outbox, self._queue = database, outbox, queue
        self._run_id, self._lease_seconds, self.clock = run_id, lease_seconds, clock
        self._audit = audit
        self._last = clock.now()
        self.rank = rank
        """How many daemons go before this one where they cannot agree in the database."""
        self._held: dict[Key, dict[str, str]] = {}
        """By member, the hunts of this daemon that hold it, and their calls."""
        self._leaving: set[tuple[Key, str]] = set()
        """Released, and held until the database knows."""

    def __len__(self) -> int:
        return sum(len(holders) for holders in self._held.values())

    def take(
        self,
        hunt: Hunt,
        members: Collection[Member],
        wanted: Collection[Member],
        queued: QueuedCaller | None,
        deadline: Deadline,
        at: datetime,
    ) -> tuple[dict[int, MemberStatus], bool]:
        """Claim those ``wanted`` whom nobody else has; return the members' status, and whether the daemons agree on it.

        A member who was removed from the group is not in the answer. ``at`` is the wall clock, for wrap-up. Without the
        database the hunt continues with what was read at its start, and the daemons have not agreed.
        """
        group = hunt.group
        here = [member for member in wanted if self._take_here(hunt, member, queued)]
        agreed = True
        try:
            statuses = self._ask_database(hunt, members, here, wanted, queued, deadline, at)
        except DatabaseError as error:
            agreed = False
            if here:
                log.warning("call %s: %s: %s", hunt.call_uuid, DATABASE_IS_AWAY, error)
            got = {member.id for member in here}
            asked = {member.id for member in wanted}
            statuses = {
                m.id: MemberStatus.of(m, claimed=m.id in asked and m.id not in got, acquired=m.id in got)
                for m in members
            }
        for member in here:
            if member.id in statuses and statuses[member.id].acquired:
                self._note_start(_key(group, member), hunt)
            else:
                self._drop(_key(group, member), hunt.id)
        return statuses, agreed

    def now(self) -> datetime:
        """Return the lease clock's reading for a lease; raise DatabaseError before the database has set the clock."""
        if not self.clock.is_set:
            raise DatabaseError("This daemon has not told the database yet that it lives.")
        return self._tick()

    def release(
        self, hunt_id: str, call_uuid: str, extensions: Collection[str] | None = None, *, foreign: bool = False
    ) -> None:
        """End a hunt's claims, all or those on the extensions; whoever waits for the members is woken.

        ``foreign`` claims were taken by another daemon, whose lease clock may have been ahead of ours.
        """
        keys = [key for key, holders in self._held.items() if hunt_id in holders]
        if extensions is not None:
            keys = [key for key in keys if key[1] in extensions]
        for key in keys:
            if (key, hunt_id) not in self._leaving:
                self._audit.note("end", domain=key[0], member=key[1], call=call_uuid, hunt=hunt_id)
                self._leaving.add((key, hunt_id))
        released = ClaimReleased(
            hunt_id=hunt_id,
            extensions=None if extensions is None else tuple(extensions),
            taken_before=None if extensions is None or foreign else self._tick(),
        )
        self._outbox.put(released, lambda: self._released(keys, hunt_id))
        if self._database.away is not None:
            self._released(keys, hunt_id)
        elif len(self._queue):
            self._outbox.hurry()

    def expire(self, hunt_id: str) -> None:
        """Nobody will see the end of this hunt's talk: its claims end with their lease, here as in the database."""

        def lapse() -> None:
            for key in [key for key, holders in self._held.items() if hunt_id in holders]:
                self._drop(key, hunt_id)
                self._queue.member_may_be_free(key)

        gevent.spawn_later(self._lease_seconds, lapse)

    def database_changed(self) -> None:
        """The database went away: what was released is free here. It came back: what is held here is claimed there."""
        if self._database.away is not None:
            for key, hunt_id in list(self._leaving):
                self._released([key], hunt_id)
        else:
            self.claim_again()

    def close(self) -> None:
        """Close the call_log."""
        self._audit.close()

    def _take_here(self, hunt: Hunt, member: Member, queued: QueuedCaller | None) -> bool:
        key = _key(hunt.group, member)
        holders = self._held.setdefault(key, {})
        others = any(call != hunt.call_uuid for call in holders.values())
        if not hunt.group.call_waiting and (others or self._queue.is_kept_for_another(key, queued)):
            if not holders:
                del self._held[key]
            return False
        self._leaving.discard((key, hunt.id))
        holders[hunt.id] = hunt.call_uuid
        return True

    def _ask_database(
        self,
        hunt: Hunt,
        members: Collection[Member],
        here: Collection[Member],
        wanted: Collection[Member],
        queued: QueuedCaller | None,
        deadline: Deadline,
        at: datetime,
    ) -> dict[int, MemberStatus]:
        group = hunt.group
        look_and_claim = partial(
            hunts.look_and_claim,
            group_id=group.id,
            members=[member.id for member in members],
            wanted=[member.id for member in here],
            domain=group.domain,
            hunt_id=hunt.id,
            call_uuid=hunt.call_uuid,
            run_id=self._run_id,
            now=self.now(),
            at=at,
            lease_seconds=self._lease_seconds,
            call_waiting=group.call_waiting,
            wrap_up_seconds=group.wrap_up_seconds,
            ticket=queued.ticket if queued else None,
        )
        stored = self._database.run(look_and_claim, write=True, deadline=deadline)
        not_here = {member.id for member in wanted} - {member.id for member in here}
        shared = {member.id for member in here} if group.call_waiting else set()
        return {
            member_id: replace(
                status,
                claimed=status.claimed or member_id in not_here,
                acquired=status.acquired or (member_id in shared and status.may_ring),
            )
            for member_id, status in stored.items()
        }

    def _released(self, keys: Iterable[Key], hunt_id: str) -> None:
        for key in keys:
            if (key, hunt_id) in self._leaving:
                self._leaving.discard((key, hunt_id))
                self._drop(key, hunt_id)
                self._queue.member_may_be_free(key)

    def _drop(self, key: Key, hunt_id: str) -> None:
        holders = self._held.get(key, {})
        holders.pop(hunt_id, None)
        if not holders:
            self._held.pop(key, None)

    def claim_again(self) -> None:
        """Write down the claims that were taken while the database was away; one that another daemon has is its own."""
        by_hunt: dict[tuple[str, str, str], list[str]] = {}
        for (domain, extension), holders in self._held.items():
            for hunt_id, call_uuid in holders.items():
                if ((domain, extension), hunt_id) not in self._leaving:
                    by_hunt.setdefault((domain, hunt_id, call_uuid), []).append(extension)
        for (domain, hunt_id, call_uuid), extensions in by_hunt.items():
            acquired = ClaimAcquired(
                domain=domain,
                extensions=tuple(extensions),
                hunt_id=hunt_id,
                call_uuid=call_uuid,
                run_id=self._run_id,
                now=self._tick(),
                lease_seconds=self._lease_seconds,
            )
            self._outbox.put(acquired)

    def _tick(self) -> datetime:
        """Return a reading of the lease clock that is later than each before, also while the clock stands still.

        A release that is written late is told by it from a claim that the hunt has taken since.
        """
        self._last = max(self.clock.now(), self._last + timedelta(microseconds=1))
        return self._last

    def _note_start(self, key: Key, hunt: Hunt) -> None:
        more = {"shared": True} if hunt.group.call_waiting else {}
        self._audit.note("start", domain=key[0], member=key[1], call=hunt.call_uuid, hunt=hunt.id, **more)


def _key(group: Group, member: Member) -> Key:
    return group.domain, member.extension
