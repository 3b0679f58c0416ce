"""Who can be rung now, and if not, why (design, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fshunt.hunting.group import Member
from fshunt.hunting.states import Outcome


class SkipReason(StrEnum):
    """Why a member was passed over without ringing, in the order in which the reasons are tested."""

    DISABLED = "disabled"
    BLOCKED = "blocked"
    UNREGISTERED = "unregistered"
    NOT_DIALABLE = "not-dialable"
    OTHER_SWITCH = "other-switch"
    ON_CALL = "on-call"
    CLAIMED = "claimed"
    WRAP_UP = "wrap-up"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    SWITCH_LIMIT = "switch-limit"


SKIP_WORDS = {
    SkipReason.DISABLED: "disabled by an administrator",
    SkipReason.BLOCKED: "blocked by the member",
    SkipReason.UNREGISTERED: "has no phone registered",
    SkipReason.NOT_DIALABLE: "has a phone that cannot be dialled",
    SkipReason.OTHER_SWITCH: "has a phone at another switch, which no route leads to",
    SkipReason.ON_CALL: "is on a call",
    SkipReason.CLAIMED: "is claimed by another hunt",
    SkipReason.WRAP_UP: "is in wrap-up after the last call",
    SkipReason.DECLINED: "declined this call",
    SkipReason.UNREACHABLE: "could not be reached for this call",
    SkipReason.SWITCH_LIMIT: "is beyond what FreeSWITCH rings at once",
}
"""Each reason in the words of a report."""

AUTO_BLOCKED = "after too many unanswered calls"
"""The detail of a skip whose member is blocked by itself (``auto_block`` of a group)."""

IN_GROUP = "group"
"""The detail of a skip whose member is blocked in this group alone."""

DIRECTORY = "directory"
"""The detail of a skip whose member is not to be disturbed, as the switch's directory says."""


def words_of(reason: SkipReason, detail: str | None = None) -> str:
    """Return a reason and its detail in the words of a report; an auto-block is not the member's."""
    if reason is SkipReason.BLOCKED and detail == DIRECTORY:
        return "do not disturb, by the switch's directory"
    if reason is SkipReason.BLOCKED and detail == IN_GROUP:
        return f"{SKIP_WORDS[reason]} in this group"
    words = "blocked" if reason is SkipReason.BLOCKED and detail == AUTO_BLOCKED else SKIP_WORDS[reason]
    return f"{words}, {detail}" if detail else words


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """All that is known of one member at one moment, for one call: the one type that availability passes through.

    What the switches, the database and the hunt itself know is put together by ``with_stored``.
    """

    enabled: bool = True
    """Neither the member nor the group is disabled."""
    blocked: bool = False
    auto_blocked: bool = False
    """Blocked, and not by the member's own wish."""
    blocked_in_group: bool = False
    """Blocked in this group alone."""
    do_not_disturb: bool = False
    """The directory of the switch says so."""
    registered: bool | None = None
    """Whether there is a phone; None: not known."""
    undialable: str | None = None
    """Why no phone of the member can be dialled; None where one can be, or where that is not known."""
    other_switch: str | None = None
    """The other switch where the member's phones are registered, and which no route leads to."""
    on_call: bool = False
    is_caller: bool = False
    """The member is who calls, and is never rung by the own call."""
    ringing: bool = False
    """A phone of the member is rung by a call, a hunt's or not."""
    claimed: bool = False
    """Another call has the claim, or comes before this one in the queue, and that hinders this call."""
    acquired: bool = False
    """This call has the claim."""
    idle_since: datetime | None = None
    in_wrap_up: bool | None = None
    """None: ``idle_since`` decides."""
    last_outcome: Outcome | None = None
    """How the last offer of this very call to the member ended."""

    @classmethod
    def of(cls, member: Member, now: datetime, *, claimed: bool = False, acquired: bool = False) -> MemberStatus:
        """Return what the database knew of a member when the group was read; a block may have ended by now."""
        member = member.at(now)
        return cls(
            enabled=member.enabled,
            blocked=member.blocked,
            auto_blocked=member.auto_blocked,
            blocked_in_group=member.blocked_in_group,
            claimed=claimed,
            acquired=acquired,
            idle_since=member.idle_since,
        )

    @property
    def may_ring(self) -> bool:
        """Whether nobody has disabled or blocked the member, and no wrap-up is known."""
        return self.enabled and not self.blocked and not self.in_wrap_up

    def with_stored(self, stored: MemberStatus | None) -> MemberStatus:
        """Add what the database knows; a member it does not know any more was removed, and counts as disabled."""
        if stored is None:
            return replace(self, enabled=False)
        return replace(
            self,
            enabled=stored.enabled,
            blocked=stored.blocked,
            auto_blocked=stored.auto_blocked,
            blocked_in_group=stored.blocked_in_group,
            claimed=stored.claimed,
            acquired=stored.acquired,
            idle_since=stored.idle_since,
            in_wrap_up=self.in_wrap_up or stored.in_wrap_up,
        )


