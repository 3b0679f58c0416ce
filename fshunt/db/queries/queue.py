"""The call queue: hunts of all daemons that wait for busy members, first come first served (``when_busy``).

A hunt has one row for each member it waits for, and one ticket. ``claims.look_and_claim`` gives no member to a hunt
while one with an earlier ticket waits for that member. An entry is valid while its row is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, HuntGroup, QueueEntry
from fshunt.db.notifications import QUEUE, QUEUED_BEHIND, delete_and_announce, deletion
from fshunt.db.prepared import Prepared
from fshunt.db.queries.cluster import CLUSTER, THE_ONE, ensure
from fshunt.db.statements import Transaction, dialect_of, in_parts, insert_for, run, table, write
from fshunt.errors import FshuntError

GROUPS, DOMAINS = table(HuntGroup), table(Domain)
KEY = (QUEUE.c.hunt_id, QUEUE.c.extension)

_OF_HUNT = QUEUE.c.hunt_id == bindparam("hunt")
OF_CALL = or_(_OF_HUNT, QUEUE.c.call_uuid == bindparam("call"))
"""Also of an earlier hunt for this call, whose daemon has died or stopped: the caller is here now."""
_NEXT_TICKET = Prepared(
    update(CLUSTER)
    .where(CLUSTER.c.id == THE_ONE, ~exists().where(OF_CALL))
    .values(tickets=CLUSTER.c.tickets + 1)
    .returning(CLUSTER.c.tickets)
)
_END_BEFORE = Prepared(
    delete(QUEUE).where(QUEUE.c.call_uuid == bindparam("call"), QUEUE.c.hunt_id != bindparam("hunt"))
)
_TICKET_OF_CALL = Prepared(select(func.min(QUEUE.c.ticket)).where(OF_CALL))
_NO_MORE = Prepared(delete(QUEUE).where(_OF_HUNT, QUEUE.c.extension.not_in(bindparam("extensions", expanding=True))))
_COUNT = Prepared(
    select(func.count(QUEUE.c.hunt_id.distinct())).where(
        QUEUE.c.domain == bindparam("in_domain"), QUEUE.c.extension.in_(bindparam("extensions", expanding=True))
    )
)
_OF_GROUPS = (
    select(
        QUEUE.c.group_id,
        QUEUE.c.hunt_id,
        QUEUE.c.run_id,
        QUEUE.c.ticket,
        func.min(QUEUE.c.since, type_=QUEUE.c.since.type).label("since"),
    )
    .where(QUEUE.c.group_id.in_(bindparam("group_ids", expanding=True)))
    .group_by(QUEUE.c.group_id, QUEUE.c.ticket, QUEUE.c.hunt_id, QUEUE.c.run_id)
    .order_by(QUEUE.c.ticket)
)
_IS_QUEUED = Prepared(
    select(exists().where(QUEUE.c.call_uuid == bindparam("call"), QUEUE.c.group_id == bindparam("in_group")))
)
_QUEUED = select(func.count(QUEUE.c.hunt_id.distinct())).where(QUEUE.c.group_id == bindparam("in_group"))
_LENGTH = Prepared(_QUEUED)
_BEFORE = Prepared(_QUEUED.where(QUEUE.c.ticket < bindparam("than")))
_HUNTS_OF_RUN = select(QUEUE.c.hunt_id).distinct().where(QUEUE.c.run_id == bindparam("by"))


class QueueFull(FshuntError):
    """As many callers wait as the group lets wait (``queue_limit``)."""


@dataclass(frozen=True, slots=True)
class QueuedHunt:
    """A queued hunt. ``pilot`` None: its group is gone; ``since`` is wall time; ``run_id`` the run that has it."""

    hunt_id: str
    call_uuid: str
    domain: str
    pilot: str | None
    ticket: int
    since: datetime
    run_id: str
    extensions: tuple[str, ...]


def join(
    s: Transaction,
    hunt_id: str,
    extensions: Collection[str],
    *,
    domain: str,
    group_id: int,
    call_uuid: str,
    run_id: str,
    ticket: int | None,
    at: datetime,
    limit: int | None = None,
) -> int:
    """Have a hunt wait for these members, and for no others, and return its ticket.

    ``ticket`` None: the hunt joins at the end, unless it is queued already; else it keeps the ticket it was given. A
    caller whose daemon has died, or stopped, has the ticket of the hunt before, which waits no more. Raises QueueFull
    for who would join a group in whose queue ``limit`` callers wait; joins are one after the other, so it holds.
    """
    given = _give_ticket(s, hunt_id, call_uuid, group_id, limit) if ticket is None else ticket
    write(s, _END_BEFORE, {"hunt": hunt_id, "call": call_uuid})
    who = {"domain": domain, "group_id": group_id, "call_uuid": call_uuid, "run_id": run_id, "ticket": given}
    wanted = sorted(set(extensions))
    for extension in wanted:
        write(s, _joining(dialect_of(s)), {"hunt_id": hunt_id, "extension": extension, **who, "since": at})
    write(s, _NO_MORE, {"hunt": hunt_id, "extensions": wanted})
    return given


def leave(s: Transaction, hunt_id: str) -> None:
    """Take a hunt out of the queue; callers behind it are told."""
    delete_and_announce(s, _leaving(), {"hunt": hunt_id})


def leave_by_call(s: Transaction, hunt_id: str, call_uuid: str) -> None:
    """Take a hunt out of the queue, with earlier hunts for the same call; callers behind them are told."""
    delete_and_announce(s, _leaving_by_call(), {"hunt": hunt_id, "call": call_uuid})


def hunts_of(s: Session, run_id: str) -> set[str]:
    """Return the queued hunts of a run."""
    return set(run(s, _HUNTS_OF_RUN, {"by": run_id}).scalars())


def is_queued(s: Transaction, call_uuid: str, group_id: int) -> bool:
    """Tell whether a hunt for this call waits for members of the group: one of a daemon that has died or stopped."""
    return bool(run(s, _IS_QUEUED, {"call": call_uuid, "in_group": group_id}).scalar())


def drop_stale(s: Session, hunt_ids: Iterable[str]) -> None:
    """Take hunts out of the queue that wait no more; callers behind them are told."""
    for some in in_parts(hunt_ids):
        delete_and_announce(s, _dropping_hunts(), {"hunts": some})


def drop_run(s: Session, run_id: str) -> None:
    """Take the hunts of a run that is gone out of the queue; callers behind them are told."""
    delete_and_announce(s, _dropping_run(), {"by": run_id})


def count(s: Transaction, domain: str, extensions: Collection[str]) -> int:
    """Return how many hunts, of all daemons, wait for any of these members."""
    return int(run(s, _COUNT, {"in_domain": domain, "extensions": sorted(set(extensions))}).scalar_one())


def length(s: Transaction, group_id: int) -> int:
    """Return how many callers wait in the queue of a group, at all daemons."""
    return int(run(s, _LENGTH, {"in_group": group_id}).scalar_one())


def position(s: Transaction, group_id: int, ticket: int) -> int:
    """Return the position in the queue of a group, from 1, of the caller with a ticket."""
    return 1 + int(run(s, _BEFORE, {"in_group": group_id, "than": ticket}).scalar_one())


class QueuedCaller(NamedTuple):
    """A caller in the queue of a group: the run that has the hunt, since when, the hunt and its ticket."""

    run_id: str
    since: datetime
    hunt_id: str
    ticket: int


def queued_in(s: Session, group_ids: Collection[int]) -> dict[int, list[QueuedCaller]]:
    """Return the callers in the queues of groups, by the ids of the groups, in order of their tickets."""
    found: dict[int, list[QueuedCaller]] = {}
    for row in run(s, _OF_GROUPS, {"group_ids": sorted(group_ids)}):
        found.setdefault(row.group_id, []).append(QueuedCaller(row.run_id, row.since, row.hunt_id, row.ticket))
    return found


def waiting_hunts(s: Session) -> list[QueuedHunt]:
    """Return all queued hunts, in order of their tickets."""
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


def _give_ticket(s: Transaction, hunt_id: str, call_uuid: str, group_id: int, limit: int | None) -> int:
    """Return the call's ticket, a new one unless it has one. The counter's row is locked until the transaction ends."""
    whose = {"hunt": hunt_id, "call": call_uuid}
    while True:
        ticket = run(s, _NEXT_TICKET, whose).scalar()
        if ticket is not None and limit is not None and length(s, group_id) >= limit:
            raise QueueFull(f"{limit} callers wait already.")
        if ticket is None:
            ticket = run(s, _TICKET_OF_CALL, whose).scalar()
        if ticket is not None:
            return int(ticket)
        ensure(s)


@cache
def _joining(dialect: str) -> Prepared:
    insert = insert_for(dialect, QueueEntry)
    changed = ("domain", "group_id", "call_uuid", "run_id", "ticket")
    taken = {name: insert.excluded[name] for name in changed}
    return Prepared(insert.on_conflict_do_update(index_elements=KEY, set_=taken))


@cache
def _leaving() -> dict[str, tuple[Prepared, ...]]:
    return deletion(QUEUE, _OF_HUNT, QUEUED_BEHIND.c.hunt_id != bindparam("hunt"))


@cache
def _leaving_by_call() -> dict[str, tuple[Prepared, ...]]:
    others = (QUEUED_BEHIND.c.hunt_id != bindparam("hunt"), QUEUED_BEHIND.c.call_uuid != bindparam("call"))
    return deletion(QUEUE, OF_CALL, *others)


@cache
def _dropping_hunts() -> dict[str, tuple[Prepared, ...]]:
    hunts: BindParameter[str] = bindparam("hunts", expanding=True)
    return deletion(QUEUE, _locked(QUEUE.c.hunt_id.in_(hunts)), QUEUED_BEHIND.c.hunt_id.not_in(hunts))


@cache
def _dropping_run() -> dict[str, tuple[Prepared, ...]]:
    return deletion(QUEUE, _locked(QUEUE.c.run_id == bindparam("by")), QUEUED_BEHIND.c.run_id != bindparam("by"))


def _locked(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Name the rows in one order. A row that is locked is given up, or joined again: nobody waits for it."""
    return tuple_(*KEY).in_(select(*KEY).where(which).order_by(*KEY).with_for_update(skip_locked=True))
