"""What may be stored in a group and a member (design, section 9: checked when stored, and again when sent)."""

from __future__ import annotations

from typing import Any

from fshunt.errors import BadValue, UsageError
from fshunt.hunting import validation
from fshunt.hunting.destinations import DestinationKind
from fshunt.hunting.group import (
    MAX_AUTO_BLOCK,
    MAX_CYCLES,
    MAX_HUNT_TIMEOUT_SECONDS,
    MAX_WEIGHT,
    MIN_AUTO_BLOCK,
    MIN_WEIGHT,
    Group,
    Member,
)
from fshunt.hunting.policies import policy_named

MIN_HUNT_TIMEOUT_SECONDS = 1.0
MAX_WRAP_UP_SECONDS = 3600.0


def check_group(group: Group) -> None:
    """Raise BadValue or UsageError if a setting of the group may not be stored."""
    validation.check_domain(group.domain)
    validation.check_pilot(group.pilot)
    policy_named(group.policy)
    optional = (
        (validation.check_name, group.name or None),
        (validation.check_extension, group.voicemail),
        (validation.check_prefix, group.prefix),
        (validation.check_music, group.music),
    )
    for check, value in optional:
        if value is not None:
            check(value)
    for destination in (group.on_no_answer, group.on_busy, group.on_unreachable):
        destination.check()
        if destination.kind is DestinationKind.TRANSFER and destination.value == group.pilot:
            raise UsageError(f"{group.pilot} cannot transfer to {group.pilot}: its callers would go round in circles.")
    _check_range("a number of cycles", group.cycles, 1, MAX_CYCLES)
    _check_range("a rest time in seconds", group.wrap_up_seconds, 0, MAX_WRAP_UP_SECONDS)
    if group.auto_block is not None:
        _check_range("a number of calls that rang out", group.auto_block, MIN_AUTO_BLOCK, MAX_AUTO_BLOCK)
    if group.hunt_timeout is not None:
        _check_range(
            "a hunt timeout in seconds", group.hunt_timeout, MIN_HUNT_TIMEOUT_SECONDS, MAX_HUNT_TIMEOUT_SECONDS
        )


def check_member(member: Member) -> None:
    """Raise BadValue if a setting of the member may not be stored."""
    member.address.check()
    _check_range("a weight", member.weight, MIN_WEIGHT, MAX_WEIGHT)


def group_columns(group: Group) -> dict[str, Any]:
    """Return the settings of a group as its row holds them."""
    return {
        "pilot": group.pilot,
        "name": group.name,
        "policy": group.policy,
        "rings": group.ring_time.rings,
        "ring_seconds": group.ring_time.seconds,
        "voicemail": group.voicemail,
        "cycles": group.cycles,
        "hunt_timeout": group.hunt_timeout,
        "prefix": group.prefix,
        "music": group.music,
        "call_waiting": group.call_waiting,
        "wrap_up_seconds": group.wrap_up_seconds,
        "when_busy": group.when_busy.value,
        "auto_block": group.auto_block,
        "on_no_answer": str(group.on_no_answer),
        "on_busy": str(group.on_busy),
        "on_unreachable": str(group.on_unreachable),
        "enabled": group.enabled,
    }


def member_columns(member: Member) -> dict[str, Any]:
    """Return the settings of a member as its row holds them, all but its position."""
    return {
        "extension": member.extension,
        "rings": member.ring_time.rings if member.ring_time else None,
        "ring_seconds": member.ring_time.seconds if member.ring_time else None,
        "weight": member.weight,
        "confirm": member.confirm,
        "enabled": member.enabled,
    }


def _check_range(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadValue(f"{value:g} is not {what}: it goes from {low:g} to {high:g}.")
