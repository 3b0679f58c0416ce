"""Notices of groups, and the deliveries that events make.

The end of a hunt makes none by itself: the row of its call says that the group has notices, and one daemon makes the
deliveries of such rows afterwards (``make_for_calls``), in one transaction with the note that they are made. So however
a hunt ends, also late or by a takeover, nothing is forgotten, and hunts do nothing for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import CallRecord, Domain, HuntGroup, HuntMember, Notice, NoticeDelivery, NoticeHappening
from fshunt.db.notifications import QUEUE
from fshunt.db.statements import Transaction, dialect_of, insert_once, run, table
from fshunt.db.types import SeenText
from fshunt.hunting.states import Result
from fshunt.notices.notice import (
    MISSES,
    QUEUE_TOLD_AGAIN_AFTER,
    Channel,
    NoticeEvent,
    Wish,
    event_of_hunt,
)

NO_NUMBERS = ("", "anonymous", "unknown", "restricted", "unavailable", "private")
"""What carriers send instead of a caller's number: two calls of these need not be of one caller."""

MAX_CALLS_AT_ONCE = 100
"""Calls whose deliveries one transaction makes; on SQLite a hunt's record waits for it."""

NOTICES, DELIVERIES, HAPPENINGS = table(Notice), table(NoticeDelivery), table(NoticeHappening)
CALLS, GROUPS, DOMAINS, MEMBERS = table(CallRecord), table(HuntGroup), table(Domain), table(HuntMember)

