"""Claims: the right of one hunt to ring or hold one member (design, section 3; invariants I1 and I2).

A claim is a lease. It is taken in one statement, so that two daemons cannot both have it. Where a statement touches
several claims it does so in one order (domain, extension), so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.hunting.group import Member
from fshunt.store.models import Claim
from fshunt.store.rows import insert_into, read_members

KEY = (Claim.domain, Claim.extension)
HUNTS_A_STATEMENT = 500
"""Hunts named in one statement: far below the number of values that either database takes."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the database knows of a member now. ``claimed``: by another hunt, and that hinders this one."""

    enabled: bool
    blocked: bool
    claimed: bool
    idle_since: datetime | None


def claim(
    s: Session,
    domain: str,
    extensions: Collection[str],
    *,
    hunt_id: str,
    call_uuid: str,
    owner: str,
    now: datetime,
    lease_seconds: float,
) -> set[str]:
    """Claim members for a hunt in one statement, and return those it got: the free, the expired and its own."""
    if not extensions:
        return set()
    values = {"hunt_id": hunt_id, "call_uuid": call_uuid, "owner": owner}
    times = {"claimed_at": now, "expires_at": now + timedelta(seconds=lease_seconds)}
    rows = [{"domain": domain, "extension": extension, **values, **times} for extension in sorted(set(extensions))]
    statement = insert_into(s, Claim).values(rows)
    taken = statement.on_conflict_do_update(
        index_elements=["domain", "extension"],
        set_={name: statement.excluded[name] for name in (*values, *times)},
        where=or_(Claim.expires_at <= now, Claim.hunt_id == hunt_id),
    )
    return set(s.scalars(taken.returning(Claim.extension)))


def look_and_claim(
    s: Session,
    group_id: int,
    wanted: Collection[int],
    *,
    domain: str,
    hunt_id: str,
    call_uuid: str,
    owner: str,
    now: datetime,
    lease_seconds: float,
    call_waiting: bool = False,
    rest_seconds: float = 0.0,
) -> dict[int, Flags]:
    """Return what is known of the group's members now, by id, having claimed those ``wanted`` who may be rung.

    Not claimed are the disabled, the blocked, and those who rest. A member who is gone is not in the answer. With
    ``call_waiting`` another hunt's claim is no hindrance.
    """
    members = read_members(s, [group_id])[group_id]
    asked = [m for m in members if m.id in wanted and m.enabled and not m.blocked and not _rests(m, rest_seconds, now)]
    lease: dict[str, Any] = {"owner": owner, "now": now, "lease_seconds": lease_seconds}
    got = claim(s, domain, {m.extension for m in asked}, hunt_id=hunt_id, call_uuid=call_uuid, **lease)
    others = {m.extension for m in members} - got
    claimed = set() if call_waiting else claimed_by_others(s, domain, others, hunt_id=hunt_id, now=now)
    return {m.id: Flags(m.enabled, m.blocked, m.extension in claimed, m.idle_since) for m in members}


def claimed_by_others(s: Session, domain: str, extensions: Collection[str], *, hunt_id: str, now: datetime) -> set[str]:
    """Return which of the extensions another hunt rings or holds."""
    if not extensions:
        return set()
    live = (Claim.domain == domain, Claim.expires_at > now, Claim.hunt_id != hunt_id)
    return set(s.scalars(select(Claim.extension).where(*live, Claim.extension.in_(extensions))))


def release(
    s: Session, hunt_id: str, extensions: Collection[str] | None = None, *, taken_before: datetime | None = None
) -> int:
    """End the hunt's claims, all or those on the extensions; return how many there were.

    ``taken_before`` spares a claim that the hunt has taken since: a release may be written late, when the member is
    already offered the call again.
    """
    which = [Claim.hunt_id == hunt_id]
    if extensions is not None:
        which.append(Claim.extension.in_(extensions))
    if taken_before is not None:
        which.append(Claim.claimed_at < taken_before)
    return _count(s, delete(Claim).where(_locked(*which)))


def renew(s: Session, owner: str, now: datetime, lease_seconds: float, hunt_ids: Iterable[str]) -> int:
    """Lengthen the leases of the owner's hunts that still live; return how many claims that were.

    The hunts are named because an owner keeps its name when it starts again: the claims of the process before it must
    run out (invariant I2).
    """
    expires_at = now + timedelta(seconds=lease_seconds)
    return sum(
        _count(
            s, update(Claim).where(_locked(Claim.owner == owner, Claim.hunt_id.in_(some))).values(expires_at=expires_at)
        )
        for some in _in_parts(hunt_ids)
    )


def sweep(s: Session, now: datetime) -> int:
    """Drop all claims whose lease is over; return how many there were."""
    return _count(s, delete(Claim).where(_locked(Claim.expires_at <= now, skip_locked=True)))


def _locked(*conditions: ColumnElement[bool], skip_locked: bool = False) -> ColumnElement[bool]:
    in_order = select(*KEY).where(*conditions).order_by(*KEY).with_for_update(skip_locked=skip_locked)
    return tuple_(*KEY).in_(in_order)


def _count(s: Session, statement: Any) -> int:
    result = s.execute(statement.execution_options(synchronize_session=False))
    return result.rowcount if isinstance(result, CursorResult) else 0


def _in_parts(hunt_ids: Iterable[str]) -> Iterator[list[str]]:
    ids = list(hunt_ids)
    for start in range(0, len(ids), HUNTS_A_STATEMENT):
        yield ids[start : start + HUNTS_A_STATEMENT]


def _rests(member: Member, rest_seconds: float, now: datetime) -> bool:
    return member.idle_since is not None and now - member.idle_since < timedelta(seconds=rest_seconds)
