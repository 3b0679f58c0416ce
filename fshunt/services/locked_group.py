"""A group whose members are changed: nobody else can change it, and the group's rotation follows every change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import GroupRotation, HuntMember
from fshunt.db.notifications import announce
from fshunt.db.queries.rows import find_domain_id, find_group, lock_rotation, pointer_of
from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.rotation import RotationPointer
from fshunt.services import limits
from fshunt.services.audit import ChangeKind, Subject, record_of_group


@dataclass(frozen=True, slots=True)
class LockedGroup:
    """A group that nobody else can change, and no call can move the rotation of, until the transaction ends."""

    domain_id: int
    group: Group
    rotation: GroupRotation

    def rotation_follows(self, change: Callable[[RotationPointer], RotationPointer]) -> None:
        """Give both rotation pointers, where there are any, what ``change`` makes of them."""
        row = self.rotation
        answerer = pointer_of(row.answerer_id, row.answerer_position)
        first = pointer_of(row.first_id, row.first_position)
        if answerer is not None:
            moved = change(answerer)
            row.answerer_id, row.answerer_position = moved.member_id, moved.position
        if first is not None:
            moved = change(first)
            row.first_id, row.first_position = moved.member_id, moved.position


def lock(s: Session, domain: str, pilot: str) -> LockedGroup:
    """Lock a group until the transaction ends; raise NotFound."""
    domain_id = find_domain_id(s, domain, lock=True)
    group_id = find_group(s, domain_id, domain, pilot).id
    rotation = lock_rotation(s, group_id)
    if rotation is None:
        raise NotFound(f"The rotation of group {pilot} is missing: remove the group and add it again.")
    return LockedGroup(domain_id, find_group(s, domain_id, domain, pilot), rotation)


def changed(s: Session, locked: LockedGroup) -> Group:
    """Return the group as it is after a change, and tell the daemons of it; raise BeyondLimits."""
    s.flush()
    now = find_group(s, locked.domain_id, locked.group.domain, locked.group.pilot)
    limits.check(s, locked.group, now)
    announce(s, now.domain, {member.extension for member in (*locked.group.members, *now.members)})
    return now


def record_member(
    s: Session, locked: LockedGroup, action: ChangeKind, extension: str, **values: Mapping[str, Any] | None
) -> None:
    """Record a change of a member; ``values`` are ``before`` and ``after``."""
    record_of_group(s, locked.group, Subject.MEMBER, action, extension, **values)


def lock_members(s: Session, *which: ColumnElement[bool]) -> list[int]:
    """Lock members in order of their ids, and return these: the order in which a daemon writes of its calls.

    An UPDATE of several rows locks them as it finds them, and may wait in a ring with one that does not.
    """
    return list(s.scalars(select(HuntMember.id).where(*which).order_by(HuntMember.id).with_for_update()))


def renumber(s: Session, group: Group, positions: dict[int, int]) -> None:
    """Give members (by id) new positions, in two steps: a position may not be held by two even between statements."""
    if not positions:
        return
    lock_members(s, HuntMember.group_id == group.id, HuntMember.id.in_(positions))
    moving = update(HuntMember).where(HuntMember.group_id == group.id, HuntMember.id.in_(positions))
    s.execute(moving.values(position=-HuntMember.position).execution_options(synchronize_session=False))
    rows = [{"id": member_id, "position": position} for member_id, position in positions.items()]
    s.execute(update(HuntMember).execution_options(synchronize_session=None), rows)
