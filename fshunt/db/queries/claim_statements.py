"""The statements that look at members and claim them. ``claims`` says what they are for."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    Subquery,
    and_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.dml import ReturningInsert

from fshunt.db.models import Claim
from fshunt.db.notifications import CHANNEL, QUEUE, payload_of
from fshunt.db.prepared import Prepared
from fshunt.db.queries.queue import OF_CALL
from fshunt.db.queries.rows import BLOCK_HOLDS, BLOCK_OF_MEMBER, BLOCKS, GROUPS, MEMBERS, group_block_holds
from fshunt.db.statements import insert_for, table
from fshunt.db.types import UtcDateTime

CLAIMS = table(Claim)
KEY = (CLAIMS.c.domain, CLAIMS.c.extension)

_CLAIMED = exists().where(
    CLAIMS.c.domain == bindparam("in_domain"),
    CLAIMS.c.extension == MEMBERS.c.extension,
    CLAIMS.c.call_uuid != bindparam("call"),
)
"""By a hunt for another call."""
_QUEUED_BEFORE = exists().where(
    QUEUE.c.domain == bindparam("in_domain"),
    QUEUE.c.extension == MEMBERS.c.extension,
    QUEUE.c.call_uuid != bindparam("call"),
    QUEUE.c.ticket < bindparam("my_ticket"),
)
"""For a hunt for another call that waits and came before this one."""
_IN_WRAP_UP = and_(
    MEMBERS.c.idle_since.is_not(None),
    MEMBERS.c.idle_since > bindparam("wrap_up_after", type_=UtcDateTime()),
    MEMBERS.c.idle_since < bindparam("wrap_up_before", type_=UtcDateTime()),
)
"""Both moments are said by ``hunting.availability``."""

LOOK = (
    select(
        MEMBERS.c.id,
        MEMBERS.c.extension,
        and_(MEMBERS.c.enabled, GROUPS.c.enabled).label("enabled"),
        MEMBERS.c.idle_since,
        or_(BLOCKS.c.extension.is_not(None), group_block_holds()).label("blocked"),
        BLOCKS.c.reason.is_not(None).label("auto_blocked"),
        and_(BLOCKS.c.extension.is_(None), group_block_holds()).label("blocked_in_group"),
        _IN_WRAP_UP.label("in_wrap_up"),
        _CLAIMED.label("claimed"),
        _QUEUED_BEFORE.label("queued_before"),
    )
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .outerjoin(BLOCKS, and_(BLOCK_OF_MEMBER, BLOCK_HOLDS))
    .where(MEMBERS.c.group_id == bindparam("of_group"), MEMBERS.c.id.in_(bindparam("members", expanding=True)))
)
"""Some members of a group as they are now."""

# Also of an earlier hunt for this call, whose daemon has died or stopped: the caller is here now.
_LEAVE = delete(QUEUE).where(OF_CALL)


@cache
def look() -> Prepared:
    """LOOK by itself."""
    return Prepared(LOOK)


@cache
def claim_these(dialect: str) -> Prepared:
    """The INSERT of claims that replaces the call's own, and tells which were taken."""
    return Prepared(_taking(insert_for(dialect, Claim)))


@cache
def claim_wanted(dialect: str) -> Prepared:
    """The same for those of LOOK who are wanted and may be rung."""
    return Prepared(_taking_wanted(dialect, LOOK.subquery()))


@cache
def look_and_claim_wanted(*, may_be_queued: bool) -> Prepared:
    """All of it as one statement, which PostgreSQL can: LOOK and ``claim_wanted``, and out of the queue.

    All parts see the tables as they were before it.
    """
    looked = LOOK.cte("looked")
    got = _taking_wanted("postgresql", looked).cte("got")
    all_of_it = select(*looked.c, got.c.extension.is_not(None).label("got")).outerjoin(
        got, got.c.extension == looked.c.extension
    )
    if not may_be_queued:
        return Prepared(all_of_it)
    left = _LEAVE.where(exists().where(got.c.extension.is_not(None))).returning(QUEUE.c.extension).cte("left")
    others = exists().where(
        QUEUE.c.domain == bindparam("in_domain"), QUEUE.c.extension == left.c.extension, not_(OF_CALL)
    )
    # Callers behind may be the first now for a member that is free.
    payload = payload_of(bindparam("in_domain"), left.c.extension)
    notified = select(func.count(func.pg_notify(CHANNEL, payload))).select_from(left).where(others)
    everything = (*looked.c, got.c.extension.is_not(None).label("got"), notified.scalar_subquery().label("notified"))
    return Prepared(select(*everything).outerjoin(got, got.c.extension == looked.c.extension))


def _taking_wanted(dialect: str, looked: CTE | Subquery) -> ReturningInsert[str]:
    row: dict[str, ColumnElement[Any]] = {
        "domain": bindparam("in_domain", type_=CLAIMS.c.domain.type),
        "extension": looked.c.extension,
        "call_uuid": bindparam("call", type_=CLAIMS.c.call_uuid.type),
        "hunt_id": bindparam("hunt", type_=CLAIMS.c.hunt_id.type),
        "run_id": bindparam("by", type_=CLAIMS.c.run_id.type),
        "sequence": bindparam("number", type_=CLAIMS.c.sequence.type),
    }
    hindered = or_(looked.c.blocked, looked.c.in_wrap_up, looked.c.claimed, looked.c.queued_before)
    candidates = (
        select(*row.values())
        .where(looked.c.id.in_(bindparam("wanted", expanding=True)), looked.c.enabled, not_(hindered))
        .order_by(looked.c.extension)
    )
    return _taking(insert_for(dialect, Claim).from_select(list(row), candidates))


def _taking(insert: Any) -> ReturningInsert[str]:
    new = insert.excluded
    taken = insert.on_conflict_do_update(
        index_elements=KEY,
        set_={name: new[name] for name in ("hunt_id", "call_uuid", "run_id", "sequence")},
        where=CLAIMS.c.call_uuid == new.call_uuid,
    )
    return cast("ReturningInsert[str]", taken.returning(CLAIMS.c.extension))
