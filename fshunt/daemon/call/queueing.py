"""A caller who waits for a busy member, first come first served (``when_busy = queue``; design, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Self

from fshunt.daemon.call.call_log import CallLog
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.finish import Stopped
from fshunt.daemon.call.selection import Chosen, choose
from fshunt.daemon.call.setup import HoldMusic
from fshunt.daemon.cluster.heartbeat import place_seconds
from fshunt.daemon.cluster.queue import Key, QueuedCaller
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.events import QueueLeft
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import member_status, queue
from fshunt.errors import DatabaseError
from fshunt.esl.session import Session
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import MAX_WAIT_SECONDS, Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.states import Event, Outcome, State

LONGEST_PAUSE_SECONDS = 2.0
"""Between two tries, should nobody have said that a member is free: a notice may be lost."""

BUSY_AGAIN_SECONDS = 5.0
"""A phone that answered "busy" is left alone so long, whatever is known of it: it knows best."""


class Queueing(AbstractContextManager["Queueing"]):
    """One caller's wait, from the end of the stages to the end of the time (``deadline``, of the monotonic clock)."""

    def __init__(
        self, session: Session, hunt: Hunt, caller: Caller, deps: Dependencies, call_log: CallLog, deadline: float
    ) -> None:
        self.session, self.hunt, self.deps, self.call_log = session, hunt, deps, call_log
        clock = deps.monotonic
        self._began = clock()
        self._until = min(deadline, self._began + MAX_WAIT_SECONDS)
        self._music = HoldMusic(session, hunt.group, caller)
        self._queued = QueuedCaller(hunt.id, hunt.group.id, session.wake)
        self._deadline = Deadline(deps.settings.database_timeout, clock)
        self._said: frozenset[Key] = frozenset()
        self._told = False
        self._turn = 0
        self._not_before: dict[int, float] = {}
        self.spare_the_busy()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the line at once; but when the daemon stops, the ticket stays for a moment: it goes with the call."""
        self._leave_line(kept=kind is Stopped)
        self.call_log.waited(self.deps.monotonic() - self._began)

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self

    def until_free(self) -> tuple[Stage, list[Chosen]] | None:
        """Wait until members are free, and return them, claimed; None when there is nobody, or no time, to wait for.

        Raises CallerGone, CallerTaken.
        """
        while self.hunt.waits() and self.deps.monotonic() < self._until:
            self._join()
            found = self._try()
            if found is not None:
                self._leave_line(kept=not self.hunt.group.call_waiting)
                self.hunt.move(Event.MEMBER_FREE)
                self._music.stop()
                return found
            if not self.hunt.waits():
                break
            self._pause()
        self._music.stop()
        return None

    def spare_the_busy(self) -> None:
        """Leave those alone for a moment whose phones have just answered "busy"."""
        now = self.deps.monotonic()
        for member_id, end in self.hunt.last_end.items():
            if end is Outcome.BUSY and self._not_before.get(member_id, 0.0) <= now:
                self._not_before[member_id] = now + BUSY_AGAIN_SECONDS

    def _try(self) -> tuple[Stage, list[Chosen]] | None:
        self._turn += 1
        self._deadline.extend(self.deps.settings.database_timeout)
        not_now = self._who_may_not_ring()
        for stage in self.hunt.stages_of_awaited(self._turn):
            now = self.deps.monotonic()
            members = [m for m in stage.members if m.id not in not_now and self._not_before.get(m.id, 0.0) <= now]
            if not members:
                continue
            choice = choose(self.session, self.hunt, members, self.deps, self._deadline, self._queued)
            for member, reason in choice.skipped:
                if self.hunt.skipped(member, reason):
                    self.call_log.skipped(stage, member, reason)
            if choice.chosen:
                return stage, choice.chosen
        return None

    def _who_may_not_ring(self) -> dict[int, SkipReason]:
        """Return who is disabled or blocked now, or whose whole group is: nobody waits for them."""
        ids = [member.id for member in self.hunt.awaited()]
        try:
            reasons = self.deps.database.run(lambda s: member_status.may_not_ring(s, ids), deadline=self._deadline)
        except DatabaseError:
            return {}
        for member_id, reason in reasons.items():
            self.hunt.skipped(self.hunt.group.member(member_id), reason)
        return reasons

    def _join(self) -> None:
        group, awaited, kept = self.hunt.group, self.hunt.awaited(), self.hunt.kept()
        keys = frozenset((group.domain, member.extension) for member in kept)
        others = frozenset((group.domain, member.extension) for member in awaited if member not in kept)
        if self.hunt.state is not State.WAITING:
            self.hunt.move(Event.WAITS)
        self.deps.queue.join(self._queued, keys, others)
        if keys != self._said or self._queued.known_in != self.deps.queue.age:
            self._deadline.extend(self.deps.settings.database_timeout)
            self._join_in_database(kept)
        self._said = keys

    def _join_in_database(self, kept: Sequence[Member]) -> None:
        age = self.deps.queue.age
        extensions = [member.extension for member in kept]
        try:
            join = partial(
                queue.join,
                hunt_id=self.hunt.id,
                extensions=extensions,
                domain=self.hunt.group.domain,
                group_id=self.hunt.group.id,
                call_uuid=self.hunt.call_uuid,
                run_id=self.deps.run_id,
                ticket=self._queued.ticket,
                at=self.deps.now(),
                now=self.deps.claims.now(),
                lease_seconds=place_seconds(self.deps.settings.lease_seconds),
            )
            ticket = self.deps.database.run(join, write=True, deadline=self._deadline)
            self.deps.queue.give_ticket(self._queued, ticket)
            self._queued.known_in = age
        except DatabaseError as error:
            if not self._told:
                self.call_log.note(f"waits in the line of this daemon only: {error}")
        if not self._told:
            self.call_log.waits(self._in_line(extensions))
        self._told = True

    def _in_line(self, extensions: Sequence[str]) -> int:
        """How many wait for these members, with all daemons as far as the database tells, this caller with them."""
        domain = self.hunt.group.domain
        here = self.deps.queue.count([(domain, extension) for extension in extensions])
        try:
            everywhere = self.deps.database.run(lambda s: queue.count(s, domain, extensions), deadline=self._deadline)
            return max(here, everywhere)
        except DatabaseError:
            return here

    def _leave_line(self, *, kept: bool = False) -> None:
        """Leave the line, here and, unless the ticket is ``kept`` or a claim has given it up, in the database."""
        self.deps.queue.leave(self._queued)
        if self._said and not kept:
            self.deps.outbox.put(QueueLeft(hunt_id=self.hunt.id))
            self.deps.outbox.hurry()
        self._said, self._queued.known_in = frozenset(), 0

    def _pause(self) -> None:
        """Wait for a sign that somebody is free, the caller's end, or the time of the next try."""
        self._music.start()
        now = self.deps.monotonic()
        in_wrap_up = self.deps.wrap_ups.next_end([m.id for m in self.hunt.awaited()], self.hunt.group.wrap_up_seconds)
        again = [at for at in (*self._not_before.values(), *in_wrap_up) if at > now]
        next_try = min([self._until, now + LONGEST_PAUSE_SECONDS, self._music.next_start, *again])
        event = self.session.next_event(next_try, wakeable=True)
        self.session.check_caller()
        if event is not None:
            self._music.on_event(event.event)
