"""Disabled and blocked members, and since when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from fshunt.db.queries.rows import BLOCK_HOLDS, BLOCK_OF_MEMBER, BLOCKS, GROUPS, MEMBERS
from fshunt.db.statements import run
from fshunt.hunting.availability import MemberStatus, SkipReason, skip_reason

_STATUS = (
    select(
        MEMBERS.c.id,
        and_(MEMBERS.c.enabled, GROUPS.c.enabled).label("enabled"),
        BLOCKS.c.extension.is_not(None).label("blocked"),
    )
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .outerjoin(BLOCKS, and_(BLOCK_OF_MEMBER, BLOCK_HOLDS))
    .where(MEMBERS.c.id.in_(bindparam("ids", expanding=True)))
)

_BLOCKED = (
    select(BLOCKS.c.extension, BLOCKS.c.since)
    .join(GROUPS, GROUPS.c.domain_id == BLOCKS.c.domain_id)
    .join(MEMBERS, and_(MEMBERS.c.group_id == GROUPS.c.id, BLOCK_OF_MEMBER))
    .where(GROUPS.c.id.in_(bindparam("group_ids", expanding=True)), BLOCK_HOLDS)
)


def blocked_since(s: Session, group_ids: Collection[int], now: datetime) -> dict[str, datetime]:
    """Return since when members of groups of one domain are blocked at a moment, by extension."""
    return {row.extension: row.since for row in run(s, _BLOCKED, {"group_ids": sorted(group_ids), "now": now})}


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
