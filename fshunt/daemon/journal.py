"""What is written of one hunt, in the order in which it happens: rows, and a log line each (design, section 6)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from fshunt.daemon.caller import Caller
from fshunt.daemon.recorder import Recorder
from fshunt.hunting.availability import WORDS, SkipReason
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.outcomes import Outcome, Result
from fshunt.hunting.policies import POLICIES, Remembers, decide
from fshunt.store import calls, hunts
from fshunt.switch.stage import Offer

log = logging.getLogger("fshunt.call")

_PREPOSITIONS = {DestinationKind.VOICEMAIL: " ", DestinationKind.TRANSFER: " to ", DestinationKind.HANGUP: " with "}


def utc_now() -> datetime:
    """The wall clock, for rows; never for timers."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Journal:
    """The rows and log lines of one hunt. ``owner`` is the node that writes them; ``now`` the wall clock."""

    recorder: Recorder
    owner: str
    caller: Caller
    now: Callable[[], datetime] = utc_now
    hunt_id: str = field(default_factory=lambda: uuid4().hex)
    is_closed: bool = False
    _opened: bool = False
    _answered_by: str = ""
    _answered_at: datetime = field(default_factory=utc_now)

    def opened(self, hunt: Hunt) -> None:
        """The order of the hunt is decided."""
        group = hunt.group
        self._open(group.domain, group, hunt)
        stages = (" & ".join(group.member(i).extension for i in stage) for stage in decide(hunt.facts))
        order = ", ".join(stages)
        self._log("from %s to %s: %s, order %s", self.caller.number, _called(group), group.policy, order or "of nobody")

    def skipped(self, stage: Stage, member: Member, reason: SkipReason) -> None:
        """A member was passed over."""
        self.recorder.put(
            calls.add_skip,
            uuid4().hex,
            call_id=self.hunt_id,
            stage=stage.number,
            cycle=stage.cycle,
            position=member.position,
            extension=member.extension,
            reason=reason,
            at=self.now(),
        )
        self._log("%s passed over: %s", member.extension, WORDS[reason])

    def offered(self, stage: Stage, offers: Sequence[Offer], group: Group) -> None:
        """Members are rung."""
        for offer in offers:
            member = group.member(offer.member_id)
            self.recorder.put(
                calls.add_offer,
                offer.id,
                call_id=self.hunt_id,
                stage=stage.number,
                cycle=stage.cycle,
                position=member.position,
                extension=member.extension,
                phones=len(offer.legs),
                ring_seconds=offer.ring_seconds,
                started_at=self.now(),
            )
            phones = "" if len(offer.legs) == 1 else f" at {len(offer.legs)} phones"
            self._log("rings %s%s for %g s", member.extension, phones, offer.ring_seconds)
        self.recorder.hurry()  # before a phone rings: if we die now, the rows say for whom it rang

    def offer_ended(self, offer: Offer, seconds: float) -> None:
        """The offer came to its outcome after some seconds; unless answered, others may ring the member again."""
        leg, outcome = offer.decisive(), offer.outcome or Outcome.SWITCH_LOST
        self.recorder.put(
            calls.end_offer,
            offer.id,
            ended_at=self.now(),
            outcome=outcome,
            cause=leg.cause if leg else None,
            sip_code=leg.sip_code if leg else None,
            detail=offer.detail(),
        )
        if outcome is not Outcome.ANSWERED:
            self.recorder.put(hunts.release, self.hunt_id, [offer.extension], taken_before=self.now())
        detail = offer.detail()
        self._log("%s %s after %.1f s%s", offer.extension, outcome, seconds, f": {detail}" if detail else "")

    def answered(self, group: Group, member: Member) -> None:
        """A member talks with the caller: stamp the member, and move the memory of a circular group."""
        at = self._answered_at = self.now()
        self._answered_by = member.extension
        self.recorder.put(calls.note_answered, self.hunt_id, answered_by=member.extension, answered_at=at)
        self.recorder.put(
            hunts.note_answer,
            group.id,
            member.id,
            call_uuid=self.caller.uuid,
            at=at,
            moves_answerer=POLICIES[group.policy].remembers is Remembers.ANSWERER,
        )
        self.recorder.hurry()

    def talk_ended(self, member: Member) -> None:
        """The talk is over: the member is idle from now."""
        self.recorder.put(hunts.note_end, member.id, at=self.now())

    def closed(
        self,
        result: Result,
        reason: str | None = None,
        destination: Destination | None = None,
        end_seen: bool = True,
    ) -> None:
        """The hunt has its result, and holds no member any more.

        A talk that goes on without us keeps its claim until the lease ends: the member is still on the phone.
        """
        if not self._opened:
            self._open(self.caller.asked_domain, None, None)
        self.recorder.put(
            calls.close_call,
            self.hunt_id,
            result=result,
            reason=reason,
            destination=str(destination) if destination else None,
            ended_at=self.now(),
            end_seen=end_seen,
        )
        if end_seen:
            self.recorder.put(hunts.release, self.hunt_id, None)
        self.is_closed = True
        words = [f"ended: {result}"]
        if self._answered_by:
            words.append(f" by {self._answered_by}, talked {(self.now() - self._answered_at).total_seconds():.0f} s")
        if destination is not None:
            words.append(f"{_PREPOSITIONS[destination.kind]}{destination.value}")
        if reason is not None:
            words.append(f" ({reason})")
        self._log("%s", "".join(words))

    def _open(self, domain: str, group: Group | None, hunt: Hunt | None) -> None:
        self._opened = True
        self.recorder.put(
            calls.open_call,
            self.hunt_id,
            uuid=self.caller.uuid,
            domain=domain,
            pilot=self.caller.pilot,
            group_name=group.name if group else "",
            policy=group.policy if group else "",
            caller_number=self.caller.number,
            caller_name=self.caller.name,
            started_at=self.now(),
            facts=hunt.facts.to_json() if hunt else None,
            owner=self.owner,
        )

    def _log(self, words: str, *values: object) -> None:
        log.info("call %s: " + words, self.caller.uuid, *values)


def _called(group: Group) -> str:
    return f"{group.pilot}@{group.domain}" + (f" ({group.name})" if group.name else "")
