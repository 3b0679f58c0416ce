"""Claims: the right of one hunt to ring or hold one member (design, section 3; invariants I1 and I2).

A claim is a lease. It is taken in one statement, so that two daemons cannot both have it. Where a statement touches
several claims it does so in one order (domain, extension), so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Delete, Executable, and_, bindparam, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.store.models import Block, Claim, HuntGroup, HuntMember
from fshunt.store.statements import dialect_of, insert_for, run, table

HUNTS_A_STATEMENT = 500
"""Hunts named in one statement: far below the number of values that either database takes."""

CLAIMS, MEMBERS, GROUPS, BLOCKS = table(Claim), table(HuntMember), table(HuntGroup), table(Block)
KEY = (CLAIMS.c.domain, CLAIMS.c.extension)

_LOOK = (
    select(
        MEMBERS.c.id,
        MEMBERS.c.extension,
        MEMBERS.c.enabled,
        MEMBERS.c.idle_since,
        BLOCKS.c.extension.is_not(None).label("blocked"),
        CLAIMS.c.extension.is_not(None).label("claimed"),
    )
    .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
    .outerjoin(BLOCKS, and_(BLOCKS.c.domain_id == GROUPS.c.domain_id, BLOCKS.c.extension == MEMBERS.c.extension))
    .outerjoin(
        CLAIMS,
        and_(
            CLAIMS.c.domain == bindparam("domain"),
            CLAIMS.c.extension == MEMBERS.c.extension,
            CLAIMS.c.expires_at > bindparam("now"),
            CLAIMS.c.call_uuid != bindparam("call_uuid"),
        ),
    )
    .where(MEMBERS.c.group_id == bindparam("group_id"))
)
"""All members of a group as they are now. ``claimed``: by a hunt for another call."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the database knows of a member now. ``claimed``: by a hunt for another call, and that hinders this one."""

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
    """Claim members for a hunt in one statement, and return those it got: the free, the expired and the call's own.

    The call's own are also those of an earlier hunt with the same ``call_uuid``: when a second daemon takes the caller
    over, the hunt before rings nobody any more (fact 7).
    """
    if not extensions:
        return set()
    who = {"domain": domain, "hunt_id": hunt_id, "call_uuid": call_uuid, "owner": owner}
    times = {"claimed_at": now, "expires_at": now + timedelta(seconds=lease_seconds)}
    rows = [{"extension": extension, **who, **times} for extension in sorted(set(extensions))]
    return set(s.connection().execute(_claiming(dialect_of(s)), rows).scalars())


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
    ``call_waiting`` no claim is a hindrance.
    """
    looked = run(s, _LOOK, {"group_id": group_id, "domain": domain, "now": now, "call_uuid": call_uuid}).all()
    asked = {
        row.extension
        for row in looked
        if row.id in wanted and row.enabled and not row.blocked and not _rests(row.idle_since, rest_seconds, now)
    }
    lease: dict[str, Any] = {"owner": owner, "now": now, "lease_seconds": lease_seconds}
    got = claim(s, domain, asked, hunt_id=hunt_id, call_uuid=call_uuid, **lease)
    hindered = set() if call_waiting else ({row.extension for row in looked if row.claimed} | asked) - got
    return {row.id: Flags(row.enabled, row.blocked, row.extension in hindered, row.idle_since) for row in looked}


def release(
    s: Session, hunt_id: str, extensions: Collection[str] | None = None, *, taken_before: datetime | None = None
) -> int:
    """End the hunt's claims, all or those on the extensions; return how many there were.

    ``taken_before`` spares a claim that the hunt has taken since: a release may be written late, when the member is
    already offered the call again.
    """
    values: dict[str, Any] = {"hunt_id": hunt_id}
    if extensions is not None:
        values["extensions"] = list(extensions)
    if taken_before is not None:
        values["taken_before"] = taken_before
    return run(s, _releasing(some=extensions is not None, earlier=taken_before is not None), values).rowcount


def release_all(s: Session, hunt_ids: Iterable[str]) -> int:
    """End all claims of these hunts; return how many there were."""
    return sum(
        run(s, delete(CLAIMS).where(_locked(CLAIMS.c.hunt_id.in_(some))), {}).rowcount for some in _in_parts(hunt_ids)
    )


def renew(s: Session, owner: str, now: datetime, lease_seconds: float, hunt_ids: Iterable[str]) -> int:
    """Lengthen the leases of the owner's hunts that still live; return how many claims that were.

    The hunts are named because an owner keeps its name when it starts again: the claims of the process before it must
    run out (invariant I2).
    """
    expires_at = now + timedelta(seconds=lease_seconds)
    renewing = update(CLAIMS).values(expires_at=expires_at)
    return sum(
        run(s, renewing.where(_locked(CLAIMS.c.owner == owner, CLAIMS.c.hunt_id.in_(some))), {}).rowcount
        for some in _in_parts(hunt_ids)
    )


def sweep(s: Session, now: datetime) -> int:
    """Drop all claims whose lease is over; return how many there were."""
    return run(s, delete(CLAIMS).where(_locked(CLAIMS.c.expires_at <= now, skip_locked=True)), {}).rowcount


@cache
def _claiming(dialect: str) -> Executable:
    """The INSERT of claims that takes the place of those that are over, or are the call's own, and tells which."""
    insert = insert_for(dialect, Claim)
    new = insert.excluded
    taken = insert.on_conflict_do_update(
        index_elements=KEY,
        set_={name: new[name] for name in ("hunt_id", "call_uuid", "owner", "claimed_at", "expires_at")},
        where=or_(CLAIMS.c.expires_at <= new.claimed_at, CLAIMS.c.call_uuid == new.call_uuid),
    )
    return taken.returning(CLAIMS.c.extension)


@cache
def _releasing(*, some: bool, earlier: bool) -> Delete:
    """The DELETE of a hunt's claims: of ``some`` extensions only, of those taken ``earlier`` than a moment only."""
    which = [CLAIMS.c.hunt_id == bindparam("hunt_id")]
    if some:
        which.append(CLAIMS.c.extension.in_(bindparam("extensions", expanding=True)))
    if earlier:
        which.append(CLAIMS.c.claimed_at < bindparam("taken_before"))
    return delete(CLAIMS).where(_locked(*which))


def _locked(*conditions: ColumnElement[bool], skip_locked: bool = False) -> ColumnElement[bool]:
    in_order = select(*KEY).where(*conditions).order_by(*KEY).with_for_update(skip_locked=skip_locked)
    return tuple_(*KEY).in_(in_order)


def _in_parts(hunt_ids: Iterable[str]) -> Iterator[list[str]]:
    ids = list(hunt_ids)
    for start in range(0, len(ids), HUNTS_A_STATEMENT):
        yield ids[start : start + HUNTS_A_STATEMENT]


def _rests(idle_since: datetime | None, rest_seconds: float, now: datetime) -> bool:
    return idle_since is not None and now - idle_since < timedelta(seconds=rest_seconds)
