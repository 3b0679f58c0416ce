"""What happens in groups, event by event, made of the records of calls and of the audit.

An event has the same name in the log (``fshunt.log_events``). Each is found again in the records at any later time, so
that who looks late is told the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from fshunt.db.models import CallRecord
from fshunt.hunting.states import Outcome, Result
from fshunt.log_events import LogEvent
from fshunt.services.audit import Change, ChangeKind, Subject
from fshunt.services.call_story import caller_words, offer_words, result_words, ringing_words, skip_words


class EventName(StrEnum):
    """What has happened; of one moment, in this order."""

    CALL_ARRIVED = LogEvent.CALL_ARRIVED.value
    SKIPPED = LogEvent.SKIPPED.value
    NOT_ANSWERED = LogEvent.NOT_ANSWERED.value
    RINGING = LogEvent.RINGING.value
    ANSWERED = LogEvent.ANSWERED.value
    QUEUED = LogEvent.QUEUED.value
    LEFT_QUEUE = LogEvent.LEFT_QUEUE.value
    VOICEMAIL = LogEvent.VOICEMAIL.value
    ENDED = LogEvent.ENDED.value
    BLOCKED = LogEvent.BLOCKED.value
    UNBLOCKED = "unblocked"
    CHANGED = "changed"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"


RANK = {name: at for at, name in enumerate(EventName)}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, in words and in values that are None where they are not known.

    ``call`` is the caller's channel. ``key`` is the same whenever the event is read again. A change has no ``words``:
    its fields are in ``change``.
    """

    at: datetime
    name: EventName
    key: Hashable
    words: str = ""
    domain: str | None = None
    pilot: str | None = None
    call: str | None = None
    caller_number: str | None = None
    caller_name: str | None = None
    member: str | None = None
    outcome: str | None = None
    change: Change | None = None


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events in the order in which they happened."""
    return sorted(events, key=lambda event: (event.at, RANK[event.name]))


def of_call(record: CallRecord | Row[Any], offers: Iterable[Row[Any]], skips: Iterable[Row[Any]]) -> Iterator[Event]:
    """Yield what has happened in a call so far."""
    offers, skips = list(offers), list(skips)
    yield _made(record, EventName.CALL_ARRIVED, record.started_at, f"call from {caller_words(record)}")
    for skip in skips:
        yield _made(record, EventName.SKIPPED, skip.at, skip_words(skip), skip.id, skip.extension, skip.reason)
    for offer in offers:
        who = offer.extension
        yield _made(record, EventName.RINGING, offer.started_at, ringing_words(offer), offer.id, who)
        if offer.outcome is not None and offer.ended_at is not None:
            name = EventName.ANSWERED if offer.outcome == Outcome.ANSWERED else EventName.NOT_ANSWERED
            yield _made(record, name, offer.ended_at, offer_words(offer), offer.id, who, offer.outcome)
    if record.result == Result.VOICEMAIL:
        last = [record.started_at, *(each.at for each in skips), *(each.ended_at for each in offers if each.ended_at)]
        yield _made(record, EventName.VOICEMAIL, max(last), f"caller goes to {_destination(record)}")
    if record.ended_at is not None:
        # A record that was closed by a guess, and is corrected later, ends a second time.
        yield _made(
            record,
            EventName.ENDED,
            record.ended_at,
            _ended_words(record),
            record.result,
            record.answered_by,
            record.result,
        )


def of_change(change: Change) -> Event:
    """Return a change of the administration, or a block."""
    name, member = EventName.CHANGED, None
    if change.subject is Subject.BLOCK:
        name = EventName.UNBLOCKED if change.action is ChangeKind.REMOVE else EventName.BLOCKED
        member = change.key
    key, where = ("change", change.id), (change.domain, change.pilot)
    return Event(change.at, name, key, "", *where, member=member, change=change)


def _made(
    record: CallRecord | Row[Any],
    name: EventName,
    at: datetime,
    words: str,
    part: Hashable = None,
    member: str | None = None,
    outcome: str | None = None,
) -> Event:
    return Event(
        at,
        name,
        (record.id, name, part),
        words,
        record.domain,
        record.pilot,
        record.uuid,
        record.caller_number,
        record.caller_name,
        member,
        outcome,
    )


def _destination(record: CallRecord | Row[Any]) -> str:
    return (record.destination or "voicemail").replace(":", " ") + (f" ({record.reason})" if record.reason else "")


def _ended_words(record: CallRecord | Row[Any]) -> str:
    words = result_words(record)
    told = record.reason is None or record.reason.removeprefix("the ").rstrip(".") in words
    seconds = (record.ended_at - record.started_at).total_seconds() if record.ended_at else 0.0
    return f"call ended after {seconds:.0f} s: {words}{'' if told else f' ({record.reason})'}"
