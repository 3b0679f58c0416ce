"""Administration of groups and, from ``members``, of their members.

Every function takes a writing (or reading) session and the domain's name, and does all of its work or none. Changes
lock the domain's row, so that two administrators of one domain come one after the other. Errors are one sentence each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, GroupRotation, HuntGroup, HuntMember
from fshunt.db.notifications import announce
from fshunt.db.queries.accounts import add_grants, administrators_of
from fshunt.db.queries.groups import ROTATIONS
from fshunt.db.queries.rows import domain_names, find_domain_id, find_group, groups_with, pointer_of, read_groups
from fshunt.db.statements import insert_into
from fshunt.errors import Conflict, NotFound, UsageError
from fshunt.hunting import validation
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import (
    GROUP_FIELDS,
    MEMBER_FIELDS,
    Field,
    check_destinations,
    check_stored,
    columns_of,
    model_values,
)
from fshunt.hunting.limits import DEFAULT_LIMITS, limit_values, limits_of_json
from fshunt.hunting.loops import loop_warnings
from fshunt.hunting.policies import POLICIES, Remembers
from fshunt.hunting.rotation import RotationPointer, next_index
from fshunt.services import hours, limits
from fshunt.services.audit import ChangeKind, Subject, as_one_change, group_values, record_of_group
from fshunt.services.blocks import forget_stray_blocks, record_dropped
from fshunt.services.members import add_members

ADMINISTRATORS = "administrators"
"""In the change of a removed group: the names of its administrators."""

LIMITS = "limits"
"""In the change of a removed group: its limits, if it had any."""


_ROTATIONS = select(ROTATIONS).where(ROTATIONS.c.group_id.in_(bindparam("group_ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group and its rotation: who answered last, and who was first in the order of the last call."""

    group: Group
    answerer: RotationPointer | None = None
    first: RotationPointer | None = None

    @property
    def pointer(self) -> RotationPointer | None:
        """What the group's policy goes by; None before the first call, and for a policy without a rotation."""
        remembers = POLICIES[self.group.policy].remembers
        return {Remembers.ANSWERER: self.answerer, Remembers.FIRST: self.first}.get(remembers)

    def next_in_rotation(self) -> Member | None:
        """Return who is first on the next call; None where the policy has no rotation, or the group no members."""
        if POLICIES[self.group.policy].remembers is Remembers.NOTHING or not self.group.members:
            return None
        return self.group.members[next_index(self.pointer, [member.id for member in self.group.members])]


def details_of(s: Session, found: Sequence[Group]) -> list[GroupDetails]:
    """Return the groups with their rotation."""
    rows = {row.group_id: row for row in s.execute(_ROTATIONS, {"group_ids": [group.id for group in found]})}
    return [_details(group, rows.get(group.id)) for group in found]


def _details(group: Group, row: Any | None) -> GroupDetails:
    if row is None:
        return GroupDetails(group)
    answerer = pointer_of(row.answerer_id, row.answerer_position)
    return GroupDetails(group, answerer, pointer_of(row.first_id, row.first_position))


def resolve_domain(s: Session, given: str | None, setting: str | None) -> str:
    """Return the domain that was given, else the setting, else the only domain; raise UsageError if unclear."""
    named = given or setting
    if named is not None:
        return validation.check_domain(named)
    known = domain_names(s)
    if len(known) == 1:
        return known[0]
    known_domains = f"there are {', '.join(known)}" if known else "there is no domain yet"
    raise UsageError(f"Name the domain with --domain: {known_domains}.")


def list_groups(s: Session, domain: str) -> list[Group]:
    """Return the groups of the domain in order of pilot; raise NotFound if there is no such domain."""
    return read_groups(s, find_domain_id(s, domain))


def get_group(s: Session, domain: str, pilot: str) -> Group:
    """Return the group with this pilot; raise NotFound, naming the nearest, if there is none."""
    return find_group(s, find_domain_id(s, domain), domain, pilot)


def add_group(s: Session, domain: str, pilot: str, **fields: Any) -> Group:
    """Add a group, and its domain if it is new. ``fields`` are fields of hunting's Group.

    Raises BadValue or UsageError for what may not be stored, Conflict if the number is taken.
    """
    return _add(s, replace(Group(id=0, domain=domain, pilot=pilot), **fields), group_id=None)


def _add(s: Session, group: Group, *, group_id: int | None) -> Group:
    """Add a group; one that was removed before has its id again, which open calls and changes refer to."""
    domain, pilot = group.domain, group.pilot
    _check(group)
    domain_id = _lock_or_add_domain(s, domain)
    _check_number_is_free(s, domain_id, domain, pilot)
    row = HuntGroup(id=group_id, domain_id=domain_id, **columns_of(group))
    s.add(row)
    s.flush()
    s.add(GroupRotation(group_id=row.id, moves=0))
    s.flush()
    added = replace(group, id=row.id)
    record_of_group(s, added, Subject.GROUP, ChangeKind.ADD, pilot, after=group_values(added))
    return added


def set_group(s: Session, domain: str, pilot: str, **fields: Any) -> Group:
    """Change the fields that are named; raise NotFound, BadValue or UsageError."""
    return _changed(s, lock_group(s, domain, pilot), **fields)


def enable_group(s: Session, domain: str, pilot: str, enabled: bool) -> Group:
    """Let the group ring, or not."""
    return set_group(s, domain, pilot, enabled=enabled)


