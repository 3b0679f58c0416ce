"""Calls that continue without a session of ours, and whose records are closed when they end.

An answered call outlives the daemon that hunted for it (invariant I6). The next run of that daemon, or another daemon
on the same database, takes the open record over: its monitor sees when the talk is over. A call that no switch knows
any more is closed, and the record says that its end was not seen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from fshunt.daemon.cluster.claims import Claims
from fshunt.daemon.data.events import (
    CallAnswered,
    CallFinished,
    MemberAnswered,
    OfferEnded,
    TalkEnded,
    UnfinishedCallClosed,
)
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.switches.monitor import Monitor
from fshunt.db.queries import calls
from fshunt.db.queries.takeover import OpenOffer, UnfinishedCall
from fshunt.freeswitch.leg_uuids import offer_of
from fshunt.freeswitch.phones import Change
from fshunt.hunting.policies import POLICIES, Remembers
from fshunt.hunting.states import Outcome, Result
from fshunt.log_events import LogEvent, about

log = logging.getLogger("fshunt.call")

CUT_OFF_SECONDS = 60.0
"""After so long without its switch a call is closed, its end not seen: longer than a switch takes to start again."""

LiveLeg = tuple[str, OpenOffer]
"""A channel that lives, and the offer that it is of."""


@dataclass(frozen=True, slots=True)
class DetachedCall:
    """A call that is watched to its end: the caller's channel, and the leg of the member who talks, if it is known.

    ``rings``: phones of it still ring, and it is to be seen who picks up; None for a call that has its result.
    """

    hunt_id: str
    uuid: str
    result: Result
    member_id: int | None = None
    member: str = ""
    leg: str | None = None
    rings: UnfinishedCall | None = None
    seen_at: float = 0.0
    """When it was last known to live, in seconds of the monotonic clock."""

    @property
    def marks(self) -> frozenset[str]:
        """What an event of it can be known by: its channels, and the offers that the legs which ring are of."""
        offers = () if self.rings is None else (offer.id for offer in self.rings.offers)
        return frozenset({self.uuid, self.leg or self.uuid, *offers})


class DetachedCalls:
    """The calls that are watched, found by their channels.

    A switch tells of hundreds of events a second, and after a restart hundreds of calls may be watched: to look at each
    call at each event would keep the daemon from everything else.
    """

    def __init__(self) -> None:
        self._calls: dict[str, DetachedCall] = {}
        self._by_mark: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[DetachedCall]:
        """All, as they are now: who goes through them may drop some."""
        return iter(list(self._calls.values()))

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts of all."""
        return list(self._calls)

    def put(self, call: DetachedCall) -> None:
        """Watch a call, or note what is new of it."""
        before = self._calls.get(call.hunt_id)
        if before is None or before.marks != call.marks:
            self.drop(call.hunt_id)
            for mark in call.marks:
                self._by_mark.setdefault(mark, set()).add(call.hunt_id)
        self._calls[call.hunt_id] = call

    def drop(self, hunt_id: str) -> None:
        """Watch a call no more."""
        call = self._calls.pop(hunt_id, None)
        for mark in () if call is None else call.marks:
            self._by_mark[mark].discard(hunt_id)
            if not self._by_mark[mark]:
                del self._by_mark[mark]

    def having(self, channels: Iterable[str]) -> list[DetachedCall]:
        """Return the calls that have one of these channels, each once."""
        marks = (mark for channel in channels for mark in (channel, offer_of(channel)))
        found = {hunt_id for mark in marks for hunt_id in self._by_mark.get(mark, ())}
        return [self._calls[hunt_id] for hunt_id in sorted(found)]


