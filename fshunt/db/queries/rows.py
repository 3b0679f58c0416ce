"""Reads groups, members and rotation pointers into the values of ``fshunt.hunting``, and finds groups by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import Block, Domain, GroupRotation, HuntGroup, HuntMember
from fshunt.db.prepared import Prepared
from fshunt.db.queries.hours import read_hours
from fshunt.db.statements import Transaction, run, table
from fshunt.errors import NotFound
from fshunt.hunting.blocks import Block as MemberBlock
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS, stored_values
from fshunt.hunting.hours import Hours
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.suggestions import what_there_is

DOMAINS, GROUPS, MEMBERS, BLOCKS = table(Domain), table(HuntGroup), table(HuntMember), table(Block)
MEMBER_COLUMNS = (
    *(column.label(f"member_{column.name}") for column in MEMBERS.c),
    BLOCKS.c.since.label("domain_block_since"),
    BLOCKS.c.reason.label("domain_block_reason"),
    BLOCKS.c.until.label("domain_block_until"),
)
"""What ``member_of`` reads, under names that no column of a group has."""
BLOCK_OF_MEMBER = and_(BLOCKS.c.domain_id == GROUPS.c.domain_id, BLOCKS.c.extension == MEMBERS.c.extension)
"""It may have an end that is past: for who reads it together with its end."""
BLOCK_HOLDS = or_(BLOCKS.c.until.is_(None), BLOCKS.c.until > bindparam("now", type_=BLOCKS.c.until.type))
"""Of a block, at the moment ``now``."""


def group_block_holds(members: FromClause = MEMBERS) -> ColumnElement[bool]:
    """Whether a member is blocked in the group alone, at the moment ``now``."""
    until = members.c.blocked_until
    return and_(members.c.blocked_since.is_not(None), or_(until.is_(None), until > bindparam("now", type_=until.type)))


_MEMBERS_OF_GROUPS = Prepared(
    select(*MEMBER_COLUMNS)
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .outerjoin(BLOCKS, BLOCK_OF_MEMBER)
    .where(MEMBERS.c.group_id.in_(bindparam("group_ids", expanding=True)))
    .order_by(MEMBERS.c.group_id, MEMBERS.c.position)
)
_DOMAIN_NAMES = Prepared(select(DOMAINS.c.name).order_by(DOMAINS.c.name))
_PILOTS = Prepared(select(GROUPS.c.pilot).where(GROUPS.c.domain_id == bindparam("domain_id")).order_by(GROUPS.c.pilot))


def domain_names(s: Transaction) -> list[str]:
    """Return the names of all domains."""
    return run(s, _DOMAIN_NAMES, {}).scalars()


def find_domain_id(s: Session, domain: str, *, lock: bool = False) -> int:
    """Return the domain's id; ``lock`` keeps other administration of it waiting. Raises NotFound."""
    query = select(Domain.id).where(Domain.name == domain)
    found = s.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound(f"There is no domain {domain}: {what_there_is(domain, domain_names(s), 'domain')}")
    return found


def read_groups(s: Session, domain_id: int, pilot: str | None = None) -> list[Group]:
    """Return the groups of a domain in order of pilot, or the one with this pilot; blocks that have ended are none."""
    query = group_query().where(HuntGroup.domain_id == domain_id).order_by(HuntGroup.pilot)
    return _groups(s, query if pilot is None else query.where(HuntGroup.pilot == pilot))


