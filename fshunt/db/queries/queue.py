"""The line: hunts that wait for busy members, of all daemons, first come first served (``when_busy``).

A hunt has one row for each member it waits for, and one ticket in the line. The rows are leases, as claims are.
``claims.look_and_claim`` gives no member to a hunt while one with an earlier ticket waits for that member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, HuntGroup, LeaseClock, QueueEntry
from fshunt.db.notifications import announcing
from fshunt.db.queries.lease import CLOCK, THE_ONE
from fshunt.db.statements import dialect_of, in_parts, insert_for, run, table, write

QUEUE, GROUPS, DOMAINS = table(QueueEntry), table(HuntGroup), table(Domain)
KEY = (QUEUE.c.hunt_id, QUEUE.c.extension)

_OF_HUNT = QUEUE.c.hunt_id == bindparam("hunt")
_OF_CALL = or_(_OF_HUNT, QUEUE.c.call_uuid == bindparam("call"))
_OTHERS = QUEUE.c.hunt_id != bindparam("hunt")
_NEXT_TICKET = (
    update(CLOCK)
    .where(CLOCK.c.id == THE_ONE, ~exists().where(_OF_CALL))
    .values(tickets=CLOCK.c.tickets + 1)
    .returning(CLOCK.c.tickets)
)
_END_BEFORE = delete(QUEUE).where(QUEUE.c.call_uuid == bindparam("call"), _OTHERS)
_TICKET_OF_CALL = select(func.min(QUEUE.c.ticket)).where(_OF_CALL)
_NO_MORE = delete(QUEUE).where(_OF_HUNT, QUEUE.c.extension.not_in(bindparam("extensions", expanding=True)))
_COUNT = select(func.count(QUEUE.c.hunt_id.distinct())).where(
    QUEUE.c.domain == bindparam("in_domain"), QUEUE.c.extension.in_(bindparam("extensions", expanding=True))
)
_RENEWED = (
    select(*KEY)
    .where(QUEUE.c.run_id == bindparam("by"), QUEUE.c.hunt_id.in_(bindparam("hunts", expanding=True)))
    .order_by(*KEY)
    .with_for_update(skip_locked=True)
)
_RENEW = update(QUEUE).where(tuple_(*KEY).in_(_RENEWED)).values(expires_at=bindparam("until"))
"""A row that is locked is given up, or joined anew: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class QueuedHunt:
    """A hunt in the line. ``pilot`` None: its group is gone; ``since`` is wall time; ``run_id`` the run that has it."""

    hunt_id: str
    call_uuid: str
    domain: str
    pilot: str | None
    ticket: int
    since: datetime
    run_id: str
    extensions: tuple[str, ...]


def join(
    s: Session,
    hunt_id: str,
    extensions: Collection[str],
    *,
    domain: str,
    group_id: int,
    call_uuid: str,
    run_id: str,
    ticket: int | None,
    at: datetime,
    now: datetime,
    lease_seconds: float,
) -> int:
    """Have a hunt wait for these members, and for no others, and return its ticket in the line.

    ``ticket`` None: the hunt joins at the end, unless it is queued already; else it keeps the ticket it was given. A
    caller whose daemon has died, or stopped, has the ticket of the hunt before, which waits no more.
    """
    kept = _give_ticket(s, hunt_id, call_uuid) if ticket is None else ticket
    write(s, _END_BEFORE, {"hunt": hunt_id, "call": call_uuid})
    who = {"domain": domain, "group_id": group_id, "call_uuid": call_uuid, "run_id": run_id, "ticket": kept}
    times = {"since": at, "expires_at": now + timedelta(seconds=lease_seconds)}
    wanted = sorted(set(extensions))
    for extension in wanted:
        write(s, _joining(dialect_of(s)), {"hunt_id": hunt_id, "extension": extension, **who, **times})
    write(s, _NO_MORE, {"hunt": hunt_id, "extensions": wanted})
    return kept


def leave(s: Session, hunt_id: str) -> None:
    """Take a hunt out of the line; who waits behind it is told."""
    write(s, _leaving(dialect_of(s)), {"hunt": hunt_id})


def renew(s: Session, run_id: str, now: datetime, lease_seconds: float, hunt_ids: Iterable[str]) -> None:
    """Lengthen the leases of the run's hunts that still wait."""
    until = now + timedelta(seconds=lease_seconds)
    for some in in_parts(hunt_ids):
        write(s, _RENEW, {"by": run_id, "hunts": some, "until": until})


def sweep(s: Session, now: datetime) -> None:
    """Take out of the line whoever's lease is over; who waits behind them is told."""
    write(s, _sweeping(dialect_of(s)), {"now": now})


def count(s: Session, domain: str, extensions: Collection[str]) -> int:
    """Return how many hunts, of all daemons, wait for any of these members."""
    return int(run(s, _COUNT, {"in_domain": domain, "extensions": sorted(set(extensions))}).scalar_one())


def waiting_hunts(s: Session) -> list[QueuedHunt]:
    """Return all hunts in the line, in order of their places."""
    query = (
        select(QUEUE, GROUPS.c.pilot)
        .outerjoin(GROUPS, GROUPS.c.id == QUEUE.c.group_id)
        .order_by(QUEUE.c.ticket, QUEUE.c.hunt_id, QUEUE.c.extension)
    )
    by_hunt: dict[str, list[Any]] = {}
    for row in run(s, query, {}):
        by_hunt.setdefault(row.hunt_id, []).append(row)
    return [_hunt_of(rows) for rows in by_hunt.values()]


def _hunt_of(rows: list[Any]) -> QueuedHunt:
    first = rows[0]
    return QueuedHunt(
        hunt_id=first.hunt_id,
        call_uuid=first.call_uuid,
        domain=first.domain,
        pilot=first.pilot,
        ticket=first.ticket,
        since=min(row.since for row in rows),
        run_id=first.run_id,
        extensions=tuple(row.extension for row in rows),
    )


def _give_ticket(s: Session, hunt_id: str, call_uuid: str) -> int:
    """Return the call's ticket, a new one unless it has one. The counter's row is locked until the transaction ends."""
    whose = {"hunt": hunt_id, "call": call_uuid}
    while True:
        ticket = run(s, _NEXT_TICKET, whose).scalar()
        if ticket is None:
            ticket = run(s, _TICKET_OF_CALL, whose).scalar()
        if ticket is not None:
            return int(ticket)
        first = insert_for(dialect_of(s), LeaseClock).on_conflict_do_nothing()
        run(s, first, {"id": THE_ONE, "tickets": 0})


@cache
def _joining(dialect: str) -> Executable:
    insert = insert_for(dialect, QueueEntry)
    changed = ("domain", "group_id", "call_uuid", "run_id", "ticket", "expires_at")
    return insert.on_conflict_do_update(index_elements=KEY, set_={name: insert.excluded[name] for name in changed})


@cache
def _leaving(dialect: str) -> Executable:
    return announcing(dialect, delete(QUEUE).where(_OF_HUNT), QUEUE.c.domain, who_waits=_OTHERS)


@cache
def _sweeping(dialect: str) -> Executable:
    over = QUEUE.c.expires_at <= bindparam("now")
    in_order = select(*KEY).where(over).order_by(*KEY).with_for_update(skip_locked=True)
    return announcing(dialect, delete(QUEUE).where(tuple_(*KEY).in_(in_order)), QUEUE.c.domain, who_waits=~over)
