"""Groups and members as pages to read and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fshunt.cli import output
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.policies import POLICIES, Remembers
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.rotation import RotationPointer, next_index

MEMBER_TITLES = ("#", "member", "ring time", "weight", "confirm", "state", "idle since")


class Shown(NamedTuple):
    """A group, what it remembers, and the seconds of one ring."""

    group: Group
    answerer: RotationPointer | None
    turn: RotationPointer | None
    seconds_per_ring: float


def group_json(shown: Shown) -> dict[str, Any]:
    """All that is known of a group; times in seconds."""
    group = shown.group
    return {
        "domain": group.domain,
        "pilot": group.pilot,
        "name": group.name,
        "policy": group.policy,
        "ring_time": ring_json(group.ring_time, shown.seconds_per_ring),
        "voicemail": group.voicemail,
        "box": group.box(),
        "cycles": group.cycles,
        "hunt_timeout": group.hunt_timeout,
        "prefix": group.prefix,
        "music": group.music,
        "call_waiting": group.call_waiting,
        "wrap_up_seconds": group.wrap_up_seconds,
        "when_busy": group.when_busy,
        "auto_block": group.auto_block,
        "on_no_answer": str(group.on_no_answer),
        "on_busy": str(group.on_busy),
        "on_unreachable": str(group.on_unreachable),
        "enabled": group.enabled,
        "members": [member_json(member, group, shown.seconds_per_ring) for member in group.members],
        "last_answered": _rotation_json(shown.answerer, group),
        "last_turn": _rotation_json(shown.turn, group),
        "warnings": group.warnings(),
    }


def member_json(member: Member, group: Group, seconds_per_ring: float) -> dict[str, Any]:
    """All that is known of a member; its ring time is the group's where it has none of its own."""
    return {
        "position": member.position,
        "extension": member.extension,
        "ring_time": ring_json(member.ring_time or group.ring_time, seconds_per_ring),
        "own_ring_time": member.ring_time is not None,
        "weight": member.weight,
        "confirm": member.confirm,
        "enabled": member.enabled,
        "blocked": member.blocked,
        "auto_blocked": member.auto_blocked,
        "rang_out": member.rang_out,
        "idle_since": member.idle_since,
    }


def ring_json(time: RingTime, seconds_per_ring: float) -> dict[str, Any]:
    """A ring time as it was said, and in seconds."""
    return {"rings": time.rings, "ring_seconds": time.seconds, "seconds": time.in_seconds(seconds_per_ring)}


def _rotation_json(memory: RotationPointer | None, group: Group) -> dict[str, Any] | None:
    return None if memory is None else {"member": _remembered(memory, group), "position": memory.position}


def _remembered(memory: RotationPointer, group: Group) -> str | None:
    return next((member.extension for member in group.members if member.id == memory.member_id), None)


def print_group(shown: Shown) -> None:
    """Print the page of a group; its warnings go to stderr."""
    group = shown.group
    output.say(_title(group), bold=True)
    output.facts(_facts(shown))
    output.say()
    print_members(group, shown.seconds_per_ring)
    warn_of(group)


def _title(group: Group) -> str:
    name = f" {group.name}" if group.name else ""
    return f"Group {group.pilot}{name}, {group.domain}{'' if group.enabled else ' (disabled)'}"


def _facts(shown: Shown) -> list[tuple[str, str]]:
    group = shown.group
    return [
        ("policy", f"{group.policy}: {POLICIES[group.policy].help}"),
        ("memory", rotation_words(shown)),
        ("ring time", group.ring_time.describe(shown.seconds_per_ring)),
        ("cycles", str(group.cycles)),
        ("hunt timeout", "" if group.hunt_timeout is None else f"{group.hunt_timeout:g} s"),
        ("call waiting", "members on a call are rung, too" if group.call_waiting else "no"),
        ("rest after a call", f"{group.wrap_up_seconds:g} s" if group.wrap_up_seconds else ""),
        ("when all are busy", "callers wait, first come first served" if group.when_busy is WhenBusy.QUEUE else ""),
        ("blocked by itself", _auto_block_words(group)),
        ("prefix", group.prefix or ""),
        ("caller hears", group.music or "ringing"),
        ("nobody answers", destination_words(group.on_no_answer, group)),
        ("everybody busy", destination_words(group.on_busy, group)),
        ("nobody reachable", destination_words(group.on_unreachable, group)),
    ]


def _auto_block_words(group: Group) -> str:
    if group.auto_block is None:
        return ""
    in_a_row = " in a row" if group.auto_block > 1 else ""
    return f"who lets {_calls(group.auto_block)}{in_a_row} ring out"


def _calls(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"


def destination_words(destination: Destination, group: Group) -> str:
    """Where a caller goes, and whose box it is."""
    if destination.kind is DestinationKind.TRANSFER:
        return f"transfer to {destination.value}"
    if destination.kind is DestinationKind.HANGUP:
        return f"hang up with {destination.value}"
    if destination.value is not None:
        return f"voicemail {destination.value}"
    if group.voicemail is not None:
        return f"voicemail {group.voicemail} (box of the group)"
    box = group.box()
    if box is None:
        return "hang up (there is no voicemail box)"
    return f"voicemail {box} (box of the last {'extension' if group.members[-1].address.external else 'member'})"


def rotation_words(shown: Shown) -> str:
    """Who is remembered, and who is first on the next call; empty for a policy that remembers nothing."""
    remembers = POLICIES[shown.group.policy].remembers
    if remembers is Remembers.NOTHING or not shown.group.members:
        return ""
    memory = shown.answerer if remembers is Remembers.ANSWERER else shown.turn
    upcoming = shown.group.members[next_index(memory, [member.id for member in shown.group.members])].extension
    if memory is None:
        return f"no call yet; {upcoming} is first on the next call"
    who = _remembered(memory, shown.group) or f"a member at position {memory.position} who is gone"
    did = "answered last" if remembers is Remembers.ANSWERER else "was first in turn last"
    return f"{who} {did}; {upcoming} is first on the next call"


def print_members(group: Group, seconds_per_ring: float, states: Mapping[int, str] | None = None) -> None:
    """Print the table of the members; their state is what ``states`` says, else what the database knows."""
    if group.members:
        shown = states or {member.id: state_words(member) for member in group.members}
        output.table(
            MEMBER_TITLES, [_member_row(each, group, seconds_per_ring, shown[each.id]) for each in group.members]
        )


def _member_row(member: Member, group: Group, seconds_per_ring: float, state: str) -> tuple[str, ...]:
    own = member.ring_time
    time = own.describe(seconds_per_ring) if own else f"{group.ring_time.describe(seconds_per_ring)}, the group's"
    confirm = "press 1" if member.confirm else "no"
    idle = output.local(member.idle_since) or "no call yet"
    return str(member.position), member.extension, time, str(member.weight), confirm, state, idle


def state_words(member: Member) -> str:
    """Whether the member can be rung, as far as the database knows."""
    blocked = "blocked"
    if member.auto_blocked:
        blocked += f" ({_calls(member.rang_out)} rang out)"
    states = [word for word, holds in (("disabled", not member.enabled), (blocked, member.blocked)) if holds]
    return ", ".join(states) or "enabled"


def warn_of(group: Group) -> None:
    """Print the group's warnings on stderr."""
    for warning in group.warnings():
        output.warn(warning)
