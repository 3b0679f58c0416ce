"""A hunt group and its members, as they are at the start of a hunt; they do not change during it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.blocks import Block
from fshunt.hunting.destinations import GROUP_BOX, Destination
from fshunt.hunting.hours import ALWAYS_OPEN, Closed, Hours, State, closed_at, state_at
from fshunt.hunting.ringtime import DEFAULT_RING_TIME, RingTime

MIN_WEIGHT, MAX_WEIGHT = 0, 100
MAX_CYCLES = 100
MAX_HUNT_TIMEOUT_SECONDS = 3600.0
MAX_WAIT_SECONDS = MAX_HUNT_TIMEOUT_SECONDS
"""The longest wait of a queued caller if the group has no ``hunt_timeout``."""
MIN_AUTO_BLOCK, MAX_AUTO_BLOCK = 1, 100
"""Unanswered calls in a row before a member is auto-blocked."""
MAX_QUEUE_LIMIT = 1000
MIN_ANNOUNCE_SECONDS = 10.0
"""An announcement takes some six seconds, and there should be time for music between two."""


class WhenBusy(StrEnum):
    """What happens to a caller while every member who could take the call is busy."""

    OVERFLOW = "overflow"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Member:
    """An extension or external number in a group, at a position from 1.

    ``ring_time`` None means the group's; ``idle_since`` is when the member's last call through this group's pilot
    ended (None: never called). ``unanswered_in_a_row`` counts calls. ``blocks``: that of all groups of the domain
    before that of this group alone; they may have ended (``at``).
    """

    id: int
    position: int
    address: MemberAddress
    ring_time: RingTime | None = None
    weight: int = 1
    confirm: bool = False
    enabled: bool = True
    idle_since: datetime | None = None
    unanswered_in_a_row: int = 0
    blocks: tuple[Block, ...] = ()
    caller_id_number: str | None = None
    """For an external member: the number that the leg shows, instead of the group's or the gateway's."""

    @property
    def extension(self) -> str:
        """The text that is shown and recorded: ``1001`` or ``+14155550123@carrier``."""
        return str(self.address)

    @property
    def block(self) -> Block | None:
        """The block that counts before the other; None: the member is not blocked."""
        return next(iter(self.blocks), None)

    @property
    def blocked(self) -> bool:
        """Whether the member is blocked, in this group or in all."""
        return bool(self.blocks)

    @property
    def blocked_in_group(self) -> bool:
        """Whether the member is blocked in this group alone."""
        return self.block is not None and self.block.in_group

    @property
    def auto_blocked(self) -> bool:
        """Whether the block is due to unanswered calls, and not set by the member."""
        return self.block is not None and self.block.automatic

    @property
    def blocked_until(self) -> datetime | None:
        """When the block ends; None: when the member is unblocked, or there is no block."""
        return None if self.block is None else self.block.until

    def at(self, now: datetime) -> Member:
        """Return the member as it is at a moment: a block may have ended since it was read."""
        holding = tuple(each for each in self.blocks if each.holds(now))
        return self if len(holding) == len(self.blocks) else replace(self, blocks=holding)


@dataclass(frozen=True, slots=True)
class Group:
    """A hunt group: its settings and its members in order of position. Times in seconds.

    ``auto_block``: unanswered calls in a row after which a member is auto-blocked; None: never.
    """

    id: int
    domain: str
    pilot: str
    name: str = ""
    policy: str = "regular"
    ring_time: RingTime = DEFAULT_RING_TIME
    voicemail: str | None = None
    cycles: int = 1
    hunt_timeout: float | None = None
    prefix: str | None = None
    music: str | None = None
    call_waiting: bool = False
    wrap_up_seconds: float = 0.0
    when_busy: WhenBusy = WhenBusy.OVERFLOW
    auto_block: int | None = None
    on_no_answer: Destination = GROUP_BOX
    on_busy: Destination = GROUP_BOX
    on_unreachable: Destination = GROUP_BOX
    on_closed: Destination = GROUP_BOX
    enabled: bool = True
    answer_first: bool = False
    """Whether a caller is answered before waiting in the call queue."""
    queue_limit: int | None = None
    """How many callers wait in the call queue at most; None: any number."""
    announce_seconds: float | None = None
    """How often a queued caller is told position and expected wait; None: never."""
    voicemail_key: bool = False
    """Whether a queued caller leaves the call queue for the voicemail box by pressing 1."""
    callback: bool = False
    """Whether a queued caller who presses 2 is called back, and keeps the place meanwhile."""
    transfer_context: str | None = None
    """The dialplan context of this group's transfers; None: the setting ``transfer_context``, else the caller's."""
    caller_id_number: str | None = None
    """The number that external legs of this group show; None: the gateway's, else the caller's."""
    time_zone: str | None = None
    """That of ``hours``; None: they are in UTC."""
    hours: Hours = ALWAYS_OPEN
    members: tuple[Member, ...] = field(default=())

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where callers are sent in each case; while it is closed, only if it may be, or has a destination for it."""
        cases = (self.on_no_answer, self.on_busy, self.on_unreachable)
        return cases if self.hours.is_always_open and self.on_closed == GROUP_BOX else (*cases, self.on_closed)

    def closed_at(self, now: datetime) -> Closed | None:
        """Return what closes the group at a moment; None: nothing, or it is disabled. Raises BadValue for its zone."""
        return closed_at(self.hours, self.time_zone, now) if self.enabled else None

    def state_at(self, now: datetime) -> State:
        """Return whether the group is open at a moment, why not, and until when. Raises BadValue for its zone."""
        return state_at(self.hours, self.time_zone, now, enabled=self.enabled)

    def box(self) -> str | None:
        """Return the voicemail box: the group's own, else that of the last member in sequence who is an extension.

        An external number has no box in the domain; a group without its own box and without extensions has none
        (design, section 5).
        """
        return next(iter(self.boxes()), None)

    def boxes(self) -> list[str]:
        """Return the voicemail boxes for its callers, the best first; a second one is for where the first is none."""
        own = [] if self.voicemail is None else [self.voicemail]
        last = next((m.address.number for m in reversed(self.members) if not m.address.external), None)
        return own if last is None or last in own else [*own, last]

    def member(self, member_id: int) -> Member:
        """Return the member with this id; raise KeyError if the group has none."""
        for member in self.members:
            if member.id == member_id:
                return member
        raise KeyError(member_id)

    def warnings(self) -> list[str]:
        """Return the warnings for the administrator, one sentence each."""
        found = []
        if not self.members:
            found.append(f"Group {self.pilot} has no members: callers go straight to the 'unreachable' destination.")
        if len(self.members) == 1 and self._box_is_the_only_members():
            found.append(
                f"Group {self.pilot} has one member and no other box: "
                f"it does no more than the own forwarding of extension {self.members[0].extension}."
            )
        if self.box() is None and GROUP_BOX in self.destinations:
            found.append(f"Group {self.pilot} has no voicemail box: unanswered callers are disconnected.")
        if self.answer_first and self.when_busy is not WhenBusy.QUEUE:
            found.append(
                f"Group {self.pilot} answers callers before they queue, but does not queue them (--when-busy queue)."
            )
        found += self._queue_warnings()
        if self.when_busy is WhenBusy.QUEUE and self.hunt_timeout is None:
            found.append(
                f"Group {self.pilot} queues callers without a hunt timeout: they wait up to {MAX_WAIT_SECONDS:g} s."
            )
        return found

    def _queue_warnings(self) -> list[str]:
        """Return what does nothing as the group is: options of a queue without one, and keys nobody can press."""
        for_queue = {"--queue-limit": self.queue_limit is not None} | self._for_answered()
        given = [option for option, is_given in for_queue.items() if is_given]
        if not given:
            return []
        if self.when_busy is not WhenBusy.QUEUE:
            return [f"Group {self.pilot} has no queue for {_listed(given)}: set --when-busy queue."]
        unheard = [option for option in given if option != "--queue-limit"]
        if unheard and not self.answer_first:
            why = "keys come only from a caller who was answered, and only such a caller hears announcements"
            return [f"Group {self.pilot} needs --answer-first for {_listed(unheard)}: {why}."]
        return []

    def _for_answered(self) -> dict[str, bool]:
        return {
            "--announce-every": self.announce_seconds is not None,
            "--voicemail-key": self.voicemail_key,
            "--callback": self.callback,
        }

    def _box_is_the_only_members(self) -> bool:
        boxes = {self.box() if d.value is None else str(d) for d in self.destinations}
        own = self.members[0].address.number
        return boxes <= {own, f"voicemail:{own}", None}


def _listed(options: Sequence[str]) -> str:
    *others, last = options
    return f"{', '.join(others)} and {last}" if others else last