def skip_reason(
    status: MemberStatus, *, call_waiting: bool = False, wrap_up_seconds: float = 0.0, now: datetime | None = None
) -> SkipReason | None:
    """Return why the member cannot be rung, the first reason that holds; None if it can be.

    ``call_waiting`` is the group's: it lifts on-call and claimed, but not for the caller. ``wrap_up_seconds`` counts
    from the end of the member's last call through the group; without ``now`` nobody is in wrap-up. A phone that another
    hunt rings is claimed; one that any other call rings is on call.
    """
    busy = status.on_call or (status.ringing and not status.claimed)
    tests = (
        (SkipReason.DISABLED, not status.enabled),
        (SkipReason.BLOCKED, status.blocked or status.do_not_disturb),
        (SkipReason.UNREGISTERED, status.registered is False),
        (SkipReason.NOT_DIALABLE, status.undialable is not None),
        (SkipReason.OTHER_SWITCH, status.other_switch is not None),
        (SkipReason.ON_CALL, status.is_caller or (busy and not call_waiting)),
        (SkipReason.CLAIMED, status.claimed and not call_waiting),
        (SkipReason.WRAP_UP, _is_in_wrap_up(status, wrap_up_seconds, now)),
        (SkipReason.DECLINED, status.last_outcome is Outcome.DECLINED),
        (SkipReason.UNREACHABLE, status.last_outcome in (Outcome.UNREACHABLE, Outcome.UNREGISTERED)),
    )
    return next((reason for reason, holds in tests if holds), None)


class MemberState(StrEnum):
    """What a member does now, in one word: for lists, pages and JSON."""

    FREE = "free"
    RINGING = "ringing"
    ON_CALL = "on-call"
    CLAIMED = "claimed"
    UNREGISTERED = "unregistered"
    NOT_DIALABLE = "not-dialable"
    OTHER_SWITCH = "other-switch"
    """Registered at some of the watched switches only, without a route from the others: their calls do not ring it."""
    WRAP_UP = "wrap-up"
    BLOCKED = "blocked"
    DISABLED = "disabled"
    UNKNOWN = "unknown"
    """Nothing hinders the member, but whether there is a phone is not known."""


def member_state(status: MemberStatus, *, wrap_up_seconds: float = 0.0, now: datetime | None = None) -> MemberState:
    """Return a member's state: what was set counts before the phone, and what a phone does before a claim."""
    busy = status.on_call or status.ringing
    tests = (
        (MemberState.DISABLED, not status.enabled),
        (MemberState.BLOCKED, status.blocked or status.do_not_disturb),
        (MemberState.UNREGISTERED, status.registered is False and not busy),
        (MemberState.ON_CALL, status.on_call),
        (MemberState.RINGING, status.ringing),
        (MemberState.CLAIMED, status.claimed),
        (MemberState.NOT_DIALABLE, status.undialable is not None),
        (MemberState.OTHER_SWITCH, status.other_switch is not None),
        (MemberState.WRAP_UP, _is_in_wrap_up(status, wrap_up_seconds, now)),
        (MemberState.UNKNOWN, status.registered is None),
    )
    return next((state for state, holds in tests if holds), MemberState.FREE)


def in_wrap_up(idle_since: datetime | None, wrap_up_seconds: float, now: datetime | None) -> bool:
    """Tell whether a member whose last call ended at ``idle_since`` is still in wrap-up."""
    if now is None or idle_since is None:
        return False
    after, before = wrap_up_window(wrap_up_seconds, now)
    return after < idle_since < before


def wrap_up_window(wrap_up_seconds: float, now: datetime) -> tuple[datetime, datetime]:
    """Return two moments: whose last call ended between them, and at neither, is in wrap-up.

    They are as far from ``now`` as the wrap-up is long, on either side. A stamp that is a little ahead was written by a
    machine whose clock is; one that is far ahead is of a clock that was wrong, and it makes no wrap-up of hours.
    """
    wrap_up = timedelta(seconds=wrap_up_seconds)
    return now - wrap_up, now + wrap_up


def _is_in_wrap_up(status: MemberStatus, wrap_up_seconds: float, now: datetime | None) -> bool:
    if status.in_wrap_up is not None:
        return status.in_wrap_up
    return in_wrap_up(status.idle_since, wrap_up_seconds, now)