def _groups(s: Session, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[Group]:
    rows = s.execute(query, values).all()
    members, now = read_members(s, [row.id for row in rows]), datetime.now(UTC)
    hours = read_hours(s, rows)
    return [group_of(row, [member.at(now) for member in members[row.id]], hours[row.id]) for row in rows]


def find_group(s: Session, domain_id: int, domain: str, pilot: str) -> Group:
    """Return the group with this pilot; raise NotFound, naming the nearest, if there is none."""
    found = read_groups(s, domain_id, pilot)
    if not found:
        raise no_group(s, domain_id, domain, pilot)
    return found[0]


def no_group(s: Transaction, domain_id: int, domain: str, pilot: str) -> NotFound:
    """Return the error that says that a domain has no such group, and names the nearest."""
    return NotFound(f"There is no group {pilot} in {domain}: {what_there_is(pilot, pilots(s, domain_id), 'group')}")


def find_group_id(s: Session, domain: str, pilot: str) -> int | None:
    """Return the id of the group with this pilot; None if there is none."""
    return s.scalar(
        select(HuntGroup.id)
        .join(Domain, Domain.id == HuntGroup.domain_id)
        .where(Domain.name == domain, HuntGroup.pilot == pilot)
    )


def groups_where(s: Session, *which: ColumnElement[bool]) -> list[Group]:
    """Return the groups of all domains that are meant, in order of domain and pilot."""
    return _groups(s, group_query().where(*which).order_by(DOMAINS.c.name, GROUPS.c.pilot))


def groups_with(s: Session, domain: str, pilots: Collection[str]) -> list[Group]:
    """Return those groups of a domain that have one of these pilots."""
    return groups_where(s, DOMAINS.c.name == domain, GROUPS.c.pilot.in_(pilots))


def group_with_id(s: Session, group_id: int) -> Group | None:
    """Return a group by its id, or None."""
    return next(iter(groups_where(s, GROUPS.c.id == group_id)), None)


def group_named(s: Session, domain: str, pilot: str) -> Group | None:
    """Return the group with this pilot, or None."""
    return next(iter(_groups(s, _NAMED, {"domain": domain, "pilot": pilot})), None)


def groups_with_ids(s: Session, group_ids: Iterable[int]) -> list[Group]:
    """Return these groups; those that were removed are left out."""
    return groups_where(s, GROUPS.c.id.in_(sorted(group_ids)))


def groups_of_member(s: Session, domain: str, extension: str) -> list[Group]:
    """Return the groups of the domain in which the extension is a member."""
    theirs = select(MEMBERS.c.group_id).where(MEMBERS.c.extension == extension)
    return groups_where(s, DOMAINS.c.name == domain, GROUPS.c.id.in_(theirs))


def members_of_others(s: Session, domain: str, extensions: Collection[str], own: Collection[int]) -> set[str]:
    """Return which of these extensions of the domain are members of a group that is not one of ``own``."""
    query = (
        select(MEMBERS.c.extension)
        .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
        .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
        .where(DOMAINS.c.name == domain, MEMBERS.c.extension.in_(extensions), MEMBERS.c.group_id.not_in(own))
    )
    return set(s.scalars(query))


def pilots(s: Transaction, domain_id: int) -> list[str]:
    """Return all pilots of the domain."""
    return run(s, _PILOTS, {"domain_id": domain_id}).scalars()


def read_members(s: Transaction, group_ids: Iterable[int]) -> defaultdict[int, list[Member]]:
    """Return the members of each group in order of position; a block may have an end that is past."""
    found: defaultdict[int, list[Member]] = defaultdict(list)
    for row in run(s, _MEMBERS_OF_GROUPS, {"group_ids": list(group_ids)}):
        found[row.member_group_id].append(member_of(row))
    return found


def group_of(row: Any, members: Sequence[Member], hours: Hours) -> Group:
    """Return the group of a row of ``group_query``; raise BadValue if it was stored by hand and may not be there."""
    values = stored_values(GROUP_FIELDS, row)
    return Group(id=row.id, domain=row.domain, hours=hours, members=tuple(members), **values)


def pointer_of(member_id: int | None, position: int | None) -> RotationPointer | None:
    """Return the rotation pointer that two columns hold."""
    return None if position is None else RotationPointer(member_id, position)


def lock_rotation(s: Session, group_id: int) -> GroupRotation | None:
    """Return the row of the rotation pointers, locked until the transaction ends; None if the group is gone.

    A change of members takes this lock before it reads them, so that a call's move of a pointer and a change of the
    members never cross. On SQLite the transaction is the lock.
    """
    query = select(GroupRotation).where(GroupRotation.group_id == group_id).with_for_update()
    return s.scalar(query.execution_options(populate_existing=True))


def group_query(*more: ColumnElement[Any]) -> Select[Any]:
    """Return the query of groups with the names of their domains, and more columns."""
    return select(*GROUPS.c, DOMAINS.c.name.label("domain"), *more).join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)


_NAMED = group_query().where(DOMAINS.c.name == bindparam("domain"), GROUPS.c.pilot == bindparam("pilot"))


def member_of(row: Any) -> Member:
    """Return the member of a row of ``MEMBER_COLUMNS``."""
    return Member(
        id=row.member_id,
        position=row.member_position,
        idle_since=row.member_idle_since,
        unanswered_in_a_row=row.member_unanswered_in_a_row,
        blocks=blocks_of(row),
        **stored_values(MEMBER_FIELDS, row, "member_"),
    )


def blocks_of(row: Any) -> tuple[MemberBlock, ...]:
    """Return the blocks of a row of ``MEMBER_COLUMNS``, which may have ended: that of all groups comes first."""
    found = []
    if row.domain_block_since is not None:
        automatic = row.domain_block_reason is not None
        found.append(MemberBlock(row.domain_block_since, row.domain_block_until, automatic=automatic))
    if row.member_blocked_since is not None:
        found.append(MemberBlock(row.member_blocked_since, row.member_blocked_until, in_group=True))
    return tuple(found)
