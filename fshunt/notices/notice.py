"""A notice: of which events of a group somebody is told, by mail or by a webhook, and when.

A notice belongs to one group. An event makes a delivery, at once, after some minutes, or with all others of the day (a
digest); a delivery that fails is tried again with growing pauses, until it is a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from enum import StrEnum
from zoneinfo import ZoneInfo

from fshunt.errors import BadValue, UsageError
from fshunt.hunting.hunt import Case
from fshunt.hunting.states import Result
from fshunt.hunting.suggestions import did_you_mean
from fshunt.hunting.validation import shown

MIN_AFTER_MINUTES, MAX_AFTER_MINUTES = 1, 1440
MIN_QUEUE, MAX_QUEUE = 0, 1000

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3600.0
"""Before a delivery that has failed is tried again: the first pause, doubled each time, and the longest one."""

GIVEN_UP_AFTER = timedelta(hours=24)
"""So long after it was due, a delivery that fails is a dead letter: whoever looks after the receiver has had a day."""

LEAST_TRIES = 3
"""Before that, a delivery has failed so often: all daemons may have been away for a day."""

QUEUE_TOLD_AGAIN_AFTER = timedelta(minutes=5)
"""A queue that grows and shrinks around its length is told of so often at most."""

_MINUTES_OF_DAY = 24 * 60


class Channel(StrEnum):
    """How a notice is sent."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class NoticeEvent(StrEnum):
    """What somebody may be told of."""

    ANSWERED = "answered"
    MISSED = "missed"
    NOBODY_REACHABLE = "nobody-reachable"
    QUEUE_LONGER = "queue-longer-than"
    MEMBER_BLOCKED = "member-blocked"


MISSES = frozenset({NoticeEvent.MISSED, NoticeEvent.NOBODY_REACHABLE})
"""The events that are settled when the caller is served: for these a notice may wait."""

EVENT_FORMS = ("answered", "missed", "nobody-reachable", "queue-longer-than:N", "member-blocked")
"""The events as people write them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be told, and when.

    ``queue_longer_than`` is the number of callers, with ``QUEUE_LONGER`` alone. ``after_minutes`` and ``digest_at``
    (minutes after midnight in the time zone of the group) exclude each other; without both an event is told at once.
    """

    channel: Channel
    target: str
    events: frozenset[NoticeEvent]
    queue_longer_than: int | None = None
    after_minutes: int | None = None
    digest_at: int | None = None

    def check(self) -> None:
        """Raise UsageError for what contradicts itself; the target is checked where it is read."""
        if not self.events:
            raise UsageError(f"A notice needs an event: use {', '.join(EVENT_FORMS)}.")
        if self.after_minutes is not None and self.digest_at is not None:
            raise UsageError("A notice is sent either after some minutes or as a digest, not both.")
        if self.after_minutes is not None:
            if not MIN_AFTER_MINUTES <= self.after_minutes <= MAX_AFTER_MINUTES:
                raise UsageError(
                    f"A notice waits from {MIN_AFTER_MINUTES} to {MAX_AFTER_MINUTES} minutes, not {self.after_minutes}."
                )
            if not self.events <= MISSES:
                raise UsageError("Only missed and nobody-reachable can wait some minutes for the caller to be served.")
        if self.digest_at is not None and not 0 <= self.digest_at < _MINUTES_OF_DAY:
            raise UsageError("A digest is sent at a time from 00:00 to 23:59.")

    def event_for(self, event: NoticeEvent) -> NoticeEvent | None:
        """Return as what an event is told; None: it is not. A hunt that reached nobody was missed, too."""
        if event in self.events:
            return event
        missed = event is NoticeEvent.NOBODY_REACHABLE and NoticeEvent.MISSED in self.events
        return NoticeEvent.MISSED if missed else None

    def due_at(self, now: datetime, zone: str | None) -> datetime:
        """Return when an event of this moment is told; ``zone`` is that of the group (None, or unknown: UTC)."""
        if self.digest_at is not None:
            return _next_time(self.digest_at, now, zone)
        return now + timedelta(minutes=self.after_minutes or 0)

    def event_words(self) -> list[str]:
        """Return the events as people write them, in order."""
        return [_event_words(event, self.queue_longer_than) for event in NoticeEvent if event in self.events]

    def when_words(self) -> str:
        """Return when an event is told."""
        if self.digest_at is not None:
            return f"digest at {show_time(self.digest_at)}"
        return "at once" if self.after_minutes is None else f"after {self.after_minutes} min"


