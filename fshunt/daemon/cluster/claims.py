"""The claims of this daemon's hunts: in the database, for all daemons, and here, for when it is away (section 3, I1).

A member is claimed here first and then in the database; both must agree. So two hunts of one daemon never ring one
member, with or without a database, and two daemons do not as long as both can reach it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from fshunt.daemon.cluster.claim_audit import ClaimAudit
from fshunt.daemon.cluster.queue import CallQueue, MemberKey, QueuedCaller
from fshunt.daemon.data.database import Database, Deadline
from fshunt.daemon.data.events import ClaimAcquired, ClaimReleased
from fshunt.daemon.data.outbox import Outbox
from fshunt.db.queries import hunts
from fshunt.db.queries.cluster import Timing
from fshunt.errors import DatabaseError
from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.hunt import Hunt
from fshunt.log_events import LogEvent, about

ClaimKey = tuple[str, str, str]
"""The domain, the extension and the hunt of a claim."""

log = logging.getLogger(__name__)

DATABASE_IS_AWAY = "database unavailable; ringing without cluster-wide claims"


class Claims:
    """Acquires and releases claims."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        queue: CallQueue,
        *,
        run_id: str,
        audit: ClaimAudit,
        wall: Callable[[], datetime],
    ) -> None:
        self._database, self._outbox, self._queue = database, outbox, queue
        self._run_id, self._audit, self._wall = run_id, audit, wall
        self._sequence = itertools.count(1)
        self._rank, self._dead_heartbeats = 0, Timing().dead_heartbeats
        self._is_member = False
        """Whether the database knows that this run lives."""
        self._hunts_of: dict[MemberKey, dict[str, str]] = {}
        """By member, the hunts of this daemon that claim it, and their calls."""
        self._in_use: set[ClaimKey] = set()
        """Those of them that a hunt relies on."""
        self._leaving: set[tuple[MemberKey, str]] = set()
        """Released, and ours until the database knows."""
        self._expiring: dict[str, int] = {}
        """Hunts whose talks nobody watches, and for how many heartbeats they keep their claims."""

    def __len__(self) -> int:
        return sum(len(holders) for holders in self._hunts_of.values())

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
                known = {"call": hunt.call_uuid, "pilot": group.pilot, "domain": group.domain}
                extra = about(LogEvent.CALL_WITHOUT_DATABASE, **known)
                log.warning("call %s: %s: %s", hunt.call_uuid, DATABASE_IS_AWAY, error, extra=extra)
            got, now = {member.id for member in here}, self._wall()
            asked = {member.id for member in wanted}
            statuses = {
                m.id: MemberStatus.of(m, now, claimed=m.id in asked and m.id not in got, acquired=m.id in got)
                for m in members
            }
        for member in here:
            if member.id in statuses and statuses[member.id].acquired:
                self._note_start(_key(group, member), hunt)
            else:
                self._drop(_key(group, member), hunt.id)
        return statuses, agreed

    @property
    def claiming(self) -> frozenset[ClaimKey]:
        """All claims of this daemon, those too that are on their way, or given up and not written yet."""
        return frozenset((*key, hunt_id) for key, holders in self._hunts_of.items() for hunt_id in holders)

    @property
    def in_use(self) -> frozenset[ClaimKey]:
        """The claims that hunts rely on."""
        return frozenset(self._in_use)

    @property
    def expiring(self) -> frozenset[str]:
        """The hunts whose talks nobody watches."""
        return frozenset(self._expiring)

    def rank(self) -> int:
        """Return how many daemons go before this one where they cannot agree in the database."""
        return self._rank

    def reconciled(self, missing: Collection[ClaimKey], rank: int, dead_heartbeats: int) -> None:
        """Note what a heartbeat has found: claims that are ``missing`` in the database are written again.

        They were taken while it was away, or others have presumed this run dead. It is done in the order of the outbox:
        one that was released meanwhile stays so.
        """
        self._is_member, self._rank, self._dead_heartbeats = True, rank, dead_heartbeats
        for domain, extension, hunt_id in sorted(set(missing) & self._in_use):
            acquired = ClaimAcquired(
                domain=domain,
                extensions=(extension,),
                hunt_id=hunt_id,
                call_uuid=self._hunts_of[domain, extension][hunt_id],
                run_id=self._run_id,
                sequence=next(self._sequence),
            )
            self._outbox.put(acquired)
        for hunt_id, left in list(self._expiring.items()):
            if left > 1:
                self._expiring[hunt_id] = left - 1
            else:
                self._end(hunt_id)

    def release(
        self, hunt_id: str, call_uuid: str, extensions: Collection[str] | None = None, *, foreign: bool = False
    ) -> None:
        """End a hunt's claims, all or those on the extensions; whoever waits for the members is woken.

        ``foreign`` claims were taken by another daemon, which counts them in another way.
        """
        keys = [key for key, holders in self._hunts_of.items() if hunt_id in holders]
        if extensions is not None:
            keys = [key for key in keys if key[1] in extensions]
        for key in keys:
            if (key, hunt_id) not in self._leaving:
                self._audit.note("end", domain=key[0], member=key[1], call=call_uuid, hunt=hunt_id)
                self._leaving.add((key, hunt_id))
                self._in_use.discard((*key, hunt_id))
        released = ClaimReleased(
            hunt_id=hunt_id,
            extensions=None if extensions is None else tuple(extensions),
            taken_before=None if extensions is None or foreign else next(self._sequence),
        )
        self._outbox.put(released, lambda: self._released(keys, hunt_id))
        if self._database.away is not None:
            self._released(keys, hunt_id)
        elif len(self._queue):
            self._outbox.hurry()

    def expire(self, hunt_id: str, *, foreign: bool = False) -> None:
        """Nobody will see the end of this hunt's talk: its claims end when it would be presumed dead.

        ``foreign`` claims were taken by another daemon. A hunt without claims leaves nothing to be done.
        """
        if foreign or any(hunt_id in holders for holders in self._hunts_of.values()):
            self._expiring[hunt_id] = self._dead_heartbeats

    def _end(self, hunt_id: str) -> None:
        del self._expiring[hunt_id]
        keys = [key for key, holders in self._hunts_of.items() if hunt_id in holders]
        self._leaving.update((key, hunt_id) for key in keys)
        released = ClaimReleased(hunt_id=hunt_id, extensions=None, taken_before=None)
        self._outbox.put(released, lambda: self._released(keys, hunt_id))

    def database_changed(self) -> None:
        """The database went away: what was released is free here. Once back, a heartbeat writes what is missing."""
        if self._database.away is not None:
            for key, hunt_id in list(self._leaving):
                self._released([key], hunt_id)

    def close(self) -> None:
        """Close the claim audit."""
        self._audit.close()

    def _take_here(self, hunt: Hunt, member: Member, queued: QueuedCaller | None) -> bool:
        key = _key(hunt.group, member)
        holders = self._hunts_of.setdefault(key, {})
        others = any(call != hunt.call_uuid for call in holders.values())
        if not hunt.group.call_waiting and (others or self._queue.is_kept_for_another(key, queued)):
            if not holders:
                del self._hunts_of[key]
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
        if not self._is_member:
            raise DatabaseError("No heartbeat of this daemon has reached the database yet.")
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
            sequence=next(self._sequence),
            at=at,
            now=self._wall(),
            call_waiting=group.call_waiting,
            wrap_up_seconds=group.wrap_up_seconds,
            ticket=queued.ticket if queued else None,
            may_be_queued=group.when_busy is WhenBusy.QUEUE,
        )
        stored = self._database.run_lean(look_and_claim, write=True, deadline=deadline)
        return _with_this_daemons(stored, here, wanted, shared=group.call_waiting)

    def _released(self, keys: Iterable[MemberKey], hunt_id: str) -> None:
        for key in keys:
            if (key, hunt_id) in self._leaving:
                self._leaving.discard((key, hunt_id))
                self._drop(key, hunt_id)
                self._queue.member_may_be_free(key)

    def _drop(self, key: MemberKey, hunt_id: str) -> None:
        holders = self._hunts_of.get(key, {})
        self._in_use.discard((*key, hunt_id))
        holders.pop(hunt_id, None)
        if not holders:
            self._hunts_of.pop(key, None)

    def _note_start(self, key: MemberKey, hunt: Hunt) -> None:
        self._in_use.add((*key, hunt.id))
        more = {"shared": True} if hunt.group.call_waiting else {}
        self._audit.note("start", domain=key[0], member=key[1], call=hunt.call_uuid, hunt=hunt.id, **more)


def _key(group: Group, member: Member) -> MemberKey:
    return group.domain, member.extension


def _with_this_daemons(
    stored: Mapping[int, MemberStatus], here: Collection[Member], wanted: Collection[Member], *, shared: bool
) -> dict[int, MemberStatus]:
    """What the database says of members, with what only this daemon knows: those ``wanted`` and not ``here`` are
    claimed by other hunts of it. ``shared``: a claim is no hindrance (call waiting).
    """
    not_here = {member.id for member in wanted} - {member.id for member in here}
    may_share = {member.id for member in here} if shared else set()
    return {
        member_id: replace(
            status,
            claimed=status.claimed or member_id in not_here,
            acquired=status.acquired or (member_id in may_share and status.may_ring),
        )
        for member_id, status in stored.items()
    }
