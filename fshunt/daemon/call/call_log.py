"""What is written of one hunt, in the order in which it happens: rows, and a log line each (design, section 6)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import uuid4

import gevent

from fshunt.daemon.call.call_lines import CallLines, called, ended_words, towards
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.selection import without_phone
from fshunt.daemon.data.events import (
    CallAnswered,
    CallClosed,
    CallInPlace,
    CallLeaving,
    CallOpened,
    CallWaited,
    DeliveryFailed,
    MemberAnswered,
    MemberSkipped,
    OfferEnded,
    OfferRefused,
    OfferStarted,
    TalkEnded,
    UnrungCallRemoved,
)
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import auto_block
from fshunt.errors import DatabaseError
from fshunt.freeswitch.offers import Offer
from fshunt.hunting.availability import SkipReason, words_of
from fshunt.hunting.destinations import Destination
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.policies import POLICIES, Remembers, decide
from fshunt.hunting.states import Outcome, Result
from fshunt.log_events import LogEvent

log = logging.getLogger("fshunt.call")


@dataclass(slots=True)
class CallLog:
    """The rows and log lines of one hunt, and what else must know of it."""

    deps: Dependencies
    caller: Caller
    hunt_id: str = field(default_factory=lambda: uuid4().hex)
    is_closed: bool = False
    _hunt: Hunt | None = None
    _opened: bool = False
    _in_place: bool = False
    _answered_by: Member | None = None
    _answered_at: float = 0.0
    _waited_seconds: float | None = None
    _offers: dict[str, tuple[Offer, bool]] = field(default_factory=dict)
    """The offers by id, and whether each rings for the whole time that is set."""
    _lines: CallLines = field(init=False)

    def __post_init__(self) -> None:
        self._lines = CallLines(self.caller)

    def opened(self, hunt: Hunt, in_place_of: str | None = None) -> None:
        """The order of the hunt is decided; ``in_place_of`` says in the place of which caller it is, if of any."""
        group, self._hunt = hunt.group, hunt
        self._lines.is_of(group)
        self._open(group.domain, group, hunt)
        if in_place_of is not None:
            self._in_place = True
            self.deps.outbox.put(CallInPlace(hunt_id=self.hunt_id, reason=in_place_of))
        stages = (" & ".join(group.member(i).extension for i in stage) for stage in decide(hunt.policy_input))
        order = ", ".join(stages)
        words = "from %s to %s: %s, order %s"
        self._lines.write(
            LogEvent.CALL_ARRIVED, words, self.caller.number, called(group), group.policy, order or "no members"
        )
        if hunt.closed is not None:
            self._lines.write(LogEvent.GROUP_CLOSED, "the group is closed, nobody rings: %s", hunt.closed)
        not_seen = self.deps.monitor.why_not()
        if not_seen is not None and self.deps.monitor.configured:  # where none is, the start has said so
            self._lines.write(LogEvent.CALL_WARNING, "busy members unknown: %s", not_seen)

    def skipped(self, stage: Stage, member: Member, reason: SkipReason) -> None:
        """A member was skipped."""
        detail = self._hunt.detail(member, reason) if self._hunt is not None else None
        skipped = MemberSkipped(
            skip_id=uuid4().hex,
            hunt_id=self.hunt_id,
            stage=stage.number,
            cycle=stage.cycle,
            position=member.position,
            extension=member.extension,
            reason=reason,
            at=self.deps.now(),
            detail=detail,
        )
        self.deps.outbox.put(skipped)
        words = ("%s skipped: %s", member.extension, words_of(reason, detail))
        self._lines.write(LogEvent.SKIPPED, *words, member=member.extension, outcome=reason)

    def offered(self, stage: Stage, offers: Sequence[Offer], group: Group) -> None:
        """The phones of members ring."""
        for offer in offers:
            member = group.member(offer.member_id)
            whole = (member.ring_time or group.ring_time).in_seconds(self.deps.settings.seconds_per_ring)
            self._offers[offer.id] = offer, offer.ring_seconds >= whole
            started = OfferStarted(
                offer_id=offer.id,
                hunt_id=self.hunt_id,
                stage=stage.number,
                cycle=stage.cycle,
                position=member.position,
                extension=member.extension,
                phones=len(offer.legs),
                ring_seconds=offer.ring_seconds,
                started_at=self.deps.now(),
            )
            self.deps.outbox.put(started)
            phones = "" if len(offer.legs) == 1 else f" at {len(offer.legs)} phones"
            words = "rings %s%s for %g s"
            self._lines.write(
                LogEvent.RINGING, words, member.extension, phones, offer.ring_seconds, member=member.extension
            )
        self.deps.outbox.hurry()  # before a phone rings: if we die now, the rows say for whom it rang

    def offer_ended(self, hunt: Hunt, offer: Offer, seconds: float) -> None:
        """The offer came to its outcome after some seconds; unless answered, others may ring the member again."""
        leg, outcome, at = offer.decisive(), offer.outcome or Outcome.SWITCH_LOST, self.deps.now()
        _, whole = self._offers.get(offer.id, (offer, False))
        rang_whole_time = whole and offer.rang_out
        ended = OfferEnded(
            offer_id=offer.id,
            hunt_id=self.hunt_id,
            ended_at=at,
            outcome=outcome,
            cause=leg.cause if leg else None,
            sip_code=leg.sip_code if leg else None,
            detail=offer.detail(),
            member_id=offer.member_id if self._is_counted(hunt.group, offer) else None,
            rang_whole_time=rang_whole_time,
            missing=tuple(self._without_phone(hunt, offer)) if rang_whole_time else (),
        )
        then = partial(self._offer_written, hunt.group, offer.extension, at) if rang_whole_time else None
        self.deps.outbox.put(ended, then)
        if outcome not in (Outcome.ANSWERED, Outcome.CALLER_GONE):  # whose hunt is over, and its claims with it
            self.deps.claims.release(hunt.id, hunt.call_uuid, [offer.extension])
        self.deps.metrics.offer_ended(outcome)
        detail = offer.detail()
        event = LogEvent.ANSWERED if outcome is Outcome.ANSWERED else LogEvent.NOT_ANSWERED
        words = ("%s %s after %.1f s%s", offer.extension, outcome, seconds, f": {detail}" if detail else "")
        self._lines.write(event, *words, member=offer.extension, outcome=outcome)

    def offer_refused(self, hunt: Hunt, offer: Offer) -> None:
        """The switch made no call to any phone of the member: there was no offer, and the skip says why."""
        self.deps.outbox.put(OfferRefused(offer_id=offer.id, hunt_id=self.hunt_id))
        self.deps.claims.release(hunt.id, hunt.call_uuid, [offer.extension])
        words = "%s not rung: FreeSWITCH takes no more calls now"
        self._lines.write(LogEvent.NOT_RUNG, words, offer.extension, member=offer.extension)

    def answered(self, group: Group, member: Member) -> None:
        """A member talks with the caller: stamp the member, and move the rotation pointer of a circular group."""
        at = self.deps.now()
        self._answered_at = self.deps.monotonic()
        self._answered_by = member
        moves = POLICIES[group.policy].remembers is Remembers.ANSWERER
        self.deps.outbox.put(CallAnswered(hunt_id=self.hunt_id, answered_by=member.extension, answered_at=at))
        answered = MemberAnswered(
            group_id=group.id, member_id=member.id, call_uuid=self.hunt_id, at=at, moves_answerer=moves
        )
        self.deps.outbox.put(answered)
        self.deps.outbox.hurry()
        self.deps.group_cache.answered(group.id, member.id)
        self.deps.group_cache.idle_since(group.id, member.id, at)

    def talk_ended(self, group: Group, member: Member) -> None:
        """The talk is over: the member is idle from now, and in wrap-up."""
        at = self.deps.now()
        self.deps.outbox.put(TalkEnded(member_id=member.id, at=at))
        self.deps.group_cache.idle_since(group.id, member.id, at)
        self.deps.wrap_ups.began(member.id)

    def waits(self, queued: int) -> None:
        """The caller waits for a busy member, as one of ``queued`` callers who wait for the same members."""
        words = "all members busy: queued until a member is free, callers in the queue: %d"
        self._lines.write(LogEvent.QUEUED, words, queued)

    def waited(self, seconds: float) -> None:
        """The caller has left the queue after so many seconds."""
        self._waited_seconds = seconds
        self._lines.write(LogEvent.LEFT_QUEUE, "waited %.1f s in the queue", seconds)

    def leaving(self, result: Result, case: str, destination: Destination) -> None:
        """The caller goes to a voicemail box, and outlives us there: if we die now, the rows say where."""
        self._lines.write(LogEvent.VOICEMAIL, "goes to%s (%s)", towards(destination), case, outcome=result)
        if result is Result.FAILED:
            self.failed(case, destination)
        else:
            leaving = CallLeaving(hunt_id=self.hunt_id, result=result, reason=case, destination=str(destination))
            self.deps.outbox.put(leaving)
        self.deps.outbox.hurry()

    def failed(self, reason: str, destination: Destination | None) -> None:
        """The place where the caller was to go was none: it counts more than the result that was expected there."""
        self.deps.outbox.put(DeliveryFailed(hunt_id=self.hunt_id, reason=reason, destination=str(destination or "")))

    def note(self, event: LogEvent, words: str, member: str | None = None) -> None:
        """Something that an administrator should know of this call."""
        self._lines.write(event, "%s", words, member=member)

    def detach(self, what: str) -> None:
        """The call continues without a session of ours; its record is closed when the monitor sees its end."""
        self.is_closed = True
        if self._waited_seconds is not None:
            self.deps.outbox.put(CallWaited(hunt_id=self.hunt_id, seconds=self._waited_seconds))
        self._lines.write(LogEvent.DETACHED, "continues without fshunt: %s", what)

    def closed(
        self,
        result: Result,
        reason: str | None = None,
        destination: Destination | None = None,
        end_seen: bool = True,
    ) -> None:
        """The hunt has its result, and no claim any more.

        A talk that continues without us keeps its claim for a while: the member is still on the phone.
        """
        if not self._opened:
            self._open(self.caller.asked_domain, None, None)
        closed = CallClosed(
            hunt_id=self.hunt_id,
            result=result,
            reason=reason,
            destination=str(destination) if destination else None,
            ended_at=self.deps.now(),
            end_seen=end_seen,
            waited_seconds=self._waited_seconds,
        )
        self.deps.outbox.put(closed)
        if self._in_place and result is Result.CALLBACK:
            self.deps.outbox.put(UnrungCallRemoved(hunt_id=self.hunt_id))
        if self._hunt is not None:  # else it never had a group, and so no claim
            self._give_up_claims(end_seen)
        self.is_closed = True
        self.deps.metrics.hunt_ended(result)
        by = None if self._answered_by is None else self._answered_by.extension
        words = ended_words(result, by, self.deps.monotonic() - self._answered_at, destination, reason)
        level = logging.WARNING if result is Result.FAILED else logging.INFO
        self._lines.write(LogEvent.ENDED, "%s", words, level=level, member=by, outcome=result)

    def _give_up_claims(self, end_seen: bool) -> None:
        if end_seen:
            self.deps.claims.release(self.hunt_id, self.caller.uuid)
        else:
            self.deps.claims.expire(self.hunt_id)

    def _is_counted(self, group: Group, offer: Offer) -> bool:
        """Whether auto-block is on, or a count of when it was is to begin anew."""
        return group.auto_block is not None or group.member(offer.member_id).unanswered_in_a_row > 0

    def _without_phone(self, hunt: Hunt, offer: Offer) -> list[str]:
        return [] if hunt.group.auto_block is None else without_phone(hunt, offer.extension, self.deps)

    def _offer_written(self, group: Group, extension: str, at: datetime) -> None:
        if group.auto_block is not None:
            gevent.spawn(self._report_auto_block, group, extension, at)

    def _report_auto_block(self, group: Group, extension: str, at: datetime) -> None:
        """Report that a member is auto-blocked if this offer, which ended at ``at``, was one too many."""
        try:
            blocked_at = self.deps.database.run(
                lambda s: auto_block.blocked_at(s, group.domain, extension), deadline=self.deps.database.deadline()
            )
        except DatabaseError as error:
            log.debug("auto-block of %s not read: %s", extension, error)
            return
        if blocked_at == at:
            words = "%s auto-blocked after %d unanswered call(s) in a row; `fshunt member unblock` lifts the block"
            self._lines.write(LogEvent.BLOCKED, words, extension, group.auto_block, member=extension)

    def _open(self, domain: str, group: Group | None, hunt: Hunt | None) -> None:
        self._opened = True
        opened = CallOpened(
            hunt_id=self.hunt_id,
            uuid=self.caller.uuid,
            domain=domain,
            pilot=self.caller.pilot,
            group_name=group.name if group else "",
            policy=group.policy if group else "",
            caller_number=self.caller.number,
            caller_name=self.caller.name,
            started_at=self.deps.now(),
            policy_input=hunt.policy_input.to_json() if hunt else None,
            node=self.deps.settings.node_name,
            run_id=self.deps.run_id,
        )
        self.deps.outbox.put(opened)
