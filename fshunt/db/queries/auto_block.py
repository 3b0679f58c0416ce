"""Auto-block: members are blocked after unanswered calls in a row (``auto_block`` of a group)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import Block, OfferRecord
from fshunt.db.notifications import announce
from fshunt.db.prepared import Prepared
from fshunt.db.queries import changes
from fshunt.db.queries.changes import ChangeKind, Subject
from fshunt.db.queries.notices import make_for_block
from fshunt.db.queries.rows import BLOCK_HOLDS, BLOCKS, DOMAINS, GROUPS, MEMBERS, group_block_holds
from fshunt.db.statements import Rank, Transaction, at_end, dialect_of, insert_for, run, table, write
from fshunt.hunting.states import Outcome

AUTO = "auto"
"""The reason of an auto-block."""

OFFERS = table(OfferRecord)
_EARLIER, _OTHERS = OFFERS.alias("earlier"), MEMBERS.alias("others")
_RESET = Prepared(
    update(MEMBERS)
    .where(MEMBERS.c.id == bindparam("member"), MEMBERS.c.unanswered_in_a_row > 0)
    .values(unanswered_in_a_row=0)
)
_OF_MEMBER = Prepared(
    select(GROUPS.c.domain_id, GROUPS.c.auto_block, MEMBERS.c.extension, DOMAINS.c.name)
    .join(MEMBERS, MEMBERS.c.group_id == GROUPS.c.id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(MEMBERS.c.id == bindparam("member"))
)
_LOCK_DOMAIN = Prepared(select(DOMAINS.c.id).where(DOMAINS.c.id == bindparam("domain")).with_for_update())
_COUNTED_BEFORE = exists().where(
    OFFERS.c.id == bindparam("offer"),
    _EARLIER.c.call_id == OFFERS.c.call_id,
    _EARLIER.c.extension == OFFERS.c.extension,
    _EARLIER.c.id != OFFERS.c.id,
    _EARLIER.c.outcome == Outcome.NO_ANSWER.value,
)
_COUNT = Prepared(
    update(MEMBERS)
    .where(MEMBERS.c.id == bindparam("member"), ~_COUNTED_BEFORE)
    .values(unanswered_in_a_row=MEMBERS.c.unanswered_in_a_row + 1)
    .returning(MEMBERS.c.unanswered_in_a_row)
)
_SOMEBODY_ELSE = (
    exists()
    .where(_OTHERS.c.group_id == GROUPS.c.id, _OTHERS.c.id != MEMBERS.c.id, _OTHERS.c.enabled)
    .where(_OTHERS.c.extension.not_in(bindparam("missing", expanding=True)))
    .where(~group_block_holds(_OTHERS))
    .where(
        ~exists().where(
            BLOCKS.c.domain_id == GROUPS.c.domain_id, BLOCKS.c.extension == _OTHERS.c.extension, BLOCK_HOLDS
        )
    )
)
_LAST_ONE = Prepared(
    select(GROUPS.c.id)
    .join(MEMBERS, MEMBERS.c.group_id == GROUPS.c.id)
    .where(GROUPS.c.domain_id == bindparam("domain"), MEMBERS.c.extension == bindparam("who"), MEMBERS.c.enabled)
    .where(~group_block_holds(), ~_SOMEBODY_ELSE)
    .limit(1)
)
"""A group that rings this extension, and in which all other members are disabled, blocked or without a phone."""
_BLOCKED_AT = Prepared(
    select(BLOCKS.c.since)
    .join(DOMAINS, DOMAINS.c.id == BLOCKS.c.domain_id)
    .where(DOMAINS.c.name == bindparam("domain"), BLOCKS.c.extension == bindparam("who"), BLOCKS.c.reason == AUTO)
)


def blocked_at(s: Session, domain: str, extension: str) -> datetime | None:
    """Return when the extension was auto-blocked (the end of the deciding offer), or None."""
    found: datetime | None = run(s, _BLOCKED_AT, {"domain": domain, "who": extension}).scalar()
    return found


def count_offer(
    s: Transaction, offer_id: str, member_id: int, *, rang_whole_time: bool, at: datetime, missing: Collection[str]
) -> None:
    """Count an unanswered call of a member, once a hunt, and block the member if the count is reached.

    If the member answered or declined, the count is reset. ``missing`` are the extensions of the domain without a phone
    now: the last member with a phone is not blocked.
    """
    if not rang_whole_time:
        at_end(s, Rank.MEMBER, member_id, lambda s: write(s, _RESET, {"member": member_id}))
        return
    row = run(s, _OF_MEMBER, {"member": member_id}).first()
    if row is None or row.auto_block is None:
        return
    # A block locks the domain: of two members who are both blocked now, one may be the last.
    at_end(s, Rank.DOMAIN, row.domain_id, lambda s: write(s, _LOCK_DOMAIN, {"domain": row.domain_id}))
    counting = partial(_count, offer_id=offer_id, member_id=member_id, row=row, at=at, missing=missing)
    at_end(s, Rank.MEMBER, member_id, counting)


def _count(s: Transaction, *, offer_id: str, member_id: int, row: Any, at: datetime, missing: Collection[str]) -> None:
    counted = run(s, _COUNT, {"member": member_id, "offer": offer_id}).scalar()
    if counted is None or counted < row.auto_block:
        return
    who = {"domain": row.domain_id, "who": row.extension, "missing": sorted(missing), "now": at}
    if run(s, _LAST_ONE, who).first() is not None:
        return
    values = {"domain_id": row.domain_id, "extension": row.extension, "since": at, "reason": AUTO, "until": None}
    if run(s, _auto_blocking(dialect_of(s)), values).first() is None:
        return
    change = {"at": at, "domain": row.name, "subject": Subject.BLOCK.value, "subject_key": row.extension}
    changes.add_by_daemon(s, change | {"action": ChangeKind.ADD.value, "after": changes.block_values(at, AUTO)})
    announce(s, row.name, [row.extension])
    make_for_block(s, offer_id, member_id, row.extension, at)


@cache
def _auto_blocking(dialect: str) -> Prepared:
    """The INSERT of a block, in place of one that has ended; with one that holds, it returns nothing."""
    insert = insert_for(dialect, Block)
    changed = {name: insert.excluded[name] for name in ("since", "reason", "until")}
    renewed = insert.on_conflict_do_update(
        index_elements=["domain_id", "extension"], set_=changed, where=BLOCKS.c.until <= insert.excluded.since
    )
    return Prepared(renewed.returning(BLOCKS.c.extension))