GROUP_WITH_NOTICES = (
    select(NOTICES.c.group_id)
    .join(GROUPS, GROUPS.c.id == NOTICES.c.group_id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(
        DOMAINS.c.name == bindparam("of_domain", type_=SeenText()),
        GROUPS.c.pilot == bindparam("of_pilot", type_=SeenText()),
    )
    .limit(1)
    .scalar_subquery()
)
"""The group of a call, if it has notices."""

_WITH_PLACE = (
    select(*NOTICES.c, DOMAINS.c.name.label("domain"), GROUPS.c.pilot, GROUPS.c.time_zone)
    .join(GROUPS, GROUPS.c.id == NOTICES.c.group_id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(NOTICES.c.channel.in_([each.value for each in Channel]))  # others are of a newer fshunt
)
_WAIT_FOR_NOTICES = (
    select(CALLS.c.id)
    .where(
        CALLS.c.notice_group_id.is_not(None),
        # An answer is told while they talk.
        func.coalesce(CALLS.c.answered_at, CALLS.c.ended_at).is_not(None),
    )
    .order_by(CALLS.c.started_at)
    .limit(MAX_CALLS_AT_ONCE)
)
_TAKE = (
    update(CALLS)
    .where(CALLS.c.id.in_(bindparam("ids", expanding=True)), CALLS.c.notice_group_id.is_not(None))
    .values(notice_group_id=None)
)
_COLUMNS = (
    CALLS.c.id,
    CALLS.c.notice_group_id,
    CALLS.c.caller_number,
    CALLS.c.result,
    CALLS.c.reason,
    CALLS.c.answered_at,
    CALLS.c.ended_at,
)
_LOCKED = (
    select(*_COLUMNS)
    .where(CALLS.c.id.in_(bindparam("ids", expanding=True)), CALLS.c.notice_group_id.is_not(None))
    .order_by(CALLS.c.started_at)
    .with_for_update(skip_locked=True)
)
_QUEUES = _WITH_PLACE.add_columns(
    select(func.count(QUEUE.c.hunt_id.distinct()))
    .where(QUEUE.c.group_id == NOTICES.c.group_id)
    .correlate(NOTICES)
    .scalar_subquery()
    .label("queued")
).where(NOTICES.c.queue_longer_than.is_not(None))
_OF_MEMBER = _WITH_PLACE.join(MEMBERS, MEMBERS.c.group_id == GROUPS.c.id).where(MEMBERS.c.id == bindparam("member"))


class Place(NamedTuple):
    """The group of a notice."""

    group_id: int
    domain: str
    pilot: str


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A notice of a group, without the secret of its webhook; ``zone`` is the time zone of the group."""

    id: int
    place: Place
    wish: Wish
    created_at: datetime
    last_sent_at: datetime | None
    zone: str | None


def notices(s: Session, *which: ColumnElement[bool]) -> list[StoredNotice]:
    """Return notices in order of domain, pilot and age; ``which`` are conditions on ``NOTICES``."""
    query = _WITH_PLACE.where(*which).order_by(DOMAINS.c.name, GROUPS.c.pilot, NOTICES.c.id)
    return [_stored(row) for row in run(s, query, {})]


def add(s: Session, group_id: int, wish: Wish, *, secret: str | None, at: datetime) -> int:
    """Add a notice and return its id."""
    values = _columns(wish) | {"group_id": group_id, "secret": secret, "created_at": at}
    added: int = run(s, insert(NOTICES).returning(NOTICES.c.id), values).scalar_one()
    return added


def remove(s: Session, notice_id: int) -> bool:
    """Remove a notice with what waits for it; return False if there was none."""
    gone = delete(NOTICES).where(NOTICES.c.id == bindparam("notice")).returning(NOTICES.c.id)
    return run(s, gone, {"notice": notice_id}).first() is not None


class ToMake(NamedTuple):
    """Of what deliveries are to be made: calls, and whether queues have changed."""

    calls: list[str]
    queues: bool


def to_make(s: Session, now: datetime) -> ToMake | None:
    """Return of what deliveries are to be made by now; None: no group has a notice."""
    if not are_there(s):
        return None
    return ToMake(calls_to_tell(s), bool(queues_to_tell(s, now)))


def are_there(s: Session) -> bool:
    """Tell whether any group has a notice: else there is nothing to look for."""
    return run(s, select(NOTICES.c.id).limit(1), {}).first() is not None


def calls_to_tell(s: Session) -> list[str]:
    """Return calls of which notices are to be made by now, up to ``MAX_CALLS_AT_ONCE``."""
    return list(run(s, _WAIT_FOR_NOTICES, {}).scalars())


def make_for_calls(s: Session, ids: Collection[str], now: datetime) -> None:
    """Make the deliveries of calls that were answered or have ended; what is made is made once."""
    rows = run(s, _LOCKED, {"ids": sorted(ids)}).all()
    if not rows:
        return
    of_group = defaultdict[int, list[StoredNotice]](list)
    for each in notices(s, NOTICES.c.group_id.in_({row.notice_group_id for row in rows})):
        of_group[each.place.group_id].append(each)
    for row in rows:
        if row.answered_at is None and row.result == Result.CALLBACK.value:
            continue  # the call back has a record of its own
        event = NoticeEvent.ANSWERED if row.answered_at is not None else event_of_hunt(row.result, row.reason)
        _tell(
            s,
            of_group[row.notice_group_id],
            _Happened(event, f"hunt-{row.id}", row.answered_at or row.ended_at, call=row.id, caller=row.caller_number),
            now,
        )
    run(s, _TAKE, {"ids": [row.id for row in rows]})


def forget_calls(s: Session, ids: Collection[str]) -> None:
    """Make no deliveries of calls."""
    run(s, _TAKE, {"ids": sorted(ids)})


def make_for_block(s: Transaction, offer_id: str, member_id: int, extension: str, at: datetime) -> None:
    """Make the deliveries of a member who is blocked automatically, after the offer that was one too many."""
    found = [_stored(row) for row in run(s, _OF_MEMBER, {"member": member_id})]
    _tell(s, found, _Happened(NoticeEvent.MEMBER_BLOCKED, f"block-{offer_id}", at, member=extension), at)


def queues_to_tell(s: Session, now: datetime) -> list[int]:
    """Return the notices whose queue has become longer, or is no longer too long."""
    return [row.id for row in run(s, _QUEUES, {}) if _changes(row, now)]


def make_for_queues(s: Session, now: datetime) -> None:
    """Make the deliveries of queues that are longer than they may be; each is told once until it is shorter."""
    for row in run(s, _QUEUES.with_for_update(of=NOTICES), {}).all():
        if not _changes(row, now):
            continue
        longer = row.queued > row.queue_longer_than
        values: dict[str, Any] = {"queue_is_longer": longer} | ({"queue_told_at": now} if longer else {})
        run(s, update(NOTICES).where(NOTICES.c.id == row.id).values(values), {})
        if longer:
            key = f"queue-{now:%Y%m%dT%H%M%S}"
            _tell(s, [_stored(row)], _Happened(NoticeEvent.QUEUE_LONGER, key, now, queued=row.queued), now)


def _changes(row: Row[Any], now: datetime) -> bool:
    longer: bool = row.queued > row.queue_longer_than
    if longer == row.queue_is_longer:
        return False
    return not longer or row.queue_told_at is None or now - row.queue_told_at >= QUEUE_TOLD_AGAIN_AFTER


@dataclass(frozen=True, slots=True)
class _Happened:
    """An event of a group. ``key`` names it among all events; what is not known is None."""

    event: NoticeEvent
    key: str
    at: datetime
    call: str | None = None
    caller: str | None = None
    member: str | None = None
    queued: int | None = None


def _tell(s: Transaction, found: Iterable[StoredNotice], what: _Happened, now: datetime) -> None:
    for notice in found:
        event = notice.wish.event_for(what.event)
        # Calls that were on their way when the last notice was removed may be found when there is a new one.
        if event is not None and what.at >= notice.created_at:
            _add_happening(s, notice, event, what, now)


def _add_happening(s: Transaction, notice: StoredNotice, event: NoticeEvent, what: _Happened, now: datetime) -> None:
    happening = f"{notice.id}-{what.key}"
    if run(s, select(HAPPENINGS.c.id).where(HAPPENINGS.c.id == bindparam("key")), {"key": happening}).first():
        return
    row = {"id": happening, "event": event.value, "at": what.at, "call_id": what.call, "member": what.member}
    delivery = _delivery_for(s, notice, event, what, now)
    run(s, insert_once(dialect_of(s), NoticeHappening), row | {"queued": what.queued, "delivery_id": delivery})


def _delivery_for(s: Transaction, notice: StoredNotice, event: NoticeEvent, what: _Happened, now: datetime) -> str:
    """Return the delivery that tells an event: one that waits already, for the same caller or digest, else a new one.

    Its id is the same whoever makes it, and however often: so a receiver knows a repeat.
    """
    due = notice.wish.due_at(now, notice.zone)
    caller = what.caller if notice.wish.after_minutes is not None and event in MISSES else None
    if caller is not None and caller.lower() in NO_NUMBERS:
        caller = None
    if caller is not None and (waiting := _waiting(s, notice.id, caller)) is not None:
        return waiting
    digest = notice.wish.digest_at is not None
    delivery = f"{notice.id}-digest-{due:%Y%m%dT%H%M%S}" if digest else f"{notice.id}-{what.key}"
    row = {"id": delivery, "notice_id": notice.id, "caller": caller, "created_at": now, "due_at": due}
    run(s, insert_once(dialect_of(s), NoticeDelivery), row | {"next_try_at": due, "tries": 0, "dead": False})
    return delivery


def _waiting(s: Transaction, notice_id: int, caller: str) -> str | None:
    """Return the delivery of a caller that was not tried yet, locked: it is not sent before one more call is in it."""
    query = select(DELIVERIES.c.id).where(
        DELIVERIES.c.notice_id == notice_id,
        DELIVERIES.c.caller == bindparam("number", type_=DELIVERIES.c.caller.type),
        DELIVERIES.c.tries == 0,
        DELIVERIES.c.dead.is_(False),
    )
    found: str | None = run(s, query.limit(1).with_for_update(), {"number": caller}).scalar()
    return found


def _columns(wish: Wish) -> dict[str, Any]:
    return {
        "channel": wish.channel.value,
        "target": wish.target,
        "events": " ".join(event.value for event in NoticeEvent if event in wish.events),
        "queue_longer_than": wish.queue_longer_than,
        "after_minutes": wish.after_minutes,
        "digest_at": wish.digest_at,
    }


def _stored(row: Row[Any]) -> StoredNotice:
    known = set(NoticeEvent)  # one of a newer fshunt is left out
    wish = Wish(
        channel=Channel(row.channel),
        target=row.target,
        events=frozenset(NoticeEvent(word) for word in row.events.split() if word in known),
        queue_longer_than=row.queue_longer_than,
        after_minutes=row.after_minutes,
        digest_at=row.digest_at,
    )
    place = Place(row.group_id, row.domain, row.pilot)
    return StoredNotice(row.id, place, wish, row.created_at, row.last_sent_at, row.time_zone)


def secret_of(s: Session, notice_id: int) -> str | None:
    """Return what a webhook is signed with."""
    found: str | None = run(
        s, select(NOTICES.c.secret).where(NOTICES.c.id == bindparam("notice")), {"notice": notice_id}
    ).scalar()
    return found


def all_of(s: Session, group_ids: Sequence[int]) -> list[StoredNotice]:
    """Return the notices of some groups."""
    return notices(s, NOTICES.c.group_id.in_(group_ids))
