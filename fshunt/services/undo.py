"""Undo: a change is taken back by another change, unless somebody has changed the same thing since.

The table ``UNDOABLE`` has a row for each subject: how it is now, and how it is brought back. An undo is recorded as any
change is, so it can be undone in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.db.models import Domain
from fshunt.db.queries.changes import mark_undone
from fshunt.db.queries.rows import find_domain_id, group_with_id
from fshunt.errors import ChangedSince, Conflict, UsageError
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS, Field, model_values
from fshunt.hunting.limits import limit_values, limits_of_json
from fshunt.services import blocks, groups, hours, limits, members, notices
from fshunt.services.audit import (
    ORDER,
    Change,
    Subject,
    get_change,
    group_values,
    hours_values,
    last_change_id,
    member_values,
    undoing,
)

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Undoable:
    """What undo knows of a subject.

    ``now`` returns the whole subject of a change as it is now, None if it is not there. ``remove`` takes it away,
    ``restore`` brings a whole one back, ``set`` writes some of its fields. Of one that was added, changes of the fields
    in ``of_others`` do not count: other changes move them.
    """

    now: Callable[[Session, Change], Values | None]
    remove: Callable[[Session, Change], object]
    restore: Callable[[Session, Change, Values, Collection[str]], object]
    set: Callable[[Session, Change, Values], object]
    of_others: frozenset[str] = frozenset()


def can_undo(change: Change) -> bool:
    """Tell whether a change is of a kind that can be undone, and is not undone yet."""
    return change.subject in UNDOABLE and change.undone_by is None


def undo(s: Session, change_id: int, *, shared_members: Collection[str] = ()) -> Change:
    """Take a change back, and return the change that does it.

    ``shared_members``: domains in which a member may be in several groups. Raises NotFound; UsageError for a subject
    that cannot be undone; Conflict, with both values, where somebody has changed the same thing since.
    """
    _lock_domain(s, get_change(s, change_id))
    change = get_change(s, change_id, lock=True)
    how = UNDOABLE.get(change.subject)
    if how is None:
        raise _not_undoable(change)
    if change.undone_by is not None:
        raise Conflict(f"Change {change_id} is undone already: undo change {change.undone_by} to have it again.")
    _check_nobody_changed(change, how.now(s, change), how.of_others)
    with undoing(s, change):
        if change.before is None:
            how.remove(s, change)
        elif change.after is None:
            how.restore(s, change, change.before, shared_members)
        else:
            how.set(s, change, change.before)
    made = last_change_id(s)
    if made is None:
        raise Conflict(f"Undoing change {change_id} would change nothing.")
    mark_undone(s, change_id, made)
    return get_change(s, made)


def _not_undoable(change: Change) -> UsageError:
    if change.subject is Subject.DOMAIN:
        return UsageError(f"Change {change.id} cannot be undone: rename the domain back by `fshunt domain rename`.")
    return UsageError(f"Change {change.id} cannot be undone: it is of a {change.subject.value}.")


def _lock_domain(s: Session, change: Change) -> None:
    """Let no other administration of the domain in; one that is gone comes back with the group."""
    if change.domain is not None and s.scalar(select(Domain.id).where(Domain.name == change.domain)) is not None:
        find_domain_id(s, change.domain, lock=True)


def _check_nobody_changed(change: Change, now: Values | None, of_others: frozenset[str]) -> None:
    what = f"{change.subject.value} {change.key}"
    if change.after is None:
        if now is not None:
            raise Conflict(f"The {what} is there again: change {change.id} cannot be undone.")
        return
    if now is None:
        raise Conflict(f"The {what} is not there any more: change {change.id} cannot be undone.")
    ignored = of_others if change.before is None else frozenset()
    differ = [name for name in change.after if name in now and name not in ignored and now[name] != change.after[name]]
    if differ:
        raise ChangedSince(
            f"Somebody has changed {what} since change {change.id}: {_both(differ, change.after, now)}.",
            change.id,
            what,
            [(name, change.after[name], now[name]) for name in differ],
        )


def _both(names: Collection[str], after: Values, now: Values) -> str:
    return "; ".join(f"`{name}` was set to {_shown(after[name])} and is {_shown(now[name])} now" for name in names)


def _shown(value: object) -> str:
    if isinstance(value, list):
        said = (str(each["extension"]) if isinstance(each, dict) else str(each) for each in value)
        return ", ".join(said) or "empty"
    if isinstance(value, dict):
        known = {name: each for name, each in value.items() if each is not None and name != "group_id"}
        given = (f"{name.replace('_', ' ')} {_shown(each)}" for name, each in known.items())
        return ", ".join(given) or "not set"
    return "not set" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def _find_group(s: Session, change: Change) -> Group | None:
    """The group of a change, whatever its pilot is by now. One that was removed and restored has its id again."""
    return None if change.group_id is None else group_with_id(s, change.group_id)


def _group(s: Session, change: Change) -> Group:
    found = _find_group(s, change)
    if found is None:
        raise Conflict(f"Group {change.pilot} is not there any more: change {change.id} cannot be undone.")
    return found


def _group_now(s: Session, change: Change) -> Values | None:
    found = _find_group(s, change)
    return None if found is None else group_values(found) | {ORDER: [each.extension for each in found.members]}


def _remove_group(s: Session, change: Change) -> None:
    group = _group(s, change)
    groups.remove_group(s, group.domain, group.pilot)


def _restore_group(s: Session, change: Change, values: Values, shared_members: Collection[str]) -> None:
    domain = str(change.domain)
    groups.restore_group(s, domain, values, group_id=change.group_id, shared=domain in shared_members)


def _set_group(s: Session, change: Change, values: Values) -> None:
    group = _group(s, change)
    if ORDER in values:
        members.order_members(s, group.domain, group.pilot, [parse_member(each) for each in values[ORDER]])
    elif "pilot" in values:
        groups.renumber_group(s, group.domain, group.pilot, values["pilot"])
    else:
        groups.set_group(s, group.domain, group.pilot, **_attributes(GROUP_FIELDS, values))


def _address(change: Change) -> MemberAddress:
    return parse_member(change.key)


def _member_now(s: Session, change: Change) -> Values | None:
    address = _address(change)
    found = _find_group(s, change)
    there = (member for member in (found.members if found else ()) if member.address == address)
    member: Member | None = next(there, None)
    return None if member is None else member_values(member)


def _remove_member(s: Session, change: Change) -> None:
    group = _group(s, change)
    members.remove_member(s, group.domain, group.pilot, _address(change))


def _restore_member(s: Session, change: Change, values: Values, shared_members: Collection[str]) -> None:
    group = _group(s, change)
    fields = _attributes(MEMBER_FIELDS, values)
    del fields["address"]
    members.add_members(
        s,
        group.domain,
        group.pilot,
        [_address(change)],
        at=min(values["position"], len(group.members) + 1),
        shared=group.domain in shared_members,
        **fields,
    )


def _set_member(s: Session, change: Change, values: Values) -> None:
    group = _group(s, change)
    if "position" in values:
        members.move_member(s, group.domain, group.pilot, _address(change), values["position"])
    else:
        fields = _attributes(MEMBER_FIELDS, values)
        members.set_member(s, group.domain, group.pilot, _address(change), **fields)


def _attributes(fields: Mapping[str, Field], values: Values) -> dict[str, Any]:
    """What the typed model takes. Columns of another version of fshunt are left out: no service could write them."""
    return model_values(fields, {name: value for name, value in values.items() if name in fields})


def _block_now(s: Session, change: Change) -> Values | None:
    return blocks.values_now(s, change)


def _unblock(s: Session, change: Change) -> None:
    blocks.restore_block(s, change, dict.fromkeys(change.after or ()))


def _restore_block(s: Session, change: Change, values: Values, _shared: Collection[str] = ()) -> None:
    blocks.restore_block(s, change, values)


def _hours_now(s: Session, change: Change) -> Values | None:
    """A holiday that is not there is None, as the change has it."""
    found = _find_group(s, change)
    return None if found is None else dict.fromkeys(change.after or ()) | hours_values(found)


def _set_hours(s: Session, change: Change, values: Values) -> None:
    group = _group(s, change)
    hours.restore(s, group.domain, group.pilot, values)


def _never(_s: Session, change: Change, *_: object) -> None:
    raise UsageError(f"Change {change.id} cannot be undone: this is neither added nor removed as a whole.")


def _limits_now(s: Session, change: Change) -> Values | None:
    found = _find_group(s, change)
    return None if found is None else limit_values(limits.limits_of(s, found))


def _set_limits(s: Session, change: Change, values: Values) -> None:
    group = _group(s, change)
    now = limit_values(limits.limits_of(s, group))
    limits.set_limits(s, group.domain, group.pilot, limits_of_json(now | dict(values)))


def _notice_now(s: Session, change: Change) -> Values | None:
    found = _find_group(s, change)
    return None if found is None else notices.values_now(s, found, change.key)


def _remove_notice(s: Session, change: Change) -> None:
    notices.remove_target(s, _group(s, change), change.key)


def _restore_notice(s: Session, change: Change, values: Values, _shared: Collection[str] = ()) -> None:
    notices.restore_notice(s, _group(s, change), values)


UNDOABLE: dict[Subject, Undoable] = {
    Subject.GROUP: Undoable(_group_now, _remove_group, _restore_group, _set_group),
    Subject.MEMBER: Undoable(_member_now, _remove_member, _restore_member, _set_member, frozenset({"position"})),
    Subject.HOURS: Undoable(_hours_now, _never, _never, _set_hours),
    Subject.LIMITS: Undoable(_limits_now, _never, _never, _set_limits),
    Subject.NOTICE: Undoable(_notice_now, _remove_notice, _restore_notice, _restore_notice),
    Subject.BLOCK: Undoable(_block_now, _unblock, _restore_block, _restore_block),
}
"""The subjects whose changes can be undone."""
