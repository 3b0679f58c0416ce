"""A member's own blocks: whether an extension is rung in its groups, in all of them or in one alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import Block, HuntGroup, HuntMember
from fshunt.db.notifications import announce
from fshunt.db.queries.auto_block import AUTO
from fshunt.db.queries.changes import block_values
from fshunt.db.queries.member_status import Membership, memberships
from fshunt.db.queries.rows import BLOCKS, find_domain_id, find_group
from fshunt.db.statements import insert_into
from fshunt.errors import Conflict, NotFound, UsageError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.blocks import Block as MemberBlock
from fshunt.hunting.blocks import BlockState
from fshunt.hunting.group import Group, Member
from fshunt.hunting.suggestions import what_there_is
from fshunt.services.audit import GROUP_BLOCK, Change, ChangeKind, Subject, record, record_of_group
from fshunt.services.locked_group import lock_members

EVERYWHERE = ("since", "reason", "until")
"""The values that a change has of a block of all groups; ``GROUP_BLOCK`` begins those of blocks of single groups."""


@dataclass(frozen=True, slots=True)
class _Extension:
    """A member of groups of a domain, as it is at a moment; nobody else can change its blocks meanwhile."""

    domain_id: int
    domain: str
    key: str
    theirs: Sequence[Membership]
    now: datetime

    @property
    def state(self) -> BlockState:
        return _state(self.theirs, self.now)


def block_state(s: Session, domain: str, extension: str, now: datetime) -> BlockState:
    """Return where an extension (or ``number@gateway``) is blocked at a moment; without groups if it is in none.

    Raises BadValue.
    """
    return _state(memberships(s, domain, str(parse_member(extension))), now)


def block(
    s: Session,
    domain: str,
    extension: str,
    blocked: bool,
    *,
    pilot: str | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
) -> BlockState:
    """Take the extension (or ``number@gateway``) out of a group for now, or of all (``pilot`` None), or put it back.

    A block ends by itself at ``until`` (None: it does not). Put back by this, an extension may let as many calls ring
    out as if it never had (``auto_block``). Returns where it is blocked then (``BlockState`` has the rules). Raises
    BadValue, UsageError for an end that is past, or NotFound if it is in no group of the domain, or not in this one.
    """
    who = _lock(s, domain, str(parse_member(extension)), now or datetime.now(UTC))
    scope = who.theirs if pilot is None else [each for each in who.theirs if each.pilot == pilot]
    if not scope:
        raise _not_in_group(s, who, str(pilot))
    if blocked and until is not None and until <= who.now:
        raise UsageError(f"The time until which {who.key} is blocked is past.")
    if not blocked:
        _forget_unanswered(s, scope)
    after = who.state.blocked(pilot, who.now, until) if blocked else who.state.unblocked(pilot)
    return _change(s, who, after, None if pilot is None else scope[0])


def restore_block(s: Session, change: Change, values: Mapping[str, Any]) -> None:
    """Give an extension the blocks that a change has among its values; what has no value here stays as it is.

    Raises NotFound as ``block`` does, Conflict if a block would have ended by now.
    """
    who = _lock(s, str(change.domain), change.key, datetime.now(UTC))
    before, here = who.state, {each.group_id: each for each in who.theirs}
    everywhere, groups = before.everywhere, dict(before.groups)
    if any(name in values for name in EVERYWHERE):
        everywhere = _restored((_everywhere_values(everywhere) or {}) | dict(values), who)
    for name, group_id in _groups_named(change).items():
        restored = _restored(values.get(name), who, in_group=True)
        if group_id in here:
            groups[here[group_id].pilot] = restored
        elif restored is not None:
            raise _not_in_group(s, who, name.removeprefix(GROUP_BLOCK))
    after = BlockState(everywhere, groups)
    _forget_unanswered(s, [each for each in who.theirs if each.pilot in {*before.blocked_in} - {*after.blocked_in}])
    _change(s, who, after, None if change.group_id is None else here.get(change.group_id))


def values_now(s: Session, change: Change) -> dict[str, Any] | None:
    """Return the values of a change of blocks as they are now; None where there is no such block, or no such member.

    A change of all groups alone is compared with the block of all groups alone.
    """
    theirs = memberships(s, str(change.domain), change.key)
    state = _state(theirs, datetime.now(UTC))
    everywhere = _everywhere_values(state.everywhere)
    if change.before is None or change.after is None or not theirs:
        return everywhere
    there = {each.group_id: _group_value(each.group_id, state.groups[each.pilot]) for each in theirs}
    groups = {name: there.get(group_id) for name, group_id in _groups_named(change).items()}
    return (everywhere or dict.fromkeys(EVERYWHERE)) | groups


def forget_stray_blocks(s: Session, domain_id: int, domain: str) -> None:
    """Drop the blocks of extensions that are in no group of the domain any more."""
    members = (
        select(HuntMember.extension)
        .join(HuntGroup, HuntGroup.id == HuntMember.group_id)
        .where(HuntGroup.domain_id == domain_id)
    )
    stray = delete(BLOCKS).where(BLOCKS.c.domain_id == domain_id, BLOCKS.c.extension.not_in(members))
    for row in s.execute(stray.returning(*BLOCKS.c)).all():
        values = block_values(row.since, row.reason, row.until)
        record(s, Subject.BLOCK, ChangeKind.REMOVE, row.extension, domain=domain, before=values)


def record_dropped(s: Session, group: Group, gone: Iterable[Member]) -> None:
    """Record the end of the blocks of a group alone that go with its members."""
    for member in gone:
        for own in (each for each in member.blocks if each.in_group):
            before = {f"{GROUP_BLOCK}{group.pilot}": _group_value(group.id, own)}
            after = dict.fromkeys(before)
            record_of_group(s, group, Subject.BLOCK, ChangeKind.REMOVE, member.extension, before=before, after=after)


def _lock(s: Session, domain: str, key: str, now: datetime) -> _Extension:
    """Let nobody else change the blocks of an extension until the transaction ends; raise NotFound if it is no member.

    Its rows are locked at once, in the order in which a daemon writes of its calls.
    """
    domain_id = find_domain_id(s, domain, lock=True)
    theirs = memberships(s, domain, key)
    if not theirs:
        raise NotFound(f"{key} is in no group of {domain}: only a member can be blocked.")
    lock_members(s, HuntMember.id.in_([each.member_id for each in theirs]))
    return _Extension(domain_id, domain, key, theirs, now)


def _not_in_group(s: Session, who: _Extension, pilot: str) -> NotFound:
    there = [member.extension for member in find_group(s, who.domain_id, who.domain, pilot).members]
    return NotFound(f"{who.key} is not a member of {pilot}: {what_there_is(who.key, there, 'member')}")


def _state(theirs: Iterable[Membership], now: datetime) -> BlockState:
    holding = {each.pilot: [block for block in each.blocks if block.holds(now)] for each in theirs}
    everywhere = next((block for found in holding.values() for block in found if not block.in_group), None)
    groups = {pilot: next((block for block in found if block.in_group), None) for pilot, found in holding.items()}
    return BlockState(everywhere, groups)


def _change(s: Session, who: _Extension, after: BlockState, where: Membership | None) -> BlockState:
    """Write what differs, and record it as one change; of a group, if ``where`` says which one."""
    before = who.state
    if after.everywhere != before.everywhere:
        _write_everywhere(s, who, after.everywhere)
    moved = [each for each in who.theirs if after.groups[each.pilot] != before.groups[each.pilot]]
    for each in moved:
        _write_in_group(s, each.member_id, after.groups[each.pilot])
    stored = _state(memberships(s, who.domain, who.key), who.now)
    more = len(stored.blocked_in) - len(before.blocked_in)
    action = ChangeKind.ADD if more > 0 else ChangeKind.REMOVE if more < 0 else ChangeKind.SET
    was, is_now = (_values(each, who) if moved else _everywhere_values(each.everywhere) for each in (before, stored))
    if was or is_now:
        place: dict[str, Any] = {"domain": who.domain}
        if where is not None:
            place |= {"pilot": where.pilot, "group_id": where.group_id}
        record(s, Subject.BLOCK, action, who.key, before=was, after=is_now, **place)
    announce(s, who.domain, [who.key])
    return stored


def _write_everywhere(s: Session, who: _Extension, wanted: MemberBlock | None) -> None:
    key = {"domain_id": who.domain_id, "extension": who.key}
    if wanted is None:
        s.execute(delete(Block).where(Block.domain_id == who.domain_id, Block.extension == who.key))
        return
    values = {"since": wanted.since, "reason": AUTO if wanted.automatic else None, "until": wanted.until}
    s.execute(insert_into(s, Block).values(key | values).on_conflict_do_update(index_elements=list(key), set_=values))


def _write_in_group(s: Session, member_id: int, wanted: MemberBlock | None) -> None:
    since, until = (None, None) if wanted is None else (wanted.since, wanted.until)
    one = update(HuntMember).where(HuntMember.id == member_id).values(blocked_since=since, blocked_until=until)
    s.execute(one.execution_options(synchronize_session=False))


def _forget_unanswered(s: Session, whose: Iterable[Membership]) -> None:
    """Begin to count unanswered calls anew."""
    counts = update(HuntMember).where(HuntMember.id.in_([each.member_id for each in whose]))
    s.execute(counts.values(unanswered_in_a_row=0).execution_options(synchronize_session=False))


def _values(state: BlockState, who: _Extension) -> dict[str, Any]:
    """All blocks of an extension as a change has them, those of single groups under names of their own."""
    groups = {
        f"{GROUP_BLOCK}{each.pilot}": _group_value(each.group_id, state.groups[each.pilot]) for each in who.theirs
    }
    return (_everywhere_values(state.everywhere) or dict.fromkeys(EVERYWHERE)) | groups


def _everywhere_values(block: MemberBlock | None) -> dict[str, Any] | None:
    return None if block is None else block_values(block.since, AUTO if block.automatic else None, block.until)


def _group_value(group_id: int, block: MemberBlock | None) -> dict[str, Any] | None:
    """A block of a group alone, as a change has it; the id is the group's also when its pilot changes."""
    if block is None:
        return None
    values = block_values(block.since, None, block.until)
    return {"group_id": group_id, "since": values["since"], "until": values["until"]}


def _groups_named(change: Change) -> dict[str, int]:
    """The ids of the groups that a change of blocks has values of, by the names of the values."""
    both = [each for values in (change.before, change.after) for each in (values or {}).items()]
    return {name: value["group_id"] for name, value in both if name.startswith(GROUP_BLOCK) and value is not None}


def _restored(values: Mapping[str, Any] | None, who: _Extension, *, in_group: bool = False) -> MemberBlock | None:
    if values is None or values.get("since") is None:
        return None
    until = None if values.get("until") is None else datetime.fromisoformat(values["until"])
    automatic = values.get("reason") is not None
    found = MemberBlock(datetime.fromisoformat(values["since"]), until, automatic=automatic, in_group=in_group)
    if not found.holds(who.now):
        raise Conflict(f"The block of {who.key} has ended by now.")
    return found
