"""One hunt: its stages, the end of each offer or skip, and the caller's destination if nobody takes the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from fshunt.hunting.availability import AUTO_BLOCKED, DIRECTORY, IN_GROUP, MemberStatus, SkipReason
from fshunt.hunting.destinations import GROUP_BOX, Destination, DestinationKind
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.hours import Closed
from fshunt.hunting.loops import NO_OVERFLOWS, Overflows
from fshunt.hunting.policies import decide
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.states import HuntEvent, HuntState, Outcome, Result, after


class Case(StrEnum):
    """Why nobody took the call; each has a destination of its own (design, section 5)."""

    NO_ANSWER = "nobody answered"
    BUSY = "everybody busy"
    UNREACHABLE = "nobody reachable"
    CLOSED = "closed"
    """The group was closed when the caller arrived; nobody is rung."""
    BY_KEY = "left the queue by key"
    """The caller has pressed the key that leads from the call queue to voicemail."""
    LOOP = "loop"
    """The caller has overflowed into the group once too often; nobody is rung."""


_NOBODY_ANSWERED = {Outcome.NO_ANSWER, Outcome.DECLINED, Outcome.CONFIRM_REFUSED, SkipReason.DECLINED}
_BUSY = {Outcome.BUSY, SkipReason.ON_CALL, SkipReason.CLAIMED, SkipReason.WRAP_UP, SkipReason.SWITCH_LIMIT}
_HAD_THE_CALL = {
    Outcome.NO_ANSWER,
    Outcome.DECLINED,
    Outcome.CONFIRM_REFUSED,
    Outcome.UNREACHABLE,
}
"""A member with this outcome, or this skip reason, has had the call; a queued caller does not wait for that member.

