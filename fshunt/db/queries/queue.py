"""The line: hunts that wait for busy members, of all daemons, first come first served (``when_busy``).

A hunt has one row for each member it waits for, and one place in the line. The rows are leases, as claims are.
``claims.look_and_claim`` gives no member to a hunt while one with an earlier place waits for that member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, HuntGroup, LeaseClock, Waiter
from fshunt.db.notifications import announcing
from fshunt.db.queries.lease import CLOCK, THE_ONE
from fshunt.db.statements import dialect_of, in_parts, insert_for, run, table, write

WAITING, GROUPS, DOMAINS = table(Waiter), table(HuntGroup), table(Domain)
KEY = (WAITING.c.hunt_id, WAITING.c.extension)

_OF_HUNT = WAITING.c.hunt_id == bindparam("hunt")
_OF_CALL = or_(_OF_HUNT, WAITING.c.call_uuid == bindparam("call"))
_OTHERS = WAITING.c.hunt_id != bindparam("hunt")
_NEXT_PLACE = (
    update(CLOCK)
    .where(CLOCK.c.id == THE_ONE, ~exists().where(_OF_CALL))
    .values(places=CLOCK.c.places + 1)
    .returning(CLOCK.c.places)
)
_END_BEFORE = delete(WAITING).where(WAITING.c.call_uuid == bindparam("call"), _OTHERS)
_PLACE_OF_CALL = select(func.min(WAITING.c.place)).where(_OF_CALL)
_NO_MORE = delete(WAITING).where(_OF_HUNT, WAITING.c.extension.not_in(bindparam("extensions", expanding=True)))
_COUNT = select(func.count(WAITING.c.hunt_id.distinct())).where(
    WAITING.c.domain == bindparam("in_domain"), WAITING.c.extension.in_(bindparam("extensions", expanding=True))
)
_RENEWED = (
    select(*KEY)
    .where(WAITING.c.owner == bindparam("by"), WAITING.c.hunt_id.in_(bindparam("hunts", expanding=True)))
    .order_by(*KEY)
    .with_for_update(skip_locked=True)
)
_RENEW = update(WAITING).where(tuple_(*KEY).in_(_RENEWED)).values(expires_at=bindparam("until"))
"""A row that is locked is given up, or joined anew: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class WaitingHunt:
    """A hunt in the line. ``pilot`` None: its group is gone; ``since`` is wall time; ``owner`` the run that has it."""

    hunt_id: str
    call_uuid: str
    domain: str
    pilot: str | None
    place: int
    since: datetime
    owner: str
    extensions: tuple[str, ...]


def join(
    s: Session,
    hunt_id: str,
    extensions: Collection[str],
    *,
    domain: str,
    group_id: int,
    call_uuid: str,
    owner: str,
    place: int | None,
    at: datetime,
    now: datetime,
    lease_seconds: float,
) -> int:
    """Have a hunt wait for these members, and for no others, and return its place in the line.

    ``place`` None: the hunt joins at the end, unless it is in the line already; else it keeps the place it was given. A
    caller whose daemon has died, or stopped, has the place of the hunt before, which waits no more.
    """
    kept = _give_place(s, hunt_id, call_uuid) if place is None else place
    write(s, _END_BEFORE, {"hunt": hunt_id, "call": call_uuid})
    who = {"domain": domain, "group_id": group_id, "call_uuid": call_uuid, "owner": owner, "place": kept}
    times = {"since": at, "expires_at": now + timedelta(seconds=lease_seconds)}
    wanted = sorted(set(extensions))
    for extension in wanted:
        write(s, _joining(dialect_of(s)), {"hunt_id": hunt_id, "extension": extension, **who, **times})
    write(s, _NO_MORE, {"hunt": hunt_id, "extensions": wanted})
    return kept


def leave(s: Session, hunt_id: str) -> None:
    """Take a hunt out of the line; who waits behind it is told."""
    write(s, _leaving(dialect_of(s)), {"hunt": hunt_id})


def renew(s: Session, owner: str, now: datetime, lease_seconds: float, hunt_ids: Iterable[str]) -> None:
    """Lengthen the leases of the owner's hunts that still wait."""
    until = now + timedelta(seconds=lease_seconds)
    for some in in_parts(hunt_ids):
        write(s, _RENEW, {"by": owner, "hunts": some, "until": until})


def sweep(s: Session, now: datetime) -> None:
    """Take out of the line whoever's lease is over; who waits behind them is told."""
    write(s, _sweeping(dialect_of(s)), {"now": now})


def count(s: Session, domain: str, extensions: Collection[str]) -> int:
    """Return how many hunts, of all daemons, wait for any of these members."""
    return int(run(s, _COUNT, {"in_domain": domain, "extensions": sorted(set(extensions))}).scalar_one())


def waiting_hunts(s: Session) -> list[WaitingHunt]:
    """Return all hunts in the line, in order of their places."""
    query = (
        select(WAITING, GROUPS.c.pilot)
        .outerjoin(GROUPS, GROUPS.c.id == WAITING.c.group_id)
        .order_by(WAITING.c.place, WAITING.c.hunt_id, WAITING.c.extension)
    )
    by_hunt: dict[str, list[Any]] = {}
    for row in run(s, query, {}):
        by_hunt.setdefault(row.hunt_id, []).append(row)
    return [_hunt_of(rows) for rows in by_hunt.values()]


def _hunt_of(rows: list[Any]) -> WaitingHunt:
    first = rows[0]
    return WaitingHunt(
        hunt_id=first.hunt_id,
        call_uuid=first.call_uuid,
        domain=first.domain,
        pilot=first.pilot,
        place=first.place,
        since=min(row.since for row in rows),
        owner=first.owner,
        extensions=tuple(row.extension for row in rows),
    )


def _give_place(s: Session, hunt_id: str, call_uuid: str) -> int:
    """Return the call's place, a new one unless it has one. The counter's row is locked until the transaction ends."""
    whose = {"hunt": hunt_id, "call": call_uuid}
    while True:
        place = run(s, _NEXT_PLACE, whose).scalar()
        if place is None:
            place = run(s, _PLACE_OF_CALL, whose).scalar()
        if place is not None:
            return int(place)
        first = insert_for(dialect_of(s), LeaseClock).on_conflict_do_nothing()
        run(s, first, {"id": THE_ONE, "places": 0})


@cache
def _joining(dialect: str) -> Executable:
    insert = insert_for(dialect, Waiter)
    changed = ("domain", "group_id", "call_uuid", "owner", "place", "expires_at")
    return insert.on_conflict_do_update(index_elements=KEY, set_={name: insert.excluded[name] for name in changed})


@cache
def _leaving(dialect: str) -> Executable:
    return announcing(dialect, delete(WAITING).where(_OF_HUNT), WAITING.c.domain, who_waits=_OTHERS)


@cache
def _sweeping(dialect: str) -> Executable:
    over = WAITING.c.expires_at <= bindparam("now")
    in_order = select(*KEY).where(over).order_by(*KEY).with_for_update(skip_locked=True)
    return announcing(dialect, delete(WAITING).where(tuple_(*KEY).in_(in_order)), WAITING.c.domain, who_waits=~over)
