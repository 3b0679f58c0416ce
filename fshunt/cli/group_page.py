"""The pages of a group and of its members."""

from __future__ import annotations

from collections.abc import Mapping

from fshunt.cli import output
from fshunt.hunting.availability import MemberState
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.policies import POLICIES, Remembers
from fshunt.services.cluster_health import count
from fshunt.services.groups import GroupDetails
from fshunt.services.member_states import STATE_WORDS, StateOfMember, stored_state
from fshunt.services.serialize import pointed_at
from fshunt.services.switch_checks import NOT_CONFIGURED

MEMBER_TITLES = ("#", "member", "ring time", "weight", "confirm", "state", "idle since")


def print_group(details: GroupDetails, seconds_per_ring: float, *, checked: bool) -> None:
    """Print the page of a group; its warnings go to stderr. ``checked``: a switch is asked for its destinations."""
    group = details.group
    output.say(_title(group), bold=True)
    destinations = "" if checked else f"not checked: {NOT_CONFIGURED}"
    output.facts([*_facts(details, seconds_per_ring), ("destinations", destinations)])
    output.say()
    print_members(group, seconds_per_ring)
    warn_of(group)


def _title(group: Group) -> str:
    name = f" {group.name}" if group.name else ""
    return f"Group {group.pilot}{name}, {group.domain}{'' if group.enabled else ' (disabled)'}"


def _facts(details: GroupDetails, seconds_per_ring: float) -> list[tuple[str, str]]:
    group = details.group
    return [
        ("policy", f"{group.policy}: {POLICIES[group.policy].help}"),
        ("rotation", rotation_words(details)),
        ("ring time", group.ring_time.describe(seconds_per_ring)),
        ("cycles", str(group.cycles)),
        ("hunt timeout", "" if group.hunt_timeout is None else f"{group.hunt_timeout:g} s"),
        ("call waiting", "yes: members on a call ring, too" if group.call_waiting else "no"),
        ("wrap-up", f"{group.wrap_up_seconds:g} s after a call" if group.wrap_up_seconds else ""),
        ("when busy", "queue: first come, first served" if group.when_busy is WhenBusy.QUEUE else ""),
        ("auto-block", _auto_block_words(group)),
        ("prefix", group.prefix or ""),
        ("caller ID", f"{group.caller_id_number} on external legs" if group.caller_id_number else ""),
        ("caller hears", group.music or "ringing"),
        ("on no answer", destination_words(group.on_no_answer, group)),
        ("on busy", destination_words(group.on_busy, group)),
        ("on unreachable", destination_words(group.on_unreachable, group)),
        ("transfer context", group.transfer_context or ""),
    ]


def _auto_block_words(group: Group) -> str:
    if group.auto_block is None:
        return ""
    return "after 1 unanswered call" if group.auto_block == 1 else f"after {group.auto_block} unanswered calls in a row"


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


def rotation_words(details: GroupDetails) -> str:
    """Who is remembered, and who is first on the next call; empty for a policy without a rotation."""
    upcoming = details.next_in_rotation()
    if upcoming is None:
        return ""
    pointer = details.pointer
    if pointer is None:
        return f"no call yet; {upcoming.extension} is first on the next call"
    who = pointed_at(pointer, details.group) or f"a member who has left, at position {pointer.position},"
    answerer = POLICIES[details.group.policy].remembers is Remembers.ANSWERER
    did = "answered last" if answerer else "was first last time"
    return f"{who} {did}; {upcoming.extension} is first on the next call"


def print_members(group: Group, seconds_per_ring: float, states: Mapping[int, str] | None = None) -> None:
    """Print the table of the members; ``states`` are in words; without them, those of the members' rows."""
    if group.members:
        shown = states or {member.id: state_words(member, stored_state(member)) for member in group.members}
        output.table(
            MEMBER_TITLES, [_member_row(each, group, seconds_per_ring, shown[each.id]) for each in group.members]
        )


def _member_row(member: Member, group: Group, seconds_per_ring: float, state: str) -> tuple[str, ...]:
    own = member.ring_time
    time = own.describe(seconds_per_ring) if own else f"{group.ring_time.describe(seconds_per_ring)}, the group's"
    confirm = "press 1" if member.confirm else "no"
    idle = output.local(member.idle_since) or "no call yet"
    name = f"{member.extension}, shows {member.caller_id_number}" if member.caller_id_number else member.extension
    return str(member.position), name, time, str(member.weight), confirm, state, idle


def state_words(member: Member, state: StateOfMember) -> str:
    """A member's state; for one that is blocked, by how many unanswered calls."""
    blocked = "blocked"
    if member.auto_blocked:
        blocked += f" after {count(member.unanswered_in_a_row, 'unanswered call')}"
    if state.word is MemberState.BLOCKED:
        return blocked
    word = STATE_WORDS[state.word]
    return f"{word}, {blocked}" if state.word is MemberState.DISABLED and member.blocked else word


def warn_of(group: Group) -> None:
    """Print the group's warnings on stderr."""
    for warning in group.warnings():
        output.warn(warning)
