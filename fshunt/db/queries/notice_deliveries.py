"""Deliveries of notices: which are due, who sends one, and how that went.

Of several daemons one sends: it counts the tries up first, which only one can do, and then has the delivery for
``LEASE``. If it dies, another sends it again: a receiver may get a message twice, and knows it by its id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import CalledBack, CallRecord
from fshunt.db.queries.calls import in_span
from fshunt.db.queries.notices import DELIVERIES, DOMAINS, GROUPS, HAPPENINGS, NO_NUMBERS, NOTICES
from fshunt.db.queries.pilots import Span
from fshunt.db.statements import run
from fshunt.hunting.group import MAX_HUNT_TIMEOUT_SECONDS
from fshunt.notices.notice import Channel

LEASE = timedelta(minutes=5)
"""How long who sends a delivery has it for itself: far longer than a try may take."""

MAX_DUE = 200
"""Deliveries that one look reads."""

DEAD_LETTERS_ARE_KEPT_FOR = timedelta(days=30)

FAILING_FOR = timedelta(minutes=15)
"""A delivery that has not got through for so long is worth a word before it is a dead letter."""

LONGEST_WAIT = timedelta(seconds=MAX_HUNT_TIMEOUT_SECONDS)
"""From the begin of a call to its answer, at most."""

_PLACED = (
    select(*DELIVERIES.c, NOTICES.c.channel, NOTICES.c.target, DOMAINS.c.name.label("domain"), GROUPS.c.pilot)
    .join(NOTICES, NOTICES.c.id == DELIVERIES.c.notice_id)
    .join(GROUPS, GROUPS.c.id == NOTICES.c.group_id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(NOTICES.c.channel.in_([each.value for each in Channel]))
)
_ONE = (DELIVERIES.c.id == bindparam("delivery"), DELIVERIES.c.tries == bindparam("so_many"))
_HAPPENED = (
    select(HAPPENINGS)
    .where(HAPPENINGS.c.delivery_id == bindparam("delivery"))
    .order_by(HAPPENINGS.c.at, HAPPENINGS.c.id)
    .limit(bindparam("many"))
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is to be sent; ``tries`` were begun. ``dead``: it is not tried again by itself."""

    id: str
    notice_id: int
    channel: Channel
    target: str
    domain: str
    pilot: str
    created_at: datetime
    due_at: datetime
    next_try_at: datetime
    tries: int
    dead: bool
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """How many deliveries are dead letters, how many others have failed for a while, and since when the oldest is due.

    ``error`` is why one of them has failed.
    """

    dead: int = 0
    failing: int = 0
    since: datetime | None = None
    error: str | None = None


ALL_DELIVERED = Undelivered()


def due(s: Session, now: datetime, *, but: Collection[int] = ()) -> list[Delivery]:
    """Return deliveries that are due, the longest first, but for those of some notices."""
    query = _PLACED.where(DELIVERIES.c.dead.is_(False), DELIVERIES.c.next_try_at <= now)
    if but:
        query = query.where(DELIVERIES.c.notice_id.not_in(sorted(but)))
    return [_delivery(row) for row in run(s, query.order_by(DELIVERIES.c.next_try_at).limit(MAX_DUE), {})]


def waiting(
    s: Session, *, group_ids: Collection[int] | None = None, domains: Collection[str] | None = None
) -> list[Delivery]:
    """Return all deliveries, dead letters first, the oldest first; of some groups or domains alone."""
    query = _PLACED.order_by(DELIVERIES.c.dead.desc(), DELIVERIES.c.due_at, DELIVERIES.c.id)
    if group_ids is not None:
        query = query.where(NOTICES.c.group_id.in_(sorted(group_ids)))
    if domains is not None:
        query = query.where(DOMAINS.c.name.in_(sorted(domains)))
    return [_delivery(row) for row in run(s, query, {})]


def waiting_of(s: Session, notice_ids: Collection[int]) -> dict[int, int]:
    """Return how many deliveries wait, dead letters too, by the id of the notice."""
    query = (
        select(DELIVERIES.c.notice_id, func.count().label("number"))
        .where(DELIVERIES.c.notice_id.in_(sorted(notice_ids)))
        .group_by(DELIVERIES.c.notice_id)
    )
    return {row.notice_id: row.number for row in run(s, query, {})}


def happenings(s: Session, delivery: str, most: int) -> list[Row[Any]]:
    """Return what a delivery tells, in order of time, so many at most."""
    return list(run(s, _HAPPENED, {"delivery": delivery, "many": most}))


def count_happenings(s: Session, delivery: str) -> int:
    """Return how many events a delivery tells."""
    query = select(func.count()).where(HAPPENINGS.c.delivery_id == bindparam("delivery"))
    return int(run(s, query, {"delivery": delivery}).scalar_one())


def take(s: Session, delivery: Delivery, now: datetime) -> bool:
    """Begin a try: nobody else sends the delivery meanwhile. False: somebody else does, or it is gone."""
    values = {"tries": delivery.tries + 1, "next_try_at": now + LEASE}
    taken = update(DELIVERIES).where(*_ONE, DELIVERIES.c.dead.is_(False)).values(values)
    return bool(run(s, taken, {"delivery": delivery.id, "so_many": delivery.tries}).rowcount)


