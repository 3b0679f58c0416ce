"""Administration of the members of a group. Positions are always 1 to n; the group's rotation follows every change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import HuntGroup, HuntMember
from fshunt.errors import Conflict, NotFound, UsageError
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import check_stored, columns_of
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.suggestions import MAX_LISTED, what_there_is
from fshunt.services import locked_group
from fshunt.services.audit import ORDER, ChangeKind, Subject, member_values, record_of_group
from fshunt.services.blocks import block, block_state, forget_stray_blocks, record_dropped
from fshunt.services.locked_group import LockedGroup

__all__ = [
    "add_members",
    "block",
    "block_state",
    "enable_member",
    "member_of",
    "move_member",
    "order_members",
    "remove_member",
    "set_member",
]


def member_of(group: Group, address: MemberAddress) -> Member:
    """Return the member with this address; raise NotFound, naming the nearest, if the group has none."""
    for member in group.members:
        if member.address == address:
            return member
    raise NotFound(_no_member(group, address))


def _no_member(group: Group, address: MemberAddress) -> str:
    hint = what_there_is(str(address), [member.extension for member in group.members], "member")
    return f"{address} is not a member of {group.pilot}: {hint}"


def add_members(
    s: Session,
    domain: str,
    pilot: str,
    addresses: Sequence[MemberAddress],
    *,
    at: int | None = None,
    shared: bool = False,
    **fields: Any,
) -> Group:
    """Add members from position ``at`` (None: after the last), all of them or none.

    ``shared`` says that a member may be in more than one group of this domain. ``fields`` are fields of hunting's
    Member; external numbers must confirm unless ``confirm`` is given (design, section 4).
    Raises NotFound, BadValue, Conflict, or UsageError if the position is out of range.
    """
    locked = locked_group.lock(s, domain, pilot)
    there = len(locked.group.members)
    first = there + 1 if at is None else _checked_position(at, there + 1)
    new = [
        Member(id=0, position=first + i, address=address, **({"confirm": address.external} | fields))
        for i, address in enumerate(addresses)
    ]
    for i, member in enumerate(new):
        check_stored(member)
        _check_caller_id(member)
        _check_may_join(s, locked, member.address, [m.address for m in new[:i]], shared=shared)
    shifted = [m.id for m in locked.group.members if m.position >= first]
    locked_group.renumber(s, locked.group, {member_id: first + len(new) + i for i, member_id in enumerate(shifted)})
    s.add_all(HuntMember(group_id=locked.group.id, position=m.position, **columns_of(m)) for m in new)
    locked.rotation_follows(lambda pointer: reduce(RotationPointer.added, [m.position for m in new], pointer))
    for member in new:
        locked_group.record_member(s, locked, ChangeKind.ADD, member.extension, after=member_values(member))
    return locked_group.changed(s, locked)


def remove_member(s: Session, domain: str, pilot: str, address: MemberAddress) -> Group:
    """Take a member out; those behind move up. Raises NotFound.

    Its block of this group alone goes with it, and with an extension's last membership that of all groups.
    """
    locked = locked_group.lock(s, domain, pilot)
    gone = member_of(locked.group, address)
    s.execute(delete(HuntMember).where(HuntMember.id == gone.id))
    behind = {m.id: m.position - 1 for m in locked.group.members if m.position > gone.position}
    locked_group.renumber(s, locked.group, behind)
    locked.rotation_follows(lambda pointer: pointer.removed(gone.id, gone.position))
    forget_stray_blocks(s, locked.domain_id, domain)
    record_dropped(s, locked.group, [gone])
    locked_group.record_member(s, locked, ChangeKind.REMOVE, gone.extension, before=member_values(gone))
    return locked_group.changed(s, locked)


def move_member(s: Session, domain: str, pilot: str, address: MemberAddress, position: int) -> Group:
    """Move a member to ``position``, counted from 1; raise NotFound, or UsageError if it is out of range."""
    locked = locked_group.lock(s, domain, pilot)
    moved = member_of(locked.group, address)
    _checked_position(position, len(locked.group.members))
    order = [m.id for m in locked.group.members if m.id != moved.id]
    order.insert(position - 1, moved.id)
    old = {m.id: m.position for m in locked.group.members}
    locked_group.renumber(
        s, locked.group, {member_id: i for i, member_id in enumerate(order, 1) if old[member_id] != i}
    )
    locked.rotation_follows(lambda pointer: pointer.moved(moved.id, moved.position, position))
    before, after = {"position": moved.position}, {"position": position}
    locked_group.record_member(s, locked, ChangeKind.MOVE, moved.extension, before=before, after=after)
    return locked_group.changed(s, locked)


def order_members(s: Session, domain: str, pilot: str, addresses: Sequence[MemberAddress]) -> Group:
    """Give the members a new order, as one change: ``addresses`` names each of them once, from position 1.

    Raises NotFound if there is no such group, UsageError if the list has another member, one twice, or not all.
    """
    locked = locked_group.lock(s, domain, pilot)
    members = _in_order(locked.group, addresses)
    old = {m.id: m.position for m in members}
    new = {member_id: i for i, member_id in enumerate(old, 1)}
    locked_group.renumber(s, locked.group, {each: i for each, i in new.items() if old[each] != i})
    to = {old[member_id]: position for member_id, position in new.items()}
    locked.rotation_follows(lambda pointer: pointer.reordered(to))
    before, after = [m.extension for m in locked.group.members], [m.extension for m in members]
    values = {"before": {ORDER: before}, "after": {ORDER: after}}
    record_of_group(s, locked.group, Subject.GROUP, ChangeKind.SET, locked.group.pilot, **values)
    return locked_group.changed(s, locked)


def _in_order(group: Group, addresses: Sequence[MemberAddress]) -> list[Member]:
    there = {member.address: member for member in group.members}
    for i, address in enumerate(addresses):
        if address not in there:
            raise UsageError(_no_member(group, address))
        if address in addresses[:i]:
            raise UsageError(f"{address} is listed twice.")
    missing = [str(address) for address in there if address not in addresses]
    if missing:
        named = ", ".join(missing[:MAX_LISTED]) + (", ..." if len(missing) > MAX_LISTED else "")
        raise UsageError(f"The order must name each member of {group.pilot} once; missing: {named}.")
    return [there[address] for address in addresses]


def set_member(s: Session, domain: str, pilot: str, address: MemberAddress, **fields: Any) -> Group:
    """Change the fields that are named (``ring_time`` None: the group's); raise NotFound or BadValue."""
    locked = locked_group.lock(s, domain, pilot)
    member = member_of(locked.group, address)
    changed = replace(member, **fields)
    check_stored(changed)
    _check_caller_id(changed)
    s.execute(update(HuntMember).where(HuntMember.id == changed.id).values(columns_of(changed)))
    before, after = columns_of(member), columns_of(changed)
    locked_group.record_member(s, locked, ChangeKind.SET, changed.extension, before=before, after=after)
    return locked_group.changed(s, locked)


def enable_member(s: Session, domain: str, pilot: str, address: MemberAddress, enabled: bool) -> Group:
    """Let the member be rung in this group, or not."""
    return set_member(s, domain, pilot, address, enabled=enabled)


def _check_caller_id(member: Member) -> None:
    if member.caller_id_number is not None and not member.address.external:
        raise UsageError(
            f"{member.extension} is an extension, whose phone shows the caller: only an external member has a "
            "caller ID number of its own."
        )


def _checked_position(position: int, last: int) -> int:
    if not 1 <= position <= last:
        allowed = f"1 to {last}" if last > 1 else "1"
        raise UsageError(f"Position {position} does not exist: use {allowed}.")
    return position


def _check_may_join(
    s: Session, locked: LockedGroup, address: MemberAddress, before: Sequence[MemberAddress], *, shared: bool
) -> None:
    pilot = locked.group.pilot
    there = _same_phone(address, [member.address for member in locked.group.members])
    if there is not None:
        raise Conflict(f"{address} is already a member of {pilot}{_unless_equal(', as {}', there, address)}.")
    listed = _same_phone(address, before)
    if listed is not None:
        raise Conflict(f"{address} is listed twice{_unless_equal(', once as {}', listed, address)}.")
    is_pilot = select(HuntGroup.id).where(HuntGroup.domain_id == locked.domain_id, HuntGroup.pilot == str(address))
    if s.scalar(is_pilot) is not None:
        raise Conflict(f"{address} is the pilot of a group: a member is an extension or an external number.")
    others = [] if shared else _memberships(s, locked.domain_id, address)
    if others:
        other_pilot, other = others[0]
        raise Conflict(
            f"{address} is already a member of {other_pilot}{_unless_equal(', as {}', other, address)}; "
            "remove it there first, or list the domain in `shared_members`."
        )


def _same_phone(address: MemberAddress, among: Sequence[MemberAddress]) -> MemberAddress | None:
    return next((other for other in among if other.is_same_phone(address)), None)


def _unless_equal(words: str, other: MemberAddress, address: MemberAddress) -> str:
    return "" if other == address else words.format(other)


def _memberships(s: Session, domain_id: int, address: MemberAddress) -> list[tuple[str, MemberAddress]]:
    """Return the pilots of the domain's groups that the phone is a member of, and as what."""
    column = HuntMember.extension
    same = column == str(address)
    if address.external:
        same = or_(*(column.startswith(f"{number}@", autoescape=True) for number in address.spellings()))
    query = (
        select(HuntGroup.pilot, column)
        .join(HuntMember, HuntMember.group_id == HuntGroup.id)
        .where(HuntGroup.domain_id == domain_id, same)
        .order_by(HuntGroup.pilot)
    )
    return [(pilot, parse_member(extension)) for pilot, extension in s.execute(query)]
