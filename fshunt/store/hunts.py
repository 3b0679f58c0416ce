"""What a call needs while it hunts: the group it dialled, the group's memory, the members' stamps and, from ``claims``,
the claims. Every function may be run twice with the same values and then has done its work once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.memory import Memory
from fshunt.hunting.policies import Remembers
from fshunt.store.claims import Flags, claim, look_and_claim, release, renew, sweep
from fshunt.store.models import Domain, GroupMemory, HuntMember, MemoryMove
from fshunt.store.rows import domain_names, find_group, insert_into, lock_memory, memory_of, nearest

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
    row = s.execute(select(*GroupMemory.__table__.c).where(GroupMemory.group_id == group_id)).first()
    if row is None:
        return None, None
    return memory_of(row.answerer_id, row.answerer_place), memory_of(row.turn_id, row.turn_place)


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
        _move(s, group_id, Remembers.ANSWERER, call_uuid, lambda _before: member_id)
    note_end(s, member_id, at=at)


def note_end(s: Session, member_id: int, *, at: datetime) -> None:
    """Stamp the member whose call through the pilot ended at ``at``; a stamp never goes back (invariant I5)."""
    later = or_(HuntMember.idle_since.is_(None), HuntMember.idle_since < at)
    stamp = update(HuntMember).where(HuntMember.id == member_id, later).values(idle_since=at)
    s.execute(stamp.execution_options(synchronize_session=False))


def _move(
    s: Session, group_id: int, kind: Remembers, call_uuid: str, choose: Callable[[Memory | None], int | None]
) -> Memory | None:
    row = lock_memory(s, group_id)
    if row is None:
        return None
    before = memory_of(getattr(row, f"{kind}_id"), getattr(row, f"{kind}_place"))
    mine = (MemoryMove.group_id == group_id, MemoryMove.kind == kind.value, MemoryMove.call_uuid == call_uuid)
    done = s.execute(select(MemoryMove.before_id, MemoryMove.before_place).where(*mine)).first()
    if done is not None:
        return memory_of(done.before_id, done.before_place)
    member_id = choose(before)
    place = s.scalar(select(HuntMember.position).where(HuntMember.id == member_id, HuntMember.group_id == group_id))
    if member_id is not None and place is not None:
        _write_move(s, row, kind, call_uuid, before, Memory(member_id, place))
    return before


def _write_move(
    s: Session, row: GroupMemory, kind: Remembers, call_uuid: str, before: Memory | None, after: Memory
) -> None:
    move = {
        "group_id": row.group_id,
        "kind": kind.value,
        "call_uuid": call_uuid,
        "number": row.moves + 1,
        "before_id": before.member_id if before else None,
        "before_place": before.place if before else None,
    }
    s.execute(insert_into(s, MemoryMove).values(move))
    memory = {f"{kind}_id": after.member_id, f"{kind}_place": after.place, "moves": row.moves + 1}
    for name, value in memory.items():
        setattr(row, name, value)
    s.flush()
    if row.moves % FORGET_EVERY == 0:
        old = MemoryMove.number <= row.moves - KEPT_MOVES
        s.execute(delete(MemoryMove).where(MemoryMove.group_id == row.group_id, old))
