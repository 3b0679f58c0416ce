"""A caller who waits for a busy member, first come first served (``when_busy = queue``; design, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Self

import gevent

from fshunt.daemon.call.call_log import CallLog
from fshunt.daemon.call.callback_request import CallbackOffer
from fshunt.daemon.call.finish import Stopped
from fshunt.daemon.call.music import HoldMusic
from fshunt.daemon.call.queue_announcements import QueueAnnouncements
from fshunt.daemon.call.queue_keys import QueueKeys
from fshunt.daemon.call.selection import Chosen, choose
from fshunt.daemon.call.waves import PAUSE_SECONDS
from fshunt.daemon.cluster.queue import MemberKey, QueuedCaller
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.events import QueueLeft
from fshunt.daemon.data.handovers import Place
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import member_status, queue
from fshunt.db.queries.queue import QueueFull
from fshunt.errors import DatabaseError
from fshunt.esl.session import CallerReplaced, Session
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import MAX_WAIT_SECONDS, Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.states import HuntEvent, HuntState, Outcome
from fshunt.log_events import LogEvent

LONGEST_PAUSE_SECONDS = 2.0
"""Between two attempts without a notice that a member is free: a notice may be lost."""

PLACE_KEPT_SECONDS = 2.0
"""Somebody who is put in the place of a queued caller comes within some 100 ms, or not at all; a call that is made in
the place of one who is to be called back, within a second and a half."""

BUSY_AGAIN_SECONDS = 5.0
"""A phone that answered "busy" is not tried again for so long, whatever the monitor says of it."""


class Queueing(AbstractContextManager["Queueing"]):
    """One caller in the call queue, from the end of the stages until ``gives_up_at`` (of the monotonic clock).

    ``begin`` is called once the caller is in the queue. It returns what they hear there, and whether they are answered.
    """

    def __init__(
        self,
        session: Session,
        hunt: Hunt,
        begin: Callable[[], tuple[HoldMusic, bool]],
        deps: Dependencies,
        call_log: CallLog,
        gives_up_at: float,
        place: Place,
        callback: CallbackOffer | None = None,
    ) -> None:
        self.session, self.hunt, self.deps, self.call_log = session, hunt, deps, call_log
        clock = deps.monotonic
        self._began = clock()
        self._until = min(gives_up_at, self._began + MAX_WAIT_SECONDS)
        self._begin = begin
        self._music: HoldMusic | None = None
        self._is_answered = False
        self._keys = QueueKeys(session, hunt, callback, clock)
        self._before, self._keeps_place = place, False
        self._queued = QueuedCaller(hunt.id, hunt.group.id, session.wake, place.number, place.ticket)
        self._deadline = Deadline(deps.settings.database_timeout, clock)
        self._entered: frozenset[MemberKey] = frozenset()
        self._has_joined = False
        """Whether the caller was in the queue: not if it was full."""
        self._attempt = 0
        self._not_before: dict[int, float] = {}
        self._announcements = QueueAnnouncements(session, hunt, deps, lambda: self._queued.ticket)
        self.spare_the_busy()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the queue at once; a daemon that stops keeps the ticket, with which the caller goes to another one."""
        self._before.leave()
        if kind is CallerReplaced or (kind is None and self.hunt.left_for_callback):
            self._keep_place()
        else:
            self._leave_queue(keep_ticket=kind is Stopped)
        if self._has_joined:
            self.call_log.waited(self.deps.monotonic() - self._began)

    @property
    def place(self) -> Place:
        """The place in the queue, for whoever is put in the place of the caller."""
        return Place(self._queued.ticket, self._queued.number, self._leave_place)

    def __enter__(self) -> Self:
        """Enter the queue."""
        return self

    def until_free(self) -> tuple[Stage, list[Chosen]] | None:
        """Wait until members are free, and return them, claimed; None when there is nobody, or no time, to wait for.

        Raises CallerGone, CallerTaken, CallerReplaced.
        """
        while self.hunt.waits() and self.deps.monotonic() < self._until:
            self._join()
            if self.hunt.queue_full:
                break
            music = self._begun()
            found = self._attempt_stages()
            if found is not None:
                self._leave_queue(keep_ticket=not self.hunt.group.call_waiting)
                self.hunt.move(HuntEvent.MEMBER_FREE)
                self._end_waiting(music)
                return found
            if not self.hunt.waits():
                break
            self._pause(music)
        if self._music is not None:
            self._end_waiting(self._music)
        return None

    def _begun(self) -> HoldMusic:
        """Have the caller wait: answered where the group says so, and heard where keys count."""
        if self._music is None:
            self._music, self._is_answered = self._begin()
        if self._is_answered:
            self._keys.listen()
        return self._music

    def _end_waiting(self, music: HoldMusic) -> None:
        """A phone rings, or the caller leaves: no sound, and no key, is of the queue any more."""
        music.stop()
        self._keys.stop()

    def spare_the_busy(self) -> None:
        """Do not try again at once the members whose phones have just answered "busy", or whom the switch refused."""
        now = self.deps.monotonic()
        pauses = {Outcome.BUSY: BUSY_AGAIN_SECONDS, SkipReason.SWITCH_LIMIT: PAUSE_SECONDS}
        for member_id, end in self.hunt.last_end.items():
            if end in pauses and self._not_before.get(member_id, 0.0) <= now:
                self._not_before[member_id] = now + pauses[end]

    def _attempt_stages(self) -> tuple[Stage, list[Chosen]] | None:
        self._attempt += 1
        self._deadline.extend(self.deps.settings.database_timeout)
        not_now = self._who_may_not_ring()
        for stage in self.hunt.queue_stages(self._attempt):
            now = self.deps.monotonic()
            members = [m for m in stage.members if m.id not in not_now and self._not_before.get(m.id, 0.0) <= now]
            if not members:
                continue
            choice = choose(self.session, self.hunt, members, self.deps, self._deadline, self._queued)
            for member, reason in choice.skipped:
                self.skip(stage, reason, member)
            for member in choice.later:
                self.skip(stage, SkipReason.SWITCH_LIMIT, member)
            if choice.chosen:
                return stage, choice.chosen
        return None

    def skip(self, stage: Stage, reason: SkipReason, member: Member) -> None:
        """Note that a member cannot be rung now, if that is news."""
        if self.hunt.skipped(member, reason):
            self.call_log.skipped(stage, member, reason)

    def _who_may_not_ring(self) -> dict[int, SkipReason]:
        """Return the members who are disabled or blocked now, or whose group is: no caller waits for them."""
        ids, now = [member.id for member in self.hunt.queued_for()], self.deps.wall()
        try:
            reasons = self.deps.database.run(lambda s: member_status.may_not_ring(s, ids, now), deadline=self._deadline)
        except DatabaseError:
            return {}
        for member_id, reason in reasons.items():
            self.hunt.skipped(self.hunt.group.member(member_id), reason)
        return reasons

    def _join(self) -> None:
        group, reserved = self.hunt.group, self.hunt.reserved()
        keys = frozenset((group.domain, member.extension) for member in reserved)
        others = frozenset(
            (group.domain, member.extension) for member in self.hunt.queued_for() if member not in reserved
        )
        if self.hunt.state is not HuntState.QUEUED:
            self.hunt.move(HuntEvent.QUEUED)
        self.deps.queue.join(self._queued, keys, others)
        if keys != self._entered or not self._queued.joined:
            self._deadline.extend(self.deps.settings.database_timeout)
            self._join_in_database(reserved)
        self._entered = keys
        self._before.leave()

    def _join_in_database(self, reserved: Sequence[Member]) -> None:
        extensions = [member.extension for member in reserved]
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
                limit=self._limit,
            )
            ticket = self.deps.database.run(join, write=True, deadline=self._deadline)
            self.deps.queue.give_ticket(self._queued, ticket)
        except QueueFull:
            self.hunt.finds_queue_full()
            return
        except DatabaseError as error:
            if self._limit is not None and self.deps.queue.length(self.hunt.group.id) > self._limit:
                self.hunt.finds_queue_full()
                return
            if not self._has_joined:
                self.call_log.note(LogEvent.QUEUED, f"queued at this daemon only: {error}")
        if not self._has_joined:
            self.call_log.waits(self._queue_length(extensions))
        self._has_joined = True

    @property
    def _limit(self) -> int | None:
        """How many may wait before this caller; whoever waits already, or has the place of such a one, stays."""
        return None if self._has_joined or self._queued.ticket is not None else self.hunt.group.queue_limit

    def _queue_length(self, extensions: Sequence[str]) -> int:
        """Count the callers who wait for these members, this one included, at all daemons the database knows of."""
        domain = self.hunt.group.domain
        here = self.deps.queue.count([(domain, extension) for extension in extensions])
        try:
            everywhere = self.deps.database.run(lambda s: queue.count(s, domain, extensions), deadline=self._deadline)
            return max(here, everywhere)
        except DatabaseError:
            return here

    def _keep_place(self) -> None:
        """Stay until somebody else has the place, so that nobody overtakes them on their way here."""
        self._keeps_place = True
        gevent.spawn_later(PLACE_KEPT_SECONDS, self._leave_place)
        if not self._entered:  # a phone was rung from the queue: the place was left for it
            group, reserved = self.hunt.group, self.hunt.reserved()
            self.deps.queue.join(self._queued, frozenset((group.domain, member.extension) for member in reserved))
            self._deadline.extend(self.deps.settings.database_timeout)
            self._join_in_database(reserved)

    def _leave_place(self) -> None:
        if not self._keeps_place:
            return
        self._keeps_place = False
        self.deps.queue.leave(self._queued)
        self.deps.outbox.put(QueueLeft(hunt_id=self.hunt.id))
        self.deps.outbox.hurry()

    def _leave_queue(self, *, keep_ticket: bool) -> None:
        """Leave the queue, here and, unless the ticket stays or a claim has removed it, in the database."""
        self.deps.queue.leave(self._queued)
        if self._entered and not keep_ticket:
            self.deps.outbox.put(QueueLeft(hunt_id=self.hunt.id))
            self.deps.outbox.hurry()
        self._entered = frozenset()

    def _pause(self, music: HoldMusic) -> None:
        """Wait for a notice that a member is free, a key, the end of the caller, or the time of the next attempt."""
        self._announce(music)
        music.start()
        now = self.deps.monotonic()
        in_wrap_up = self.deps.wrap_ups.next_end(
            [m.id for m in self.hunt.queued_for()], self.hunt.group.wrap_up_seconds
        )
        again = [at for at in (*self._not_before.values(), *in_wrap_up) if at > now]
        next_attempt = min([self._until, now + LONGEST_PAUSE_SECONDS, music.next_start, *again])
        if self._is_answered:
            next_attempt = min(next_attempt, self._announcements.next_at)
        event = self.session.next_event(next_attempt, wakeable=True)
        self.session.check_caller()
        if event is not None and music.on_event(event.event):
            self.call_log.note(LogEvent.QUEUED, "the announcement cannot be played: FreeSWITCH has no such files")
            self._announcements.stop()
        if event is not None and (sound := self._keys.on_event(event.event, self._queued.ticket)) is not None:
            music.announce(sound)

    def _announce(self, music: HoldMusic) -> None:
        if self._is_answered and self._announcements.is_due() and (sound := self._announcements.sound()) is not None:
            music.announce(sound)