def renumber_group(s: Session, domain: str, pilot: str, new: str) -> Group:
    """Give the group another pilot; its members, rotation and settings stay. Raises NotFound, BadValue or Conflict."""
    validation.check_pilot(new)
    group = lock_group(s, domain, pilot)
    if new != pilot:
        _check_number_is_free(s, find_domain_id(s, domain), domain, new)
    return _changed(s, group, pilot=new)


def remove_group(s: Session, domain: str, pilot: str) -> Group:
    """Remove the group, and its domain if this was its last one, and return it as it was; raise NotFound.

    The records of its calls stay.
    """
    domain_id = find_domain_id(s, domain, lock=True)
    group = find_group(s, domain_id, domain, pilot)
    before = group_values(group) | {ADMINISTRATORS: administrators_of(s, group.id)}
    if (held := limits.limits_of(s, group)) != DEFAULT_LIMITS:
        before |= {LIMITS: limit_values(held)}
    s.execute(delete(HuntGroup).where(HuntGroup.id == group.id))
    forget_stray_blocks(s, domain_id, domain)
    record_dropped(s, group, group.members)
    record_of_group(s, group, Subject.GROUP, ChangeKind.REMOVE, pilot, before=before)
    # A domain without groups would count as a second domain.
    none_left = ~exists().where(HuntGroup.domain_id == domain_id)
    s.execute(delete(Domain).where(Domain.id == domain_id, none_left))
    announce(s, domain, [member.extension for member in group.members])
    return group


def restore_group(
    s: Session, domain: str, values: Mapping[str, Any], *, group_id: int | None, shared: bool = False
) -> Group:
    """Add a removed group again as its change has it, with id, members and administrators; it is one change.

    Its rotation begins anew. ``shared`` as for ``add_members``. Raises Conflict where a number is taken by now.
    """
    pilot = values["pilot"]
    with as_one_change(s):
        settings = _attributes(GROUP_FIELDS, values, "pilot")
        _add(s, replace(Group(id=0, domain=domain, pilot=pilot), **settings), group_id=group_id)
        for member in values["members"]:
            fields = _attributes(MEMBER_FIELDS, member, "extension")
            add_members(s, domain, pilot, [parse_member(member["extension"])], shared=shared, **fields)
        if "hours" in values:
            hours.restore(s, domain, pilot, values["hours"])
        if LIMITS in values:
            limits.set_limits(s, domain, pilot, limits_of_json(values[LIMITS]))
    restored = get_group(s, domain, pilot)
    add_grants(s, restored.id, values.get(ADMINISTRATORS, ()))
    record_of_group(s, restored, Subject.GROUP, ChangeKind.ADD, pilot, after=group_values(restored))
    return restored


def _attributes(fields: Mapping[str, Field], values: Mapping[str, Any], but: str) -> dict[str, Any]:
    """What the typed model takes; columns that a change of an older or newer fshunt has or lacks are left out."""
    return model_values(fields, {name: values[name] for name in fields if name in values and name != but})


def warnings_of(s: Session, group: Group) -> list[str]:
    """Return the warnings that depend on the other groups of the domain, one sentence each."""
    return loop_warnings(group, partial(groups_with, s, group.domain))


def _check(group: Group) -> None:
    validation.check_domain(group.domain)
    check_stored(group)
    check_destinations(group)
    if group.time_zone is None and (group.hours.week or group.hours.holidays):
        raise UsageError(f"Group {group.pilot} has business hours or holidays, which are in its time zone.")


def _changed(s: Session, group: Group, **fields: Any) -> Group:
    changed = replace(group, **fields)
    _check(changed)
    limits.check(s, group, changed)
    s.execute(update(HuntGroup).where(HuntGroup.id == changed.id).values(columns_of(changed)))
    before, after = columns_of(group), columns_of(changed)
    record_of_group(s, changed, Subject.GROUP, ChangeKind.SET, changed.pilot, before=before, after=after)
    announce(s, changed.domain, [member.extension for member in changed.members])
    return changed


def lock_group(s: Session, domain: str, pilot: str) -> Group:
    """Return a group whose settings nobody else can change until the transaction ends; raise NotFound."""
    return find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)


def _lock_or_add_domain(s: Session, domain: str) -> int:
    same = s.scalar(select(Domain.name).where(func.lower(Domain.name) == domain.lower()))
    if same not in (None, domain):
        raise Conflict(f"{domain} exists already, written {same}: use that.")
    while True:
        s.execute(insert_into(s, Domain).values(name=domain).on_conflict_do_nothing())
        try:
            return find_domain_id(s, domain, lock=True)
        except NotFound:  # its last group, and with it the domain, was removed between the two statements
            continue


def check_pilot_is_free(s: Session, domain: str, pilot: str) -> None:
    """Raise BadValue for what is no pilot, or Conflict where a group or a member of the domain has the number."""
    validation.check_pilot(pilot)
    domain_id = s.scalar(select(Domain.id).where(Domain.name == validation.check_domain(domain)))
    if domain_id is not None:
        _check_number_is_free(s, domain_id, domain, pilot)


def _check_number_is_free(s: Session, domain_id: int, domain: str, pilot: str) -> None:
    in_domain = select(HuntGroup.pilot).where(HuntGroup.domain_id == domain_id)
    if s.scalar(in_domain.where(HuntGroup.pilot == pilot)) is not None:
        raise Conflict(f"Group {pilot} of {domain} exists already: choose another number, or change that group.")
    group_of_member = s.scalar(
        in_domain.join(HuntMember, HuntMember.group_id == HuntGroup.id).where(HuntMember.extension == pilot)
    )
    if group_of_member is not None:
        raise Conflict(f"{pilot} is an extension, a member of {group_of_member}: it cannot also be a pilot.")
