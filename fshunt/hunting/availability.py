"""Who can be rung now, and if not, why (design, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fshunt.hunting.states import Outcome


class SkipReason(StrEnum):
    """Why a member was passed over without ringing, in the order in which the reasons are tested."""

    DISABLED = "disabled"
    BLOCKED = "blocked"
    UNREGISTERED = "unregistered"
    ON_CALL = "on-call"
    CLAIMED = "claimed"
    WRAP_UP = "wrap-up"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"


WORDS = {
    SkipReason.DISABLED: "disabled by an administrator",
    SkipReason.BLOCKED: "blocked by the member",
    SkipReason.UNREGISTERED: "has no phone registered",
    SkipReason.ON_CALL: "is on a call",
    SkipReason.CLAIMED: "is rung or held by another hunt",
    SkipReason.WRAP_UP: "rests after the last call",
    SkipReason.DECLINED: "declined this call",
    SkipReason.UNREACHABLE: "could not be reached for this call",
}
"""Each reason in the words of a report."""

AUTO_BLOCKED = "as too many calls rang out"
"""The detail of a skip whose member is blocked by itself (``auto_block`` of a group)."""


def words_of(reason: SkipReason, detail: str | None = None) -> str:
    """Return a reason and its detail in the words of a report; a block that the member never wished is not his."""
    words = "blocked" if reason is SkipReason.BLOCKED and detail == AUTO_BLOCKED else WORDS[reason]
    return f"{words}, {detail}" if detail else words


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of one member at one moment. ``registered`` None: not known.

    ``auto_blocked``: blocked, and not by the member's own wish. ``ringing``: a phone of the member is rung by a call, a
    hunt's or not. ``resting`` None: to be told from ``idle_since``.
    """

    enabled: bool = True
    blocked: bool = False
    registered: bool | None = None
    on_call: bool = False
    ringing: bool = False
    claimed: bool = False
    idle_since: datetime | None = None
    in_wrap_up: bool | None = None
    last_outcome: Outcome | None = None
    auto_blocked: bool = False


def skip_reason(
    presence: Presence, *, call_waiting: bool = False, wrap_up_seconds: float = 0.0, now: datetime | None = None
) -> SkipReason | None:
    """Return why the member cannot be rung, the first reason that holds; None if it can be.

    ``call_waiting`` is the group's: it lifts on-call and claimed. ``wrap_up_seconds`` counts from the end of the
    member's last call through the group; without ``now`` nobody rests. ``last_outcome`` is of this very call.
    A phone that another hunt rings is claimed; one that any other call rings is on call.
    """
    busy = presence.on_call or (presence.ringing and not presence.claimed)
    tests = (
        (SkipReason.DISABLED, not presence.enabled),
        (SkipReason.BLOCKED, presence.blocked),
        (SkipReason.UNREGISTERED, presence.registered is False),
        (SkipReason.ON_CALL, busy and not call_waiting),
        (SkipReason.CLAIMED, presence.claimed and not call_waiting),
        (SkipReason.WRAP_UP, _is_in_wrap_up(presence, wrap_up_seconds, now)),
        (SkipReason.DECLINED, presence.last_outcome is Outcome.DECLINED),
        (SkipReason.UNREACHABLE, presence.last_outcome in (Outcome.UNREACHABLE, Outcome.UNREGISTERED)),
    )
    return next((reason for reason, holds in tests if holds), None)


def in_wrap_up(idle_since: datetime | None, wrap_up_seconds: float, now: datetime | None) -> bool:
    """Tell whether a member whose last call ended at ``idle_since`` still rests."""
    if now is None or idle_since is None:
        return False
    after, before = wrap_up_window(wrap_up_seconds, now)
    return after < idle_since < before


def wrap_up_window(wrap_up_seconds: float, now: datetime) -> tuple[datetime, datetime]:
    """Return two moments: whose last call ended between them, and at neither, rests.

    They are as far from ``now`` as the rest is long, on either side. A stamp that is a little ahead was written by a
    machine whose clock is; one that is far ahead is of a clock that was wrong, and nobody rests for the hours between.
    """
    rest = timedelta(seconds=wrap_up_seconds)
    return now - rest, now + rest


def _is_in_wrap_up(presence: Presence, wrap_up_seconds: float, now: datetime | None) -> bool:
    if presence.in_wrap_up is not None:
        return presence.in_wrap_up
    return in_wrap_up(presence.idle_since, wrap_up_seconds, now)
