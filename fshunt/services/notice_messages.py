"""Makes the message of a delivery from the records: the story of each call, in the time zone of the group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select
from sqlalchemy.orm import Session, selectinload

from fshunt.db.models import CallRecord
from fshunt.db.queries import notice_deliveries, notices
from fshunt.db.queries.notice_deliveries import Delivery
from fshunt.db.queries.notices import NOTICES, StoredNotice
from fshunt.db.queries.pilots import pilot_spans
from fshunt.db.queries.rows import group_with_id
from fshunt.hunting.group import Group
from fshunt.notices.message import Message, Told
from fshunt.notices.notice import MISSES, NoticeEvent
from fshunt.services.call_story import caller_words, result_words, story
from fshunt.services.serialize import call_json, utc

MAX_EVENTS = 100
"""Events that a message tells one by one: a digest of more is no mail that a person reads."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What all events of a message have in common."""

    notice: StoredNotice
    group: Group
    web_url: str | None


def begin_try(s: Session, delivery: Delivery, now: datetime, web_url: str | None = None) -> Message | None:
    """Begin a try to send a delivery, and return its message; nobody else sends it meanwhile.

    None: there is nothing to send, since somebody else does, or since the caller was served meanwhile; then it is
    removed. ``web_url`` is how people reach the web pages.
    """
    if not notice_deliveries.take(s, delivery, now):
        return None
    found = notices.notices(s, NOTICES.c.id == delivery.notice_id)
    group = group_with_id(s, found[0].place.group_id) if found else None
    happened = notice_deliveries.happenings(s, delivery.id, MAX_EVENTS)
    if group is None or not happened or _is_settled(s, found[0], group, happened):
        notice_deliveries.remove(s, delivery.id, delivery.tries + 1)
        return None
    place = _Place(found[0], group, web_url)
    more = notice_deliveries.count_happenings(s, delivery.id) - len(happened)
    return _message(s, delivery, place, happened, more)


def _message(s: Session, delivery: Delivery, place: _Place, happened: Sequence[Row[Any]], more: int) -> Message:
    calls = _calls(s, [row.call_id for row in happened if row.call_id is not None])
    group = place.group
    return Message(
        id=delivery.id,
        channel=delivery.channel,
        target=delivery.target,
        domain=group.domain,
        pilot=group.pilot,
        group_name=group.name,
        zone=_zone(group),
        events=tuple(_told(place, row, calls.get(row.call_id)) for row in happened),
        is_digest=place.notice.wish.digest_at is not None,
        more=more,
        secret=notices.secret_of(s, delivery.notice_id),
    )


def _is_settled(s: Session, notice: StoredNotice, group: Group, happened: Sequence[Row[Any]]) -> bool:
    """Whether the caller was served within the minutes that a notice waits."""
    if notice.wish.after_minutes is None:
        return False
    missed = [row.call_id for row in happened if row.event in MISSES and row.call_id is not None]
    places = [(group.domain, span) for span in pilot_spans(s, group.id, group.domain, group.pilot)]
    return bool(missed) and notice_deliveries.was_served(s, missed, places)


def _calls(s: Session, ids: Sequence[str]) -> dict[str, CallRecord]:
    query = select(CallRecord).where(CallRecord.id.in_(ids))
    with_story = query.options(selectinload(CallRecord.offers), selectinload(CallRecord.skips))
    return {call.id: call for call in s.scalars(with_story)} if ids else {}


def _told(place: _Place, row: Row[Any], call: CallRecord | None) -> Told:
    event = NoticeEvent(row.event)
    if call is None:
        return Told(event, row.at, "", tuple(_other_facts(row)), (), None, _values(row, None))
    facts = [
        ("caller", caller_words(call)),
        ("called", call.pilot),
        ("result", result_words(call)),
        ("reason", call.reason or ""),
        ("waited", "" if call.waited_seconds is None else f"{call.waited_seconds:.0f} s in the queue"),
    ]
    moments = tuple((moment.at, moment.words) for moment in story(call))
    shown = tuple((name, value) for name, value in facts if value)
    return Told(event, row.at, caller_words(call), shown, moments, _link(place, call), _values(row, call))


def _other_facts(row: Row[Any]) -> list[tuple[str, str]]:
    if row.member is not None:
        return [("member", row.member), ("reason", "too many unanswered calls in a row")]
    return [("callers", str(row.queued))] if row.queued is not None else [("call", "its record is gone")]


def _values(row: Row[Any], call: CallRecord | None) -> dict[str, Any]:
    of_call = None
    if call is not None:
        of_call = {"id": call.id} | call_json(call)
        of_call["story"] = [{"at": utc(moment.at), "words": moment.words} for moment in story(call)]
    return {"member": row.member, "queued": row.queued, "call": of_call}


def _link(place: _Place, call: CallRecord) -> str | None:
    if place.web_url is None:
        return None
    group = place.group
    return f"{place.web_url}/groups/{quote(group.domain)}/{quote(group.pilot, safe='')}/calls/{quote(call.id)}"


def _zone(group: Group) -> tzinfo:
    try:
        return UTC if group.time_zone is None else ZoneInfo(group.time_zone)
    except (LookupError, OSError, ValueError):  # a zone that this host does not know
        return UTC
