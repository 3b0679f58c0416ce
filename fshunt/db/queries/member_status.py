"""Disabled and blocked members, and where an extension is blocked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from fshunt.db.queries.rows import (
    BLOCK_HOLDS,
    BLOCK_OF_MEMBER,
    BLOCKS,
    DOMAINS,
    GROUPS,
    MEMBER_COLUMNS,
    MEMBERS,
    blocks_of,
    group_block_holds,
)
from fshunt.db.statements import run
from fshunt.hunting.availability import MemberStatus, SkipReason, skip_reason
from fshunt.hunting.blocks import Block

_STATUS = (
    select(
        MEMBERS.c.id,
        and_(MEMBERS.c.enabled, GROUPS.c.enabled).label("enabled"),
        or_(BLOCKS.c.extension.is_not(None), group_block_holds()).label("blocked"),
    )
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .outerjoin(BLOCKS, and_(BLOCK_OF_MEMBER, BLOCK_HOLDS))
    .where(MEMBERS.c.id.in_(bindparam("ids", expanding=True)))
)

_MEMBERSHIPS = (
    select(*MEMBER_COLUMNS, GROUPS.c.pilot)
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .outerjoin(BLOCKS, BLOCK_OF_MEMBER)
    .where(DOMAINS.c.name == bindparam("domain"), MEMBERS.c.extension == bindparam("who"))
    .order_by(GROUPS.c.pilot)
)


@dataclass(frozen=True, slots=True)
class Membership:
    """An extension in one group, and its blocks, which may have ended."""

    member_id: int
    group_id: int
    pilot: str
    blocks: tuple[Block, ...]


def memberships(s: Session, domain: str, extension: str) -> list[Membership]:
    """Return the groups of a domain that the extension is in, in order of pilot."""
    rows = run(s, _MEMBERSHIPS, {"domain": domain, "who": extension})
    return [Membership(row.member_id, row.member_group_id, row.pilot, blocks_of(row)) for row in rows]


def may_not_ring(s: Session, member_ids: Collection[int], now: datetime) -> dict[int, SkipReason]:
    """Return the members who may not ring at a moment, and why; a removed member or group counts as disabled."""
    rows = {row.id: row for row in run(s, _STATUS, {"ids": sorted(member_ids), "now": now})}
    reasons = {}
    for member_id in member_ids:
        row = rows.get(member_id)
        status = MemberStatus(enabled=row.enabled, blocked=row.blocked) if row else MemberStatus(enabled=False)
        reason = skip_reason(status)
        if reason is not None:
            reasons[member_id] = reason
    return reasons