A skip reason equals an outcome of the same name, so `declined` and `unreachable` here mean both. A caller does wait for
a member without a phone: the phone may register.
"""

_NOT_NOW = {
    *(SkipReason.DISABLED, SkipReason.BLOCKED),
    *(SkipReason.UNREGISTERED, SkipReason.NOT_DIALABLE, SkipReason.OTHER_SWITCH),
}

QUEUE_FULL = "queue full"

NO_BOX = Destination(DestinationKind.HANGUP, "NO_ANSWER")
"""The destination of a group that has no box at all: every path ends (design, section 5)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The members rung together at one time; ``cycle`` and ``number`` count from 1."""

    cycle: int
    number: int
    members: tuple[Member, ...]


def _say_nothing(_before: HuntState, _event: HuntEvent, _now: HuntState) -> None:
    return


@dataclass(slots=True)
class Hunt:
    """One hunt over an unchanging group. ``log`` gets each transition: state, event, state.

    ``id`` names the hunt in the records; ``call_uuid`` is the caller's channel. ``caller_ids`` identify the caller, as
    ``extension@domain`` in lower case: a member who calls is on a call.
    """

    id: str
    call_uuid: str
    group: Group
    policy_input: PolicyInput
    log: Callable[[HuntState, HuntEvent, HuntState], None] = _say_nothing
    state: HuntState = HuntState.SELECTING
    result: Result | None = None
    reason: str | None = None
    answered_by: Member | None = None
    last_outcome: dict[int, Outcome] = field(default_factory=dict)
    last_end: dict[int, Outcome | SkipReason] = field(default_factory=dict)
    """The latest end for each member: an outcome or a skip reason."""
    caller_ids: frozenset[str] = frozenset()
    caller_numbers: frozenset[str] = frozenset()
    """The numbers that the caller shows: an external member who calls is on a call, too."""
    overflows: Overflows = NO_OVERFLOWS
    """The groups that the caller has overflowed from until now."""
    closed: Closed | None = None
    """What had closed the group when the caller arrived."""
    left_by_key: bool = False
    """Whether the caller has left the call queue for the voicemail box."""
    left_for_callback: bool = False
    """Whether the caller has left the call queue to be called back."""
    queue_full: bool = False
    """Whether there was no room in the call queue (``queue_limit``)."""
    offer_ids: set[str] = field(default_factory=set)
    """The ids of all offers of this hunt."""
    _resumes_at: tuple[int, int] = (0, 0)
    _reached: tuple[int, int] = (0, 0)
    """Cycle and number of the latest stage."""
    _ends: set[Outcome | SkipReason] = field(default_factory=set)
    _talking: set[int] = field(default_factory=set)
    """Members who were on a call at the latest check."""
    _was_busy: set[int] = field(default_factory=set)
    """Members who had a phone and were busy at some time of this hunt."""
    _auto_blocked: set[int] = field(default_factory=set)
    _blocked_in_group: set[int] = field(default_factory=set)
    _do_not_disturb: set[int] = field(default_factory=set)
    _no_way: dict[int, str] = field(default_factory=dict)
    """Why no phone of a member could be dialled at the latest check, or the switch where it is."""

    def stages(self) -> Iterator[Stage]:
        """Yield the stages in the policy's order, cycle after cycle (invariant I7).

        A group that is disabled or closed has no stages; nor has one without members, or one that is entered once too
        often.
        """
        if self.rings_nobody:
            return
        plan = decide(self.policy_input)
        for cycle in range(1, self.group.cycles + 1):
            for number, ids in enumerate(plan, start=1):
                if (cycle, number) < self._resumes_at:
                    continue
                self._reached = (cycle, number)
                yield Stage(cycle, number, tuple(self.group.member(member_id) for member_id in ids))

    def for_another_caller(
        self,
        hunt_id: str,
        call_uuid: str,
        caller_ids: frozenset[str],
        caller_numbers: frozenset[str],
        log: Callable[[HuntState, HuntEvent, HuntState], None],
    ) -> Hunt:
        """Return the hunt as it goes on for another caller, from the stage that was reached; this one is over.

        The members who rang until now count as claimed by it: they ring next.
        """
        rang = {member for member, end in self.last_end.items() if end is Outcome.CALLER_GONE}
        return replace(
            self,
            id=hunt_id,
            call_uuid=call_uuid,
            caller_ids=caller_ids,
            caller_numbers=caller_numbers,
            log=log,
            state=HuntState.SELECTING,
            result=None,
            reason=None,
            last_end=self.last_end | dict.fromkeys(rang, SkipReason.CLAIMED),
            _resumes_at=self._reached,
        )

    def waits(self) -> bool:
        """Tell whether the caller waits for a member who is busy now (``when_busy``, design, section 4)."""
        if self.rings_nobody or self.group.when_busy is not WhenBusy.QUEUE:
            return False
        if self.left_by_key or self.left_for_callback or self.queue_full:
            return False
        return any(self._is_busy(member) for member in self.queued_for())

    @property
    def rings_nobody(self) -> bool:
        """Whether the caller goes to a destination at once, whoever is free."""
        return not self.group.enabled or self.closed is not None or self.is_loop()

    def is_loop(self) -> bool:
        """Tell whether the caller goes round from group to group, and so to the box of this one."""
        return self.overflows.is_loop(self.group.id)

    def is_caller(self, member: Member) -> bool:
        """Tell whether a member is the caller: who calls from the extension, or from the external member's number."""
        if member.address.external:
            return any(member.address.has_number(number) for number in self.caller_numbers)
        return member.address.at(self.group.domain).lower() in self.caller_ids

    def may_ring(self, now: datetime) -> tuple[Member, ...]:
        """Return the members who may be rung if they have a phone, as the group was read."""
        if self.rings_nobody:
            return ()
        return tuple(m for m in self.group.members if m.enabled and not m.at(now).blocked and not self.is_caller(m))

    def queued_for(self) -> tuple[Member, ...]:
        """Return the members for whom a queued caller waits, in order of position.

        They include members who are blocked or have no phone now: if that changes before a busy member is free, they
        ring first. They do not include the caller.
        """
        members = self.group.members
        return tuple(m for m in members if self.last_end.get(m.id) not in _HAD_THE_CALL and not self.is_caller(m))

    def reserved(self) -> tuple[Member, ...]:
        """Return those of ``queued_for`` who are reserved for the caller: those that can ring when other calls end."""
        return tuple(m for m in self.queued_for() if self.last_end.get(m.id) not in _NOT_NOW or self._is_busy(m))

    def late_stages(self, members: Sequence[Member]) -> Iterator[Stage]:
        """Yield the stages of members who have got a new phone, in the policy's order, after the last cycle.

        That a member could not be reached is true no more.
        """
        for member in members:
            self.last_outcome.pop(member.id, None)
        yield from self._stages_of({member.id for member in members}, self.group.cycles + 1)

    def queue_stages(self, attempt: int) -> Iterator[Stage]:
        """Yield the stages of ``queued_for``, in the policy's order, for the ``attempt``-th time (from 1).

        They count as cycles after the last one.
        """
        self._reached = (self.group.cycles + 1, 0)
        yield from self._stages_of({member.id for member in self.queued_for()}, self.group.cycles + attempt)

    def _stages_of(self, wanted: Set[int], cycle: int) -> Iterator[Stage]:
        for number, ids in enumerate(decide(self.policy_input), start=1):
            members = tuple(self.group.member(member_id) for member_id in ids if member_id in wanted)
            if members:
                yield Stage(cycle, number, members)

    def move(self, event: HuntEvent) -> None:
        """Go to the next state; raise IllegalTransition, and change nothing, if the event cannot happen now."""
        before, self.state = self.state, after(self.state, event)
        self.log(before, event, self.state)

    def saw(self, member: Member, status: MemberStatus) -> None:
        """Note what the status of a member says besides a skip reason."""
        by_directory = status.do_not_disturb and not status.blocked
        for members, holds in (
            (self._talking, status.on_call),
            (self._auto_blocked, status.auto_blocked),
            (self._blocked_in_group, status.blocked_in_group),
            (self._do_not_disturb, by_directory),
        ):
            (members.add if holds else members.discard)(member.id)
        self._no_way.pop(member.id, None)
        no_way = status.undialable or status.other_switch
        if no_way is not None:
            self._no_way[member.id] = no_way

    def detail(self, member: Member, reason: SkipReason) -> str | None:
        """Return the detail of a skip, if there is one."""
        if reason in (SkipReason.NOT_DIALABLE, SkipReason.OTHER_SWITCH):
            return self._no_way.get(member.id)
        if reason is not SkipReason.BLOCKED:
            return None
        why = (
            (DIRECTORY, self._do_not_disturb),
            (AUTO_BLOCKED, self._auto_blocked),
            (IN_GROUP, self._blocked_in_group),
        )
        return next((detail for detail, members in why if member.id in members), None)

    def _is_busy(self, member: Member) -> bool:
        """Tell whether a member may be free soon.

        A phone that changes its address, or restarts, is not registered for a moment. A member who was busy before and
        is still on a call counts as busy, so that queued callers do not leave.
        """
        end = self.last_end.get(member.id)
        in_a_gap = end is SkipReason.UNREGISTERED and member.id in self._talking and member.id in self._was_busy
        return end in _BUSY or in_a_gap

    def skipped(self, member: Member, reason: SkipReason) -> bool:
        """Note that a member was skipped; tell whether the reason differs from the previous one.

        A change between on-call and claimed is no difference: the two may be seen in either order for one call.
        """
        before = self.last_end.get(member.id)
        news = before is not reason and not {before, reason} <= {SkipReason.ON_CALL, SkipReason.CLAIMED}
        self.last_end[member.id] = reason
        self._ends.add(reason)
        if reason in _BUSY:
            self._was_busy.add(member.id)
        return news

    def ended(self, member: Member, outcome: Outcome, *, refused: bool = False) -> None:
        """Note how the offer to a member ended; ``refused``: by a key, so that the member is not rung again."""
        self.last_outcome[member.id] = Outcome.DECLINED if refused else outcome
        self.last_end[member.id] = outcome
        self._ends.add(outcome)
        if outcome is Outcome.ANSWERED:
            self.answered_by = member

    def leaves_by_key(self) -> None:
        """Note that the caller has left the call queue for the voicemail box."""
        self.left_by_key = True

    def leaves_for_callback(self) -> None:
        """Note that the caller has left the call queue to be called back."""
        self.left_for_callback = True

    def finds_queue_full(self) -> None:
        """Note that there was no room in the call queue."""
        self.queue_full = True

    def finish(self, event: HuntEvent, result: Result, reason: str | None = None) -> None:
        """Move to the end with the one result of this hunt."""
        self.move(event)
        self.result, self.reason = result, reason

    def case(self) -> Case:
        """Return why nobody took the call: an unanswered phone outweighs a busy one, a busy one a missing one."""
        if self.is_loop():
            return Case.LOOP
        if self.closed is not None:
            return Case.CLOSED
        if self.left_by_key:
            return Case.BY_KEY
        if self.queue_full:
            return Case.BUSY
        if self._ends & _NOBODY_ANSWERED:
            return Case.NO_ANSWER
        return Case.BUSY if self._ends & _BUSY else Case.UNREACHABLE

    def why(self) -> str:
        """Return the case in words; of a closed group with what has closed it, and of a full queue that it was."""
        case = self.case()
        if case is Case.BUSY and self.queue_full:
            return f"{case}: {QUEUE_FULL}"
        return f"{case}: {self.closed}" if case is Case.CLOSED else case.value

    def destination(self) -> Destination:
        """Return where the caller goes now, with the box filled in."""
        group = self.group
        chosen = {
            Case.NO_ANSWER: group.on_no_answer,
            Case.BUSY: group.on_busy,
            Case.UNREACHABLE: group.on_unreachable,
            Case.CLOSED: group.on_closed,
            Case.BY_KEY: GROUP_BOX,
            Case.LOOP: GROUP_BOX,
        }[self.case()]
        if chosen.kind is DestinationKind.VOICEMAIL and chosen.value is None:
            box = group.box()
            return NO_BOX if box is None else Destination(DestinationKind.VOICEMAIL, box)
        return chosen
