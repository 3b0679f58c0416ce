"""The story of a call as bars on a time line, one row for each member. Pure; lengths are parts of the whole line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from fshunt.services.call_story import steps

TALK_PART = 0.15
"""How much of the line a talk has, however long it was: the line is about how the call was found a member."""

MAX_MARKS = 5
NICE_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
"""Seconds between two marks of the axis."""


class BarKind(StrEnum):
    """What a bar shows. A skip has no length."""

    RANG = "rang"
    ANSWERED = "answered"
    TALKED = "talked"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Bar:
    """From ``start`` for ``length``, both parts of the line."""

    kind: BarKind
    start: float
    length: float = 0.0


@dataclass(frozen=True, slots=True)
class BarRow:
    """The bars of one member."""

    extension: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of the axis: so many seconds after the call began, at a part of the line."""

    seconds: int
    at: float


@dataclass(frozen=True, slots=True)
class CallBars:
    """The rows, in the order in which the members came up, and the marks of the axis."""

    rows: tuple[BarRow, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    begin: datetime
    seconds: float
    part: float
    """How much of the line the hunt has; the rest is the talk."""

    def at(self, moment: datetime) -> float:
        passed = (moment - self.begin).total_seconds()
        return self.part * min(max(passed / self.seconds, 0.0), 1.0)


def call_bars(record: CallRecord, now: datetime) -> CallBars:
    """Return the bars of a call; one that is open goes on until ``now``."""
    end = record.answered_at or record.ended_at or now
    done = steps(record)
    seconds = max([(end - record.started_at).total_seconds(), *_ends(record, done), 1.0])
    line = _Line(record.started_at, seconds, 1.0 - TALK_PART if record.answered_at else 1.0)
    rows: dict[str, list[Bar]] = {}
    for step in done:
        rows.setdefault(step.extension, []).append(_bar(step, line, now))
    if record.answered_at is not None and record.answered_by is not None:
        rows.setdefault(record.answered_by, []).append(Bar(BarKind.TALKED, line.part, TALK_PART))
    return CallBars(tuple(BarRow(each, tuple(bars)) for each, bars in rows.items()), tuple(_marks(line)))


def _ends(record: CallRecord, done: Iterable[OfferRecord | SkipRecord]) -> list[float]:
    ends = [step.at if isinstance(step, SkipRecord) else step.ended_at for step in done]
    return [(end - record.started_at).total_seconds() for end in ends if end is not None]


def _bar(step: OfferRecord | SkipRecord, line: _Line, now: datetime) -> Bar:
    if isinstance(step, SkipRecord):
        return Bar(BarKind.SKIPPED, line.at(step.at))
    start = line.at(step.started_at)
    kind = BarKind.ANSWERED if step.outcome == "answered" else BarKind.RANG
    return Bar(kind, start, line.at(step.ended_at or now) - start)


def _marks(line: _Line) -> Iterable[Mark]:
    step = next((each for each in NICE_STEPS if line.seconds / each <= MAX_MARKS), NICE_STEPS[-1])
    for seconds in range(0, int(line.seconds) + 1, step):
        yield Mark(seconds, line.part * seconds / line.seconds)
