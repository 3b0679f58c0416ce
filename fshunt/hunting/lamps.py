"""What the lamps of a group say: whether its callers find somebody now, and who is blocked (design, section 18).

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from fshunt.errors import BadValue
from fshunt.hunting.availability import MemberStatus, skip_reason
from fshunt.hunting.group import Group, Member


class PilotState(StrEnum):
    """What becomes of a caller who calls the pilot now."""

    FREE = "free"
    RINGING = "ringing"
    """A caller is not answered yet: phones ring, or the caller waits in the queue."""
    NOBODY = "nobody"
    """No member could be rung."""
    CLOSED = "closed"


def pilot_state(group: Group, statuses: Iterable[MemberStatus], now: datetime, *, caller_waits: bool) -> PilotState:
    """Return the state of a pilot. ``statuses`` is what is known of the members; ``now`` is the clock on the wall.

    A group whose time zone does not exist is open, as for its callers.
    """
    if is_closed(group, now):
        return PilotState.CLOSED
    if not group.enabled:
        return PilotState.NOBODY
    if caller_waits:
        return PilotState.RINGING
    how = {"call_waiting": group.call_waiting, "wrap_up_seconds": group.wrap_up_seconds, "now": now}
    free = any(skip_reason(each, **how) is None for each in statuses)  # type: ignore[arg-type]
    return PilotState.FREE if free else PilotState.NOBODY


def is_closed(group: Group, now: datetime) -> bool:
    """Whether a person, the hours or a holiday have closed the group."""
    try:
        return group.closed_at(now) is not None
    except BadValue:
        return False


def has_hours(group: Group) -> bool:
    """Whether the clock opens and closes the group."""
    return bool(group.hours.week or group.hours.holidays)


def changes_at(group: Group, now: datetime) -> datetime | None:
    """Return the next moment at which a lamp of the group may change by itself; None: none but by its hours.

    A block ends, a wrap-up ends, or a closing by hand does. Hours change at whole minutes (``has_hours``).
    """
    moments = [at for member in group.members for at in _ends(member, group.wrap_up_seconds)]
    by_hand = group.hours.by_hand
    if by_hand is not None and by_hand.until is not None:
        moments.append(by_hand.until)
    return min((each for each in moments if each > now), default=None)


def _ends(member: Member, wrap_up_seconds: float) -> Iterable[datetime]:
    yield from (block.until for block in member.blocks if block.until is not None)
    if wrap_up_seconds and member.idle_since is not None:
        yield member.idle_since + timedelta(seconds=wrap_up_seconds)