def _event_words(event: NoticeEvent, longer_than: int | None) -> str:
    return f"{event.value}:{longer_than}" if event is NoticeEvent.QUEUE_LONGER else event.value


def _next_time(minutes: int, now: datetime, zone: str | None) -> datetime:
    """Return the next moment after ``now`` at which the clock on the wall shows a time."""
    try:
        here = now.astimezone(ZoneInfo(zone)) if zone else now.astimezone(UTC)
    except (LookupError, OSError, ValueError):  # a zone that this host does not know
        here = now.astimezone(UTC)
    first = here.date()
    return next(
        at for at in (_clock_at(first + timedelta(days=ahead), minutes, here) for ahead in range(3)) if at > now
    )


def _clock_at(day: date, minutes: int, here: datetime) -> datetime:
    reading = datetime.combine(day, time_of_day(minutes // 60, minutes % 60), tzinfo=here.tzinfo)
    return reading.astimezone(UTC)


def event_of_hunt(result: str | None, reason: str | None) -> NoticeEvent:
    """Return what the end of a hunt is: answered, or missed, which is all else, as in a group's report."""
    if result == Result.ANSWERED.value:
        return NoticeEvent.ANSWERED
    if (reason or "").startswith(Case.UNREACHABLE.value):
        return NoticeEvent.NOBODY_REACHABLE
    return NoticeEvent.MISSED


def parse_events(words: Collection[str]) -> tuple[frozenset[NoticeEvent], int | None]:
    """Return the events of words such as ``missed`` and ``queue-longer-than:5``, and the number; raise BadValue."""
    events, longer_than = set[NoticeEvent](), None
    for word in words:
        name, colon, number = word.partition(":")
        if name not in set(NoticeEvent):
            hint = did_you_mean(name, [each.value for each in NoticeEvent])
            raise BadValue(f"{shown(word)} is not an event{hint}: use {', '.join(EVENT_FORMS)}.")
        event = NoticeEvent(name)
        if event is NoticeEvent.QUEUE_LONGER:
            if longer_than not in (None, length := _queue_length(number, word)):
                raise BadValue(f"A notice names one length of the queue, not {longer_than} and {length}.")
            longer_than = length
        elif colon:
            raise BadValue(f"{shown(word)} is not an event: only {NoticeEvent.QUEUE_LONGER.value} has a number.")
        events.add(event)
    return frozenset(events), longer_than


def _queue_length(number: str, word: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", number, re.ASCII) or not MIN_QUEUE <= int(number) <= MAX_QUEUE:
        raise BadValue(
            f"{shown(word)} is not an event: name the callers, {MIN_QUEUE} to {MAX_QUEUE}, "
            f"as in {NoticeEvent.QUEUE_LONGER.value}:5."
        )
    return int(number)


def parse_time(word: str) -> int:
    """Return the minutes after midnight of ``HH:MM``; raise BadValue."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", word, re.ASCII)
    if found is None:
        raise BadValue(f"{shown(word)} is not a time of the day: use HH:MM, such as 18:00.")
    return int(found[1]) * 60 + int(found[2])


def show_time(minutes: int) -> str:
    """Return a time of the day as ``HH:MM``."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def pause_seconds(tries: int) -> float:
    """Return the pause after so many tries have failed."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 16), LONGEST_PAUSE_SECONDS)


def is_given_up(tries: int, due_at: datetime, now: datetime) -> bool:
    """Tell whether a delivery that has failed so often is a dead letter by now."""
    return tries >= LEAST_TRIES and now - due_at >= GIVEN_UP_AFTER
