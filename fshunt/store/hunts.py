"""What a call needs while it hunts: the group it dialled, the group's memory, the members' stamps and, from ``claims``,
the claims. Every function may be run twice with the same values and then has done its work once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.memory import Memory
from fshunt.hunting.policies import Remembers
from fshunt.store.claims import Flags, claim, look_and_claim, release, renew, sweep
from fshunt.store.models import Domain, GroupMemory, HuntMember, MemoryMove
from fshunt.store.rows import GROUPS, domain_names, find_group, group_of, group_query, memory_of, nearest, read_members
from fshunt.store.statements import Rank, at_end, run, table, write

__all__ = [
    "Flags",
    "Loaded",
    "claim",
    "find_domain",
    "load",
    "look_and_claim",
    "memories",
    "note_answer",
    "note_end",
    "release",
    "renew",
    "sweep",
    "take_turn",
]

KEPT_MOVES = 1000
"""How many moves of a group's memories are remembered by call: more than the writes that can be under way or be tried
again at one time (the daemon's recorder takes 200 at once)."""
FORGET_EVERY = 100
"""After how many moves the oldest are forgotten: not at each, for the sake of the calls that wait."""

DOMAINS, MEMBERS, MEMORIES, MOVES = table(Domain), table(HuntMember), table(GroupMemory), table(MemoryMove)
_MEMORY_COLUMNS = (MEMORIES.c.answerer_id, MEMORIES.c.answerer_place, MEMORIES.c.turn_id, MEMORIES.c.turn_place)

_GROUP_WITH_MEMORIES = (
    group_query(*_MEMORY_COLUMNS)
    .outerjoin(MEMORIES, MEMORIES.c.group_id == GROUPS.c.id)
    .where(func.lower(DOMAINS.c.name) == bindparam("domain"), GROUPS.c.pilot == bindparam("pilot"))
)
_MEMORY_OF_GROUP = select(MEMORIES).where(MEMORIES.c.group_id == bindparam("group_id"))
_LOCK_MEMORY = _MEMORY_OF_GROUP.with_for_update()
_MOVE_DONE = select(MOVES.c.before_id, MOVES.c.before_place).where(
    MOVES.c.group_id == bindparam("group_id"), MOVES.c.kind == bindparam("kind"), MOVES.c.call_uuid == bindparam("uuid")
)
_PLACE_OF_MEMBER = select(MEMBERS.c.position).where(
    MEMBERS.c.id == bindparam("member_id"), MEMBERS.c.group_id == bindparam("group_id")
)
_ADD_MOVE = insert(MOVES)
_SET_MEMORY = update(MEMORIES).where(MEMORIES.c.group_id == bindparam("of_group"))
_STAMP_MEMBER = update(MEMBERS).where(
    MEMBERS.c.id == bindparam("member_id"), or_(MEMBERS.c.idle_since.is_(None), MEMBERS.c.idle_since < bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A group and its memories, all read at one moment."""

    group: Group
    answerer: Memory | None
    turn: Memory | None


def load(
    s: Session, *, pilot: str, fshunt_domain: str | None = None, domain_name: str | None = None, host: str | None = None
) -> Loaded:
    """Return the group that was dialled; see ``find_domain`` for the domain. Raises NotFound."""
    named = fshunt_domain or domain_name or host or ""
    row = run(s, _GROUP_WITH_MEMORIES, {"domain": named.lower(), "pilot": pilot}).first()
    if row is not None:
        return Loaded(group_of(row, read_members(s, [row.id])[row.id]), *_memories_of(row))
    domain_id, domain = find_domain(s, fshunt_domain=fshunt_domain, domain_name=domain_name, host=host)
    group = find_group(s, domain_id, domain, pilot)
    return Loaded(group, *memories(s, group.id))


def find_domain(
    s: Session, *, fshunt_domain: str | None = None, domain_name: str | None = None, host: str | None = None
) -> tuple[int, str]:
    """Return id and name of a call's domain, without regard to case; raise NotFound if it cannot be told.

    It is the one that the dialplan says (``fshunt_domain``) and no other; else ``domain_name``, the tenant of the
    caller's phone; else, where none is set, the ``host`` that was dialled; else, where what was named is no domain of
    ours, the only domain there is. A caller who can dial any host reaches no other tenant's pilots by it.
    """
    named = fshunt_domain or domain_name or host or ""
    row = s.execute(select(Domain.id, Domain.name).where(func.lower(Domain.name) == named.lower())).first()
    if row is not None:
        return row.id, row.name
    everywhere = s.execute(select(Domain.id, Domain.name).limit(2)).all()
    if len(everywhere) == 1 and not fshunt_domain:
        return everywhere[0].id, everywhere[0].name
    said = named or "(none was said)"
    raise NotFound(f"There is no domain {said}: {nearest(said, domain_names(s), 'domain')}")


def memories(s: Session, group_id: int) -> tuple[Memory | None, Memory | None]:
    """Return the memories of a group: the last answerer, and the turn."""
    row = run(s, _MEMORY_OF_GROUP, {"group_id": group_id}).first()
    return (None, None) if row is None else _memories_of(row)


def take_turn(
    s: Session, group_id: int, call_uuid: str, choose: Callable[[Memory | None], int | None]
) -> Memory | None:
    """Move the turn of a group, once a call (invariant I3), and return the memory that decides this call's order.

    ``choose`` is given that memory and says who is first in turn (a member's id; None: nobody, and nothing moves).
    Two calls at once take their turns one after the other. A call that took its turn already moves nothing and is
    given what the memory was before its move, however many calls have moved it since.
    """
    return _move(s, group_id, Remembers.TURN, call_uuid, choose)


def note_answer(
    s: Session, group_id: int, member_id: int, *, call_uuid: str, at: datetime, moves_answerer: bool
) -> None:
    """Stamp the member who answered and, for a policy that remembers it, move the last answerer, once a call."""
    if moves_answerer:
        at_end(s, Rank.MEMORY, group_id, lambda s: _note_answerer(s, group_id, member_id, call_uuid))
    note_end(s, member_id, at=at)


def note_end(s: Session, member_id: int, *, at: datetime) -> None:
    """Stamp the member whose call through the pilot ended at ``at``; a stamp never goes back (invariant I5)."""
    stamp = {"member_id": member_id, "at": at, "idle_since": at}
    at_end(s, Rank.MEMBER, member_id, lambda s: write(s, _STAMP_MEMBER, stamp))


def _note_answerer(s: Session, group_id: int, member_id: int, call_uuid: str) -> None:
    _move(s, group_id, Remembers.ANSWERER, call_uuid, lambda _before: member_id)


def _memories_of(row: Any) -> tuple[Memory | None, Memory | None]:
    return memory_of(row.answerer_id, row.answerer_place), memory_of(row.turn_id, row.turn_place)


def _move(
    s: Session, group_id: int, kind: Remembers, call_uuid: str, choose: Callable[[Memory | None], int | None]
) -> Memory | None:
    row = run(s, _LOCK_MEMORY, {"group_id": group_id}).first()
    if row is None:
        return None
    before = memory_of(getattr(row, f"{kind}_id"), getattr(row, f"{kind}_place"))
    done = run(s, _MOVE_DONE, {"group_id": group_id, "kind": kind.value, "uuid": call_uuid}).first()
    if done is not None:
        return memory_of(done.before_id, done.before_place)
    member_id = choose(before)
    place = run(s, _PLACE_OF_MEMBER, {"member_id": member_id, "group_id": group_id}).scalar()
    if member_id is not None and place is not None:
        number = row.moves + 1
        _write_move(s, group_id, kind, call_uuid, number, before)
        memory = {f"{kind}_id": member_id, f"{kind}_place": place, "moves": number}
        run(s, _SET_MEMORY, {"of_group": group_id, **memory})
    return before


def _write_move(s: Session, group_id: int, kind: Remembers, call_uuid: str, number: int, before: Memory | None) -> None:
    move = {
        "group_id": group_id,
        "kind": kind.value,
        "call_uuid": call_uuid,
        "number": number,
        "before_id": before.member_id if before else None,
        "before_place": before.place if before else None,
    }
    run(s, _ADD_MOVE, move)
    if number % FORGET_EVERY == 0:
        old = MOVES.c.number <= number - KEPT_MOVES
        s.execute(delete(MOVES).where(MOVES.c.group_id == group_id, old))
