"""What becomes of the next caller if nobody picks up: who rings when, who is skipped and why, and where it ends.

Made by the parts that decide a hunt: the policy, availability, the ring times and the destinations. It holds for one
moment: whoever takes a call or blocks meanwhile changes it. The daemon's clock counts from the moment a phone rings,
so each stage may take some seconds of set-up more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fshunt.errors import BadValue
from fshunt.hunting.availability import MemberStatus, SkipReason, skip_reason
from fshunt.hunting.destinations import Destination
from fshunt.hunting.group import MAX_WAIT_SECONDS, Group, Member
from fshunt.hunting.hours import Closed
from fshunt.hunting.hunt import Case, Hunt, Stage
from fshunt.hunting.policies import policy_named
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.states import Outcome

_IN_ORDER = "regular"


@dataclass(frozen=True, slots=True)
class ForecastSkip:
    """A member who would be skipped, and why."""

    member: Member
    reason: SkipReason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ForecastStage:
    """Who would ring together for ``ring_seconds``, so many seconds after the hunt began, and who would be skipped."""

    cycle: int
    number: int
    starts_after: float
    ring_seconds: float
    rings: tuple[Member, ...] = ()
    skipped: tuple[ForecastSkip, ...] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """The way of the next caller, where nobody picks up.

    ``drawn``: the order is drawn for each call, and the stages are in the order of the weights. ``waits``: the caller
    joins the call queue after the last stage. ``latest_seconds``: after so long the caller is at ``destination``.
    """

    stages: tuple[ForecastStage, ...]
    drawn: bool
    waits: bool
    latest_seconds: float
    case: Case
    destination: Destination
    closed: Closed | None = None
    """What has closed the group: then nobody rings."""

    @property
    def rings(self) -> list[ForecastStage]:
        """The stages in which a phone rings."""
        return [stage for stage in self.stages if stage.rings]


@dataclass(slots=True)
class _Rehearsal:
    """A hunt in which no phone is picked up."""

    hunt: Hunt
    statuses: Mapping[int, MemberStatus]
    now: datetime
    seconds_per_ring: float
    seconds: float = 0.0
    """How long it has taken until now."""
    stages: list[ForecastStage] = field(default_factory=list)

    def run(self) -> None:
        """Go through all stages for which there is time."""
        for stage in self.hunt.stages():
            if self.seconds >= self.gives_up_after:
                return
            made = self._stage(stage)
            self.stages.append(made)
            self.seconds += made.ring_seconds

    @property
    def gives_up_after(self) -> float:
        """After how many seconds the group has the hunt give up."""
        timeout = self.hunt.group.hunt_timeout
        return float("inf") if timeout is None else timeout

    def _stage(self, stage: Stage) -> ForecastStage:
        skipped = tuple(self._skips(stage))
        passed = {each.member.id for each in skipped}
        rings = tuple(member for member in stage.members if member.id not in passed)
        for member in rings:
            self.hunt.ended(member, Outcome.NO_ANSWER)
        longest = max((self._ring_seconds(member) for member in rings), default=0.0)
        left = self.gives_up_after - self.seconds
        return ForecastStage(stage.cycle, stage.number, self.seconds, min(longest, left), rings, skipped)

    def _skips(self, stage: Stage) -> Iterator[ForecastSkip]:
        group, then = self.hunt.group, self.now + timedelta(seconds=self.seconds)
        for member in stage.members:
            status = self.statuses.get(member.id, MemberStatus.of(member, then))
            reason = skip_reason(
                status, call_waiting=group.call_waiting, wrap_up_seconds=group.wrap_up_seconds, now=then
            )
            if reason is not None:
                self.hunt.saw(member, status)
                self.hunt.skipped(member, reason)
                yield ForecastSkip(member, reason, self.hunt.detail(member, reason))

    def _ring_seconds(self, member: Member) -> float:
        return (member.ring_time or self.hunt.group.ring_time).in_seconds(self.seconds_per_ring)


def forecast(
    group: Group,
    policy_input: PolicyInput,
    statuses: Mapping[int, MemberStatus],
    now: datetime,
    *,
    seconds_per_ring: float,
    wait_for_phone_seconds: float = 0.0,
) -> Forecast:
    """Return the way of the next caller; ``statuses`` is what is known of the members, by their ids.

    ``wait_for_phone_seconds``: so long the caller waits for a phone where no member has one.
    """
    drawn = policy_named(group.policy).drawn
    order = _by_weight(policy_input) if drawn else policy_input
    rehearsal = _Rehearsal(Hunt("", "", group, order, closed=_closed(group, now)), statuses, now, seconds_per_ring)
    if _no_phone(rehearsal.hunt, statuses, now):
        rehearsal.seconds = min(wait_for_phone_seconds, rehearsal.gives_up_after)
    rehearsal.run()
    hunt, latest = rehearsal.hunt, rehearsal.seconds
    waits = hunt.waits() and latest < rehearsal.gives_up_after
    if waits:
        latest = latest + MAX_WAIT_SECONDS if group.hunt_timeout is None else group.hunt_timeout
    return Forecast(tuple(rehearsal.stages), drawn, waits, latest, hunt.case(), hunt.destination(), hunt.closed)


def _closed(group: Group, now: datetime) -> Closed | None:
    """What has closed the group; nothing does where its time zone does not exist."""
    try:
        return group.closed_at(now)
    except BadValue:
        return None


def _by_weight(policy_input: PolicyInput) -> PolicyInput:
    """The members in order of their weights, as they would most likely ring; weight 0 last."""
    members = sorted(policy_input.members, key=lambda member: -member.weight)
    return replace(policy_input, policy=_IN_ORDER, members=tuple(members))


def _no_phone(hunt: Hunt, statuses: Mapping[int, MemberStatus], now: datetime) -> bool:
    """Whether no member who may ring has a phone that can be dialled."""
    may_ring = [statuses[member.id] for member in hunt.may_ring(now) if member.id in statuses]
    return bool(may_ring) and all(each.registered is False or each.undialable is not None for each in may_ring)