def remove(s: Session, delivery: str, tries: int) -> None:
    """Remove a delivery that has got through, or that is settled; not if somebody else has begun a try since."""
    run(s, delete(DELIVERIES).where(*_ONE), {"delivery": delivery, "so_many": tries})


def note_sent(s: Session, notice_id: int, at: datetime) -> None:
    """Note when something was sent last."""
    run(s, update(NOTICES).where(NOTICES.c.id == notice_id).values(last_sent_at=at), {})


def note_failed(
    s: Session, delivery: str, tries: int, *, error: str, next_try_at: datetime, dead: bool = False
) -> None:
    """Note why a try has failed, and when the next one is, or that there is none."""
    values = {"last_error": error, "next_try_at": next_try_at, "dead": dead}
    run(s, update(DELIVERIES).where(*_ONE).values(values), {"delivery": delivery, "so_many": tries})


def retry(s: Session, ids: Collection[str], now: datetime) -> int:
    """Have deliveries tried at once, dead letters as if they were due now; return how many there were."""
    again = {"next_try_at": now, "due_at": now, "tries": 0, "dead": False}
    return run(s, update(DELIVERIES).where(DELIVERIES.c.id.in_(sorted(ids))).values(again), {}).rowcount


def discard(s: Session, ids: Collection[str]) -> int:
    """Remove deliveries without sending them; return how many there were."""
    return run(s, delete(DELIVERIES).where(DELIVERIES.c.id.in_(sorted(ids))), {}).rowcount


def remove_dead(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many dead letters that were due before a moment; return how many."""
    old = select(DELIVERIES.c.id).where(DELIVERIES.c.dead.is_(True), DELIVERIES.c.due_at < before).limit(many)
    return run(s, delete(DELIVERIES).where(DELIVERIES.c.id.in_(old)), {}).rowcount


def undelivered(s: Session, now: datetime) -> Undelivered:
    """Return what has not got through."""
    bad = or_(DELIVERIES.c.dead.is_(True), and_(DELIVERIES.c.tries > 0, DELIVERIES.c.due_at < now - FAILING_FOR))
    counted = (
        select(DELIVERIES.c.dead, func.count().label("number"), func.min(DELIVERIES.c.due_at).label("since"))
        .where(bad, DELIVERIES.c.last_error.is_not(None))
        .group_by(DELIVERIES.c.dead)
    )
    rows = {bool(row.dead): row for row in run(s, counted, {})}
    if not rows:
        return Undelivered()
    error = select(DELIVERIES.c.last_error).where(bad, DELIVERIES.c.last_error.is_not(None))
    why = run(s, error.order_by(DELIVERIES.c.due_at.desc()).limit(1), {}).scalar()
    numbers = {dead: int(row.number) for dead, row in rows.items()}
    since = min(row.since for row in rows.values())
    return Undelivered(numbers.get(True, 0), numbers.get(False, 0), since, why)


def was_served(s: Session, calls: Collection[str], places: Collection[tuple[str, Span]]) -> bool:
    """Tell whether the caller of missed calls was served since the last: by a member of the group, or called back.

    ``places`` are the numbers of the group with their domains. Calls whose records are gone count as missed.
    """
    last = s.execute(
        select(CallRecord.id, CallRecord.caller_number, CallRecord.started_at, CallRecord.answered_at)
        .where(CallRecord.id.in_(sorted(calls)))
        .order_by(CallRecord.started_at.desc())
        .limit(1)
    ).first()
    if last is None:
        return False
    if last.answered_at is not None:  # a takeover had closed it as failed; the answer was known later
        return True
    # Who noted it before the last call was missed has not called back for that one.
    noted = or_(CalledBack.call_id == last.id, CalledBack.at >= last.started_at)
    if s.scalar(select(CalledBack.call_id).where(CalledBack.call_id.in_(sorted(calls)), noted).limit(1)) is not None:
        return True
    number = last.caller_number
    if number is None or number.lower() in NO_NUMBERS:
        return False
    return any(_answered_since(s, domain, span, number, last.started_at) for domain, span in places)


def _answered_since(s: Session, domain: str, span: Span, number: str, since: datetime) -> bool:
    query = select(CallRecord.id).where(
        in_span(domain, span),
        CallRecord.caller_number == number,
        CallRecord.started_at >= since - LONGEST_WAIT,  # a call of before may have been answered after
        CallRecord.answered_at >= since,
    )
    return s.execute(query.limit(1)).first() is not None


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        notice_id=row.notice_id,
        channel=Channel(row.channel),
        target=row.target,
        domain=row.domain,
        pilot=row.pilot,
        created_at=row.created_at,
        due_at=row.due_at,
        next_try_at=row.next_try_at,
        tries=row.tries,
        dead=bool(row.dead),
        last_error=row.last_error,
    )
