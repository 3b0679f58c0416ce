"""The pages of a group and of its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo

from fshunt.cli import output
from fshunt.errors import BadValue
from fshunt.hunting.availability import MemberState
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.hours import Holiday, zone_named
from fshunt.hunting.hours_text import show_days, show_intervals, show_week
from fshunt.hunting.policies import POLICIES, Remembers
from fshunt.services.cluster_health import count
from fshunt.services.groups import GroupDetails
from fshunt.services.hours import state_of
from fshunt.services.hours import warnings_of as hours_warnings
from fshunt.services.member_states import STATE_WORDS, StateOfMember, stored_state
from fshunt.services.moments import shown_until
from fshunt.services.serialize import pointed_at
from fshunt.services.switch_checks import NOT_CONFIGURED

HOLIDAY_TITLES = (
    output.Column("days", wraps=True),
    output.Column("name", drop=1, wraps=True),
    output.Column("hours", wraps=True),
)
MEMBER_TITLES = (
    output.Column("#", drop=1),
    output.Column("member", wraps=True),
    output.Column("ring time", drop=3, wraps=True),
    output.Column("weight", drop=5),
    output.Column("confirm", drop=4),
    output.Column("state", wraps=True),
    output.Column("idle since", drop=2, wraps=True),
)


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
        *hours_facts(group, datetime.now(UTC)),
        ("policy", f"{group.policy}: {POLICIES[group.policy].help}"),
        ("rotation", rotation_words(details)),
        ("ring time", group.ring_time.describe(seconds_per_ring)),
        ("cycles", str(group.cycles)),
        ("hunt timeout", "" if group.hunt_timeout is None else f"{group.hunt_timeout:g} s"),
        ("call waiting", "yes: members on a call ring, too" if group.call_waiting else "no"),
        ("wrap-up", f"{group.wrap_up_seconds:g} s after a call" if group.wrap_up_seconds else ""),
        ("when busy", _queue_words(group) if group.when_busy is WhenBusy.QUEUE else ""),
        ("auto-block", _auto_block_words(group)),
        ("prefix", group.prefix or ""),
        ("caller ID", f"{group.caller_id_number} on external legs" if group.caller_id_number else ""),
        ("caller hears", group.music or "ringing"),
        ("on no answer", destination_words(group.on_no_answer, group)),
        ("on busy", destination_words(group.on_busy, group)),
        ("on unreachable", destination_words(group.on_unreachable, group)),
        ("on closed", "" if group.on_closed not in group.destinations else destination_words(group.on_closed, group)),
        ("transfer context", group.transfer_context or ""),
    ]


def hours_facts(group: Group, now: datetime) -> list[tuple[str, str]]:
    """Whether the group is open, and its hours; nothing of one that is always open."""
    hours = group.hours
    if hours.is_always_open or not group.enabled:
        return []
    zone = f", {group.time_zone}" if group.time_zone else ""
    return [
        ("state", open_words(group, now)),
        ("hours", "; ".join(show_week(hours.week)) + zone if hours.week else ""),
        ("holidays", _holiday_words(group, now)),
    ]


def print_hours(group: Group) -> None:
    """Print the page of a group's hours."""
    output.say(_title(group), bold=True)
    facts = hours_facts(group, datetime.now(UTC))
    output.facts(facts or [("state", "always open" if group.enabled else "disabled")])


def print_holidays(holidays: Sequence[Holiday]) -> None:
    """Print the table of holidays."""
    output.table(HOLIDAY_TITLES, holiday_rows(holidays))


def holiday_rows(holidays: Sequence[Holiday]) -> list[tuple[str, ...]]:
    """Return the rows of the table of holidays."""
    return [(show_days(each), each.name, show_intervals(each.intervals)) for each in holidays]


def open_words(group: Group, now: datetime) -> str:
    """Whether the group is open, why not, and until when; times are in its time zone."""
    state = state_of(group, now)
    words = "open" if state.closed is None else f"closed: {state.closed}"
    if state.until is None:
        return words
    return f"{words}{'' if state.closed is None else ','} until {shown_until(state.until, now, zone_of(group))}"


def zone_of(group: Group) -> tzinfo | None:
    """The time zone in which the times of a group are shown and read: its own, else that of this host (None)."""
    with suppress(BadValue):
        return None if group.time_zone is None else zone_named(group.time_zone)
    return None


def _holiday_words(group: Group, now: datetime) -> str:
    today = now.astimezone(zone_of(group)).date()
    ahead = [each for each in group.hours.holidays if each.last >= today]
    if not ahead:
        return ""
    following = min(ahead, key=lambda each: (each.first, each.last))
    return f"{count(len(ahead), 'holiday')} ahead, next {following.name} {show_days(following)}"


def _queue_words(group: Group) -> str:
    announced = "" if group.announce_seconds is None else f"position and wait told every {group.announce_seconds:g} s"
    parts = (
        "queue: first come, first served",
        "callers are answered first" if group.answer_first else "",
        "" if group.queue_limit is None else f"at most {group.queue_limit} callers",
        announced,
        "1 leads to voicemail" if group.voicemail_key else "",
        "2 asks to be called back" if group.callback else "",
    )
    return "; ".join(part for part in parts if part)


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


def print_members(group: Group, seconds_per_ring: float) -> None:
    """Print the table of the members, with the states of their rows."""
    if group.members:
        words = {member.id: state_words(member, stored_state(member)) for member in group.members}
        output.table(MEMBER_TITLES, member_rows(group, seconds_per_ring, words))


def member_rows(group: Group, seconds_per_ring: float, states: Mapping[int, str]) -> list[tuple[str, ...]]:
    """Return the rows of the table of the members; ``states`` are in words."""
    return [_member_row(each, group, seconds_per_ring, states[each.id]) for each in group.members]


def _member_row(member: Member, group: Group, seconds_per_ring: float, state: str) -> tuple[str, ...]:
    own = member.ring_time
    time = own.describe(seconds_per_ring) if own else f"{group.ring_time.describe(seconds_per_ring)}, the group's"
    confirm = "press 1" if member.confirm else "no"
    idle = output.local(member.idle_since) or "no call yet"
    name = f"{member.extension}, shows {member.caller_id_number}" if member.caller_id_number else member.extension
    return str(member.position), name, time, str(member.weight), confirm, state, idle


def state_words(member: Member, state: StateOfMember) -> str:
    """A member's state; for one that is blocked, by how many unanswered calls."""
    blocked = "blocked in this group" if member.blocked_in_group else "blocked"
    if member.blocked_until is not None:
        blocked += f" until {shown_until(member.blocked_until, datetime.now(UTC))}"
    if member.auto_blocked:
        blocked += f" after {count(member.unanswered_in_a_row, 'unanswered call')}"
    if state.word is MemberState.BLOCKED:
        return blocked
    word = STATE_WORDS[state.word]
    return f"{word}, {blocked}" if state.word is MemberState.DISABLED and member.blocked else word


def warn_of(group: Group) -> None:
    """Print the group's warnings on stderr."""
    for warning in (*group.warnings(), *hours_warnings(group, datetime.now(UTC))):
        output.warn(warning)
