"""A caller who waits for a busy member, first come first served (``when_busy = wait``; design, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from fshunt.daemon.call.call_log import Journal
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.finish import Stopped
from fshunt.daemon.call.selection import Chosen, choose
from fshunt.daemon.call.setup import HoldMusic
from fshunt.daemon.cluster.heartbeat import place_seconds
from fshunt.daemon.cluster.queue import Key, Waiter
from fshunt.daemon.data.database import Patience
from fshunt.daemon.deps import Services
from fshunt.db.queries import member_status as standing
from fshunt.db.queries import queue as waiting
from fshunt.errors import StoreError
from fshunt.esl.session import Session
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import MAX_WAIT_SECONDS, Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.states import Event, Outcome, State

LONGEST_PAUSE_SECONDS = 2.0
"""Between two tries, should nobody have said that a member is free: a notice may be lost."""

BUSY_AGAIN_SECONDS = 5.0
"""A phone that answered "busy" is left alone so long, whatever is known of it: it knows best."""


class Waiting(AbstractContextManager["Waiting"]):
    """One caller's wait, from the end of the stages to the end of the time (``deadline``, of the monotonic clock)."""

    def __init__(
        self, session: Session, hunt: Hunt, caller: Caller, services: Services, journal: Journal, deadline: float
    ) -> None:
        self.session, self.hunt, self.services, self.journal = session, hunt, services, journal
        clock = services.monotonic
        self._began = clock()
        self._until = min(deadline, self._began + MAX_WAIT_SECONDS)
        self._music = HoldMusic(session, hunt.group, caller)
        self._waiter = Waiter(hunt.id, hunt.group.id, session.wake)
        self._patience = Patience(services.database, services.settings.database_timeout, clock)
        self._said: frozenset[Key] = frozenset()
        self._told = False
        self._turn = 0
        self._not_before: dict[int, float] = {}
        self.spare_the_busy()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the line at once; but when the daemon stops, the place stays for a moment: it goes with the call."""
        self._leave_line(kept=kind is Stopped)
        self.journal.waited(self.services.monotonic() - self._began)

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self

    def until_free(self) -> tuple[Stage, list[Chosen]] | None:
        """Wait until members are free, and return them, claimed; None when there is nobody, or no time, to wait for.

        Raises CallerGone, CallerTaken.
        """
        while self.hunt.waits() and self.services.monotonic() < self._until:
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
        now = self.services.monotonic()
        for member_id, end in self.hunt.last_end.items():
            if end is Outcome.BUSY and self._not_before.get(member_id, 0.0) <= now:
                self._not_before[member_id] = now + BUSY_AGAIN_SECONDS

    def _try(self) -> tuple[Stage, list[Chosen]] | None:
        self._turn += 1
        self._patience.allow(self.services.settings.database_timeout)
        not_now = self._who_may_not_ring()
        for stage in self.hunt.stages_of_awaited(self._turn):
            now = self.services.monotonic()
            members = [m for m in stage.members if m.id not in not_now and self._not_before.get(m.id, 0.0) <= now]
            if not members:
                continue
            choice = choose(self.session, self.hunt, members, self.services, self._patience, self._waiter)
            for member, reason in choice.skipped:
                if self.hunt.skipped(member, reason):
                    self.journal.skipped(stage, member, reason)
            if choice.chosen:
                return stage, choice.chosen
        return None

    def _who_may_not_ring(self) -> dict[int, SkipReason]:
        """Return who is disabled or blocked now, or whose whole group is: nobody waits for them."""
        try:
            reasons = self._patience.read(standing.may_not_ring, [member.id for member in self.hunt.awaited()])
        except StoreError:
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
        self.services.line.join(self._waiter, keys, others)
        if keys != self._said or self._waiter.known_in != self.services.line.age:
            self._patience.allow(self.services.settings.database_timeout)
            self._join_in_database(kept)
        self._said = keys

    def _join_in_database(self, kept: Sequence[Member]) -> None:
        age = self.services.line.age
        try:
            place = self._patience.write(
                waiting.join,
                self.hunt.id,
                [member.extension for member in kept],
                domain=self.hunt.group.domain,
                group_id=self.hunt.group.id,
                call_uuid=self.hunt.call_uuid,
                owner=self.services.run,
                place=self._waiter.place,
                at=self.services.now(),
                now=self.services.claims.now(),
                lease_seconds=place_seconds(self.services.settings.lease_seconds),
            )
            self.services.line.give_place(self._waiter, place)
            self._waiter.known_in = age
        except StoreError as error:
            if not self._told:
                self.journal.note(f"waits in the line of this daemon only: {error}")
        if not self._told:
            self.journal.waits(self._in_line([member.extension for member in kept]))
        self._told = True

    def _in_line(self, extensions: Sequence[str]) -> int:
        """How many wait for these members, with all daemons as far as the database tells, this caller with them."""
        domain = self.hunt.group.domain
        here = self.services.line.count([(domain, extension) for extension in extensions])
        try:
            return max(here, self._patience.read(waiting.count, domain, extensions))
        except StoreError:
            return here

    def _leave_line(self, *, kept: bool = False) -> None:
        """Leave the line, here and, unless the place is ``kept`` or a claim has given it up, in the database."""
        self.services.line.leave(self._waiter)
        if self._said and not kept:
            self.services.recorder.put(waiting.leave, self.hunt.id)
            self.services.recorder.hurry()
        self._said, self._waiter.known_in = frozenset(), 0

    def _pause(self) -> None:
        """Wait for a sign that somebody is free, the caller's end, or the time of the next try."""
        self._music.start()
        now = self.services.monotonic()
        resting = self.services.rests.next_end([m.id for m in self.hunt.awaited()], self.hunt.group.rest_seconds)
        again = [at for at in (*self._not_before.values(), *resting) if at > now]
        next_try = min([self._until, now + LONGEST_PAUSE_SECONDS, self._music.next_start, *again])
        event = self.session.next_event(next_try, wakeable=True)
        self.session.check_caller()
        if event is not None:
            self._music.on_event(event.event)