class Takeover:
    """Keeps the calls that are watched, and closes their records.

    ``on_closed`` is told of each record that is closed here, which is where its hunt counts.
    """

    def __init__(
        self,
        monitor: Monitor,
        outbox: Outbox,
        claims: Claims,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        on_closed: Callable[[Result], object] = lambda _result: None,
    ) -> None:
        self._monitor, self._outbox, self._claims, self._now = monitor, outbox, claims, now
        self._monotonic = monotonic
        self._on_closed = on_closed
        self._calls = DetachedCalls()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts that are watched: their claims are still needed."""
        return self._calls.hunt_ids

    @property
    def can_watch(self) -> bool:
        """Whether there is anybody to see the end of a call."""
        return self._monitor.configured

    @property
    def closing(self) -> list[str]:
        """The hunts whose end is not written yet: nobody has left them, whatever their records say."""
        return self._outbox.hunts_ending

    @property
    def can_take_over(self) -> bool:
        """Whether the database knows all that an earlier run of this daemon has seen of its calls."""
        return not self._outbox.catches_up

    def watch(self, call: DetachedCall) -> None:
        """Watch a call to its end."""
        call = replace(call, seen_at=self._monotonic())
        self._calls.put(call)
        log.info(
            "call %s: continues; watching it until it ends", call.uuid, extra=about(LogEvent.TAKEN_OVER, call=call.uuid)
        )
        self._review(call)

    def take_over(self, left: Iterable[UnfinishedCall]) -> None:
        """Watch, or close, the calls that daemons which are gone have left open.

        One that is not understood is closed: whoever has it next would not understand it either.
        """
        for unfinished in left:
            try:
                detached = self._as_detached(unfinished) if self.can_watch else None
            except Exception:  # the database has the call as ours: unless it is closed here, its record stays open
                extra = about(LogEvent.INTERNAL_ERROR, call=unfinished.uuid)
                log.exception("call %s: internal error; call record closed", unfinished.uuid, extra=extra)
                detached = None
            if detached is not None:
                self.watch(detached)
            else:
                self._close(unfinished)

    def changed(self, change: Change) -> None:
        """Look at an event of a switch: somebody may have picked up, or a call that is watched may have ended."""
        for call in self._calls.having((*change.channels, *change.ended)):
            if call.rings is not None:
                self._look_who_answers(call, call.rings)
            elif call.uuid in change.ended or call.leg in change.ended:
                self._finish(call, end_seen=True)

    def review(self) -> None:
        """A switch told its whole state: calls that are not in it have ended unseen."""
        for call in self._calls:
            self._review(call)

    def look_who_lives(self) -> None:
        """At each heartbeat: give a call up whose switch is cut off for too long.

        It may be gone for good, and its members elsewhere.
        """
        for call in self._calls:
            if self._monitor.has_channel(call.uuid):
                self._calls.put(replace(call, seen_at=self._monotonic()))
            elif self._monotonic() - call.seen_at > CUT_OFF_SECONDS:
                self._give_up(call)

    def _review(self, call: DetachedCall) -> None:
        if call.rings is not None:
            self._look_who_answers(call, call.rings)
        elif self._monitor.has_channel(call.uuid) is False:
            self._finish(call, end_seen=False)

    def _give_up(self, call: DetachedCall) -> None:
        if call.rings is not None:
            self._calls.drop(call.hunt_id)
            self._close(call.rings)
        else:
            self._finish(call, end_seen=False)

    def _as_detached(self, unfinished: UnfinishedCall) -> DetachedCall | None:
        """Return what there is to watch; None for a hunt whose phones do not ring any more, as every switch says."""
        legs = self._legs(unfinished)
        answered = self._who_answered(unfinished, legs)
        if unfinished.result is not None:
            if unfinished.result not in set(Result):
                extra = about(LogEvent.CALL_WARNING, call=unfinished.uuid)
                log.warning(
                    "call %s: unknown result in its record: %s", unfinished.uuid, unfinished.result, extra=extra
                )
                return None
            leg, member = answered[0] if answered else None, unfinished.answered_by or ""
            return DetachedCall(
                unfinished.hunt_id, unfinished.uuid, Result(unfinished.result), unfinished.member_id, member, leg
            )
        if answered is not None:
            # The daemon died between the answer and its record: the switch still knows who talks.
            return self._answered(unfinished, *answered)
        if not legs and self._monitor.watched:
            return None
        return DetachedCall(unfinished.hunt_id, unfinished.uuid, Result.FAILED, rings=unfinished)

    def _look_who_answers(self, call: DetachedCall, unfinished: UnfinishedCall) -> None:
        legs = self._legs(unfinished)
        answered = self._who_answered(unfinished, legs)
        if answered is not None:
            self._calls.put(replace(self._answered(unfinished, *answered), seen_at=call.seen_at))
        elif not legs and self._monitor.watched:
            self._calls.drop(call.hunt_id)
            self._close(unfinished)

    def _who_answered(self, unfinished: UnfinishedCall, legs: list[LiveLeg]) -> LiveLeg | None:
        """Return the leg that has the call: it was picked up, and the caller answered.

        A phone that was picked up, and has not confirmed, does not answer the caller.
        """
        if not self._monitor.is_answered(unfinished.uuid):
            return None
        return next((each for each in legs if self._monitor.is_answered(each[0])), None)

    def _legs(self, unfinished: UnfinishedCall) -> list[LiveLeg]:
        """Return the legs that live of a call whose caller is there, each with its offer."""
        if not self._monitor.has_channel(unfinished.uuid):
            return []
        return [(leg, offer) for offer in unfinished.offers for leg in self._monitor.legs_of(offer.id, offer.phones)]

    def _answered(self, unfinished: UnfinishedCall, leg: str, offer: OpenOffer) -> DetachedCall:
        at = self._now()
        hunt_id = unfinished.hunt_id
        self._outbox.put(CallAnswered(hunt_id=hunt_id, answered_by=offer.extension, answered_at=at))
        ended = OfferEnded(
            offer_id=offer.id, hunt_id=hunt_id, ended_at=at, outcome=Outcome.ANSWERED, member_id=offer.member_id
        )
        self._outbox.put(ended)
        if unfinished.group_id is not None and offer.member_id is not None:
            moves = unfinished.policy in POLICIES and POLICIES[unfinished.policy].remembers is Remembers.ANSWERER
            answered = MemberAnswered(
                group_id=unfinished.group_id,
                member_id=offer.member_id,
                call_uuid=hunt_id,
                at=at,
                moves_answerer=moves,
            )
            self._outbox.put(answered)
        losers = [each for each in unfinished.offers if each.outcome is None and each.id != offer.id]
        for each in losers:
            self._outbox.put(
                OfferEnded(offer_id=each.id, hunt_id=hunt_id, ended_at=at, outcome=Outcome.ANSWERED_ELSEWHERE)
            )
        if losers:
            self._claims.release(unfinished.hunt_id, unfinished.uuid, [each.extension for each in losers], foreign=True)
        extra = about(LogEvent.ANSWERED, call=unfinished.uuid, member=offer.extension, outcome=Outcome.ANSWERED)
        log.info("call %s: answered by %s while no daemon watched", unfinished.uuid, offer.extension, extra=extra)
        return DetachedCall(unfinished.hunt_id, unfinished.uuid, Result.ANSWERED, offer.member_id, offer.extension, leg)

    def _close(self, unfinished: UnfinishedCall) -> None:
        self._outbox.put(UnfinishedCallClosed(hunt_id=unfinished.hunt_id, ended_at=self._now()))
        if unfinished.result is not None:
            self._claims.expire(unfinished.hunt_id, foreign=True)
        result = unfinished.result or (Result.CALLBACK if unfinished.in_place else Result.FAILED)
        with suppress(ValueError):  # of a daemon that knows results which we do not
            self._on_closed(Result(result))
        extra = about(LogEvent.ENDED, call=unfinished.uuid, outcome=result)
        log.warning("call %s: left unfinished by a dead daemon; call record closed", unfinished.uuid, extra=extra)

    def _finish(self, call: DetachedCall, *, end_seen: bool) -> None:
        self._calls.drop(call.hunt_id)
        at, reason = self._now(), None if end_seen else calls.END_NOT_SEEN
        failed = call.result is Result.FAILED
        if failed:  # nobody picked up the phones that a dead daemon had ringing
            reason = calls.DAEMON_STOPPED
        if call.member_id is not None:
            self._outbox.put(TalkEnded(member_id=call.member_id, at=at))
        finished = CallFinished(hunt_id=call.hunt_id, result=call.result, reason=reason, ended_at=at, end_seen=end_seen)
        self._outbox.put(finished)
        self._on_closed(call.result)
        self._claims.release(call.hunt_id, call.uuid)
        words = "its end was seen" if end_seen else "no switch lists it any more"
        by = f" by {call.member}" if call.member else ""
        level = logging.WARNING if failed else logging.INFO
        extra = about(LogEvent.ENDED, call=call.uuid, member=call.member, outcome=call.result)
        log.log(level, "call %s: ended: %s%s (%s)", call.uuid, call.result, by, words, extra=extra)
