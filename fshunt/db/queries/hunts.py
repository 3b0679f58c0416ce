"""What a call needs while it hunts: the group it dialled, the rotation pointers, the members' idle times and claims.

Every function may be run twice with the same values and then has done its work once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, or_, select, update

from fshunt.db.models import Domain, GroupRotation, RotationMove
from fshunt.db.prepared import Prepared
from fshunt.db.queries.claims import claim, look_and_claim, release
from fshunt.db.queries.hours import read_hours
from fshunt.db.queries.rows import (
    BLOCK_OF_MEMBER,
    BLOCKS,
    GROUPS,
    MEMBER_COLUMNS,
    MEMBERS,
    domain_names,
    group_of,
    group_query,
    member_of,
    no_group,
    pointer_of,
)
from fshunt.db.statements import Rank, Transaction, at_end, dialect_of, insert_for, run, table, write
from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.policies import Remembers, first_member
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.suggestions import what_there_is

__all__ = [
    "LoadedGroup",
    "claim",
    "find_domain",
    "load",
    "look_and_claim",
    "move_first",
    "move_first_at_end",
    "note_answer",
    "note_end",
    "release",
    "rotation_pointers",
]

KEPT_MOVES = 1000
"""How many moves of a group's rotation pointers are remembered by call: more than the events that can be pending at one
time (the outbox writes 200 at once)."""
FORGET_EVERY = 100
"""After how many moves the oldest are deleted: not at each, because calls wait for a move."""

DOMAINS, ROTATIONS, MOVES = table(Domain), table(GroupRotation), table(RotationMove)
_ROTATION_COLUMNS = (
    ROTATIONS.c.answerer_id,
    ROTATIONS.c.answerer_position,
    ROTATIONS.c.first_id,
    ROTATIONS.c.first_position,
)

_GROUP_WITH_ALL = Prepared(
    group_query(*_ROTATION_COLUMNS, *MEMBER_COLUMNS)
    .outerjoin(ROTATIONS, ROTATIONS.c.group_id == GROUPS.c.id)
    .outerjoin(MEMBERS, MEMBERS.c.group_id == GROUPS.c.id)
    .outerjoin(BLOCKS, BLOCK_OF_MEMBER)
    .where(
        # Not a condition on the joined domain: for that SQLite scans all groups.
        GROUPS.c.domain_id.in_(select(DOMAINS.c.id).where(func.lower(DOMAINS.c.name) == bindparam("domain"))),
        GROUPS.c.pilot == bindparam("pilot"),
    )
    .order_by(MEMBERS.c.position)
)
"""A group, its rotation pointers and its members: a row for each member, or one row with none. A call waits for one
answer."""
_ROTATION = select(ROTATIONS).where(ROTATIONS.c.group_id == bindparam("group_id"))
_ROTATION_OF_GROUP, _LOCK_ROTATION = Prepared(_ROTATION), Prepared(_ROTATION.with_for_update())
_MOVE_DONE = Prepared(
    select(MOVES.c.before_id, MOVES.c.before_position).where(
        MOVES.c.group_id == bindparam("group_id"),
        MOVES.c.kind == bindparam("kind"),
        MOVES.c.call_uuid == bindparam("uuid"),
    )
)
_DOMAIN_NAMED = Prepared(select(DOMAINS.c.id, DOMAINS.c.name).where(func.lower(DOMAINS.c.name) == bindparam("domain")))
_TWO_DOMAINS = Prepared(select(DOMAINS.c.id, DOMAINS.c.name).limit(2))
_MEMBER = (MEMBERS.c.id == bindparam("member"), MEMBERS.c.group_id == bindparam("of_group"))
_SET_ROTATION = update(ROTATIONS).where(ROTATIONS.c.group_id == bindparam("of_group"))
_FORGET_MOVES = Prepared(
    delete(MOVES).where(MOVES.c.group_id == bindparam("of_group"), MOVES.c.number <= bindparam("last"))
)
_STAMP_MEMBER = Prepared(
    update(MEMBERS).where(
        MEMBERS.c.id == bindparam("member_id"),
        or_(MEMBERS.c.idle_since.is_(None), MEMBERS.c.idle_since < bindparam("at")),
    )
)


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """A group and its rotation pointers, all read at one moment."""

    group: Group
    answerer: RotationPointer | None
    first: RotationPointer | None


def load(
    s: Transaction,
    *,
    pilot: str,
    fshunt_domain: str | None = None,
    domain_name: str | None = None,
    host: str | None = None,
) -> LoadedGroup:
    """Return the group that was dialled; see ``find_domain`` for the domain. Raises NotFound."""
    named = fshunt_domain or domain_name or host or ""
    found = _loaded(s, named, pilot)
    if found is not None:
        return found
    domain_id, domain = find_domain(s, fshunt_domain=fshunt_domain, domain_name=domain_name, host=host)
    found = _loaded(s, domain, pilot)
    if found is None:
        raise no_group(s, domain_id, domain, pilot)
    return found


def _loaded(s: Transaction, domain: str, pilot: str) -> LoadedGroup | None:
    """Return the group of a domain, named without regard to case, or None."""
    rows = run(s, _GROUP_WITH_ALL, {"domain": domain.lower(), "pilot": pilot}).all()
    if not rows:
        return None
    members = [member_of(row) for row in rows if row.member_id is not None]
    hours = read_hours(s, rows[:1])[rows[0].id]
    return LoadedGroup(group_of(rows[0], members, hours), *_pointers_of(rows[0]))


def find_domain(
    s: Transaction, *, fshunt_domain: str | None = None, domain_name: str | None = None, host: str | None = None
) -> tuple[int, str]:
    """Return id and name of a call's domain, without regard to case; raise NotFound if it cannot be told.

    It is the one that the dialplan names (``fshunt_domain``) and no other; else ``domain_name``, the tenant of the
    caller's phone; else, where none is set, the ``host`` that was dialled; else, if that is no domain of ours, the only
    domain there is. A caller who can dial any host cannot reach another tenant's pilots by it.
    """
    named = fshunt_domain or domain_name or host or ""
    row = run(s, _DOMAIN_NAMED, {"domain": named.lower()}).first()
    if row is not None:
        return row.id, row.name
    everywhere = run(s, _TWO_DOMAINS, {}).all()
    if len(everywhere) == 1 and not fshunt_domain:
        return everywhere[0].id, everywhere[0].name
    said = named or "(none was said)"
    raise NotFound(f"There is no domain {said}: {what_there_is(said, domain_names(s), 'domain')}")


def rotation_pointers(s: Transaction, group_id: int) -> tuple[RotationPointer | None, RotationPointer | None]:
    """Return the rotation pointers of a group: who answered last, and who was first last time."""
    row = run(s, _ROTATION_OF_GROUP, {"group_id": group_id}).first()
    return (None, None) if row is None else _pointers_of(row)


def move_first(
    s: Transaction, group_id: int, call_uuid: str, choose: Callable[[RotationPointer | None], int | None]
) -> RotationPointer | None:
    """Move the pointer ``first`` of a group, once a call (I3), and return the one that decides the order of this call.

    ``choose`` is given that pointer and returns who is first now (a member's id; None: nobody, and nothing moves).
    ``call_uuid`` is the arrival of the caller. Two calls at once move it one after the other. A call that has moved it
    already moves nothing and is given what the pointer was before its move, however many calls have moved it since.
    """
    return _move(s, group_id, Remembers.FIRST, call_uuid, choose)


def move_first_at_end(s: Transaction, group_id: int, call_uuid: str, policy_input: dict[str, Any]) -> None:
    """Do as ``move_first``, at the end of the transaction, for a call that could not wait for it.

    ``policy_input`` is what its order was decided on, as plain values: the daemon's next run may write this.
    Raises KeyError or ValueError for other values.
    """
    read = PolicyInput.from_json(policy_input)
    choose = partial(first_member, read)
    at_end(s, Rank.ROTATION, group_id, lambda s: _move(s, group_id, Remembers.FIRST, call_uuid, choose))


def note_answer(
    s: Transaction, group_id: int, member_id: int, *, call_uuid: str, at: datetime, moves_answerer: bool
) -> None:
    """Set the answerer's idle time and, for a policy that needs it, the answerer pointer, once for ``call_uuid``."""
    if moves_answerer:
        at_end(s, Rank.ROTATION, group_id, lambda s: _note_answerer(s, group_id, member_id, call_uuid))
    note_end(s, member_id, at=at)


def note_end(s: Transaction, member_id: int, *, at: datetime) -> None:
    """Set the idle time of a member whose hunt call ended at ``at``: it never goes back (invariant I5)."""
    stamp = {"member_id": member_id, "at": at, "idle_since": at}
    at_end(s, Rank.MEMBER, member_id, lambda s: write(s, _STAMP_MEMBER, stamp))


def _note_answerer(s: Transaction, group_id: int, member_id: int, call_uuid: str) -> None:
    _move(s, group_id, Remembers.ANSWERER, call_uuid, lambda _before: member_id)


def _pointers_of(row: Any) -> tuple[RotationPointer | None, RotationPointer | None]:
    return pointer_of(row.answerer_id, row.answerer_position), pointer_of(row.first_id, row.first_position)


def _move(
    s: Transaction,
    group_id: int,
    kind: Remembers,
    call_uuid: str,
    choose: Callable[[RotationPointer | None], int | None],
) -> RotationPointer | None:
    row = run(s, _LOCK_ROTATION, {"group_id": group_id}).first()
    if row is None:
        return None
    before = pointer_of(getattr(row, f"{kind}_id"), getattr(row, f"{kind}_position"))
    member_id = choose(before)
    move = {
        "of_group": group_id,
        "of_kind": kind.value,
        "of_call": call_uuid,
        "as_number": row.moves + 1,
        "from_id": before.member_id if before else None,
        "from_position": before.position if before else None,
        "member": member_id,
    }
    if member_id is None or run(s, _noting_move(dialect_of(s)), move).scalar() is None:
        # The call has moved it already, or there is no member to move it to.
        done = run(s, _MOVE_DONE, {"group_id": group_id, "kind": kind.value, "uuid": call_uuid}).first()
        return before if done is None else pointer_of(done.before_id, done.before_position)
    write(s, _setting_rotation(kind), {"of_group": group_id, "member": member_id, "as_number": row.moves + 1})
    if (row.moves + 1) % FORGET_EVERY == 0:
        write(s, _FORGET_MOVES, {"of_group": group_id, "last": row.moves + 1 - KEPT_MOVES})
    return before


@cache
def _noting_move(dialect: str) -> Prepared:
    """The INSERT of a call's move, unless the call has moved it already or the member is gone; it tells which."""
    said = {
        MOVES.c.group_id: "of_group",
        MOVES.c.kind: "of_kind",
        MOVES.c.call_uuid: "of_call",
        MOVES.c.number: "as_number",
        MOVES.c.before_id: "from_id",
        MOVES.c.before_position: "from_position",
    }
    move = select(*(bindparam(name, type_=column.type) for column, name in said.items())).where(
        exists().where(*_MEMBER)
    )
    insert = insert_for(dialect, RotationMove).from_select([column.name for column in said], move)
    return Prepared(insert.on_conflict_do_nothing().returning(MOVES.c.number))


@cache
def _setting_rotation(kind: Remembers) -> Prepared:
    place = select(MEMBERS.c.position).where(*_MEMBER).scalar_subquery()
    moved = {f"{kind}_id": bindparam("member"), f"{kind}_position": place, "moves": bindparam("as_number")}
    return Prepared(_SET_ROTATION.values(moved))
