"""Calls of a group that fit a search. Each question reads a window of the newest calls, never all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, selectinload, undefer

from fshunt.db.models import CalledBack, CallRecord, OfferRecord
from fshunt.db.queries.notices import NO_NUMBERS
from fshunt.db.queries.pilots import Span, pilot_spans
from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.states import Outcome, Result

WINDOW = 2_000
"""How many calls of a group a question looks at: as many as an index reads in some milliseconds."""

MAX_REPORTED = 50_000
"""How many calls a report counts at most."""

NOT_MISSED = (Result.ANSWERED.value, Result.CALLBACK.value)
"""Results of calls that nobody has missed: of who will be called back there is a record when that is done."""
NO_MISS = (Outcome.ANSWERED.value, Outcome.ANSWERED_ELSEWHERE.value)
_NEWEST_FIRST = (CallRecord.started_at.desc(), CallRecord.id.desc())


class Kind(StrEnum):
    """How the calls that are looked for have ended; ``waiting``: missed, and not called back yet."""

    ALL = "all"
    ANSWERED = "answered"
    MISSED = "missed"
    WAITING = "waiting"
    VOICEMAIL = "voicemail"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    REJECTED = "rejected"
    CALLBACK = "callback"
    FAILED = "failed"


class Place(NamedTuple):
    """A place in the list of calls, newest first: behind the call that began ``at`` this moment."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls of a group are looked for. ``caller``: a part of the number or name; ``member``: whom they rang.

    ``spans`` are the numbers that the group has had, newest first; without any, it has always had ``pilot``.
    """

    domain: str
    pilot: str
    spans: tuple[Span, ...] = ()
    kind: Kind = Kind.ALL
    member: str | None = None
    caller: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def parts(self) -> list[Question]:
        """The same question for each number of the group, newest first: none overlaps another in time."""
        return [
            replace(
                self,
                pilot=span.pilot,
                since=max((at for at in (self.since, span.since) if at is not None), default=None),
                until=min((at for at in (self.until, span.until) if at is not None), default=None),
            )
            for span in self.spans or (Span(self.pilot),)
        ]

    @property
    def takes_all(self) -> bool:
        """Whether each call of the time fits."""
        return self.kind is Kind.ALL and self.member is None and self.caller is None


class ReportCall(NamedTuple):
    """What a report reads of one call: when it began, was answered (None: never) and ended, and who answered."""

    id: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    answered_by: str | None


_COUNTS = or_(CallRecord.result.is_(None), CallRecord.result != Result.CALLBACK.value)
"""A caller who is called back counts once: with the call by which that is done."""
_REPORTED = (
    CallRecord.id,
    CallRecord.started_at,
    CallRecord.answered_at,
    CallRecord.ended_at,
    CallRecord.answered_by,
)
"""The columns of a ReportCall."""


@dataclass(frozen=True, slots=True)
class Found:
    """Calls, newest first, and the place where the search goes on; None: there are no more.

    With fewer calls than a page has, ``further`` says that older ones were not looked at yet.
    """

    calls: list[CallRecord]
    further: Place | None


def question_of(s: Session, group: Group, **more: Any) -> Question:
    """Return a question for the calls of a group, also under the numbers that it had before."""
    return Question(group.domain, group.pilot, pilot_spans(s, group.id, group.domain, group.pilot), **more)


def search(s: Session, asked: Question, behind: Place | None, limit: int) -> Found:
    """Return the newest calls that fit, behind a place, among the next ``WINDOW`` calls of the group."""
    calls: list[CallRecord] = []
    for part in asked.parts:
        if len(calls) == limit:  # the next page begins with the calls under an earlier number
            return Found(calls, Place(calls[-1].started_at, calls[-1].id))
        found = _search(s, part, behind, limit - len(calls))
        calls += found.calls
        if found.further is not None:
            return Found(calls, found.further)
    return Found(calls, None)


def _search(s: Session, asked: Question, behind: Place | None, limit: int) -> Found:
    window = [*_of_group(asked), *([_is_behind(behind)] if behind else [])]
    last = None if asked.takes_all else _last_of_window(s, window)
    if last is not None:
        window.append(_reaches(last))
    query = select(CallRecord).where(*window, *_fits(asked)).order_by(*_NEWEST_FIRST).limit(limit + 1)
    found = list(s.scalars(query))
    if len(found) > limit:
        return Found(found[:limit], Place(found[limit - 1].started_at, found[limit - 1].id))
    return Found(found, last)


def one_call(s: Session, asked: Question, call_id: str) -> CallRecord:
    """Return a hunt of a group with its story; raise NotFound."""
    of_group = or_(*(and_(*_of_group(part)) for part in asked.parts))
    query = (
        select(CallRecord)
        .where(CallRecord.id == call_id, of_group)
        .options(undefer(CallRecord.policy_input), selectinload(CallRecord.offers), selectinload(CallRecord.skips))
    )
    found = s.scalar(query)
    if found is None:
        raise NotFound(f"There is no record of a call {call_id}.")
    return found


def missed_by(s: Session, asked: Sequence[Question], extension: str, limit: int) -> list[CallRecord]:
    """Return the calls that rang a member and that nobody took, newest first, among the newest of each group."""
    found: list[CallRecord] = []
    for part in [part for each in asked for part in each.parts]:
        window = _of_group(part)
        last = _last_of_window(s, window)
        if last is not None:
            window.append(_reaches(last))
        missed_here = and_(*_missed(), _rang(extension, NO_MISS))
        found += s.scalars(select(CallRecord).where(*window, missed_here).order_by(*_NEWEST_FIRST).limit(limit))
    return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)[:limit]


def report_calls(s: Session, asked: Question) -> list[ReportCall]:
    """Return what a report reads of the calls of a group that began in a time, the newest ``MAX_REPORTED`` at most."""
    found: list[ReportCall] = []
    for part in asked.parts:
        query = select(*_REPORTED).where(*_of_group(part)).order_by(*_NEWEST_FIRST)
        found += [ReportCall(*row) for row in s.execute(query.limit(MAX_REPORTED - len(found)))]
    return found


def next_report_calls(s: Session, part: Question, after: Place | None, limit: int) -> list[ReportCall]:
    """Return the next calls after a place, oldest first, under one number of the group (one of ``asked.parts``)."""
    conditions = [*_of_group(part), *([_is_later(after)] if after else [])]
    query = select(*_REPORTED).where(*conditions).order_by(CallRecord.started_at, CallRecord.id).limit(limit)
    return [ReportCall(*row) for row in s.execute(query)]


def _of_group(asked: Question) -> list[ColumnElement[bool]]:
    conditions = [CallRecord.domain == asked.domain, CallRecord.pilot == asked.pilot, _COUNTS]
    if asked.since is not None:
        conditions.append(CallRecord.started_at >= asked.since)
    if asked.until is not None:
        conditions.append(CallRecord.started_at < asked.until)
    return conditions


def _last_of_window(s: Session, window: list[ColumnElement[bool]]) -> Place | None:
    row = s.execute(
        select(CallRecord.started_at, CallRecord.id).where(*window).order_by(*_NEWEST_FIRST).offset(WINDOW - 1).limit(1)
    ).first()
    return None if row is None else Place(row.started_at, row.id)


def _is_behind(place: Place) -> ColumnElement[bool]:
    same = and_(CallRecord.started_at == place.at, CallRecord.id < place.id)
    return and_(CallRecord.started_at <= place.at, or_(CallRecord.started_at < place.at, same))


def _reaches(place: Place) -> ColumnElement[bool]:
    same = and_(CallRecord.started_at == place.at, CallRecord.id >= place.id)
    return and_(CallRecord.started_at >= place.at, or_(CallRecord.started_at > place.at, same))


def _is_later(place: Place) -> ColumnElement[bool]:
    same = and_(CallRecord.started_at == place.at, CallRecord.id > place.id)
    return and_(CallRecord.started_at >= place.at, or_(CallRecord.started_at > place.at, same))


def _fits(asked: Question) -> Iterator[ColumnElement[bool]]:
    match asked.kind:
        case Kind.ALL:
            pass
        case Kind.MISSED:
            yield from _missed()
        case Kind.WAITING:
            numbers = {span.pilot for span in asked.spans} | {asked.pilot}
            yield from (*_missed(), ~_has_called_again(numbers), ~_was_called_back())
        case kind:
            yield CallRecord.result == kind.value
    if asked.member is not None:
        yield or_(CallRecord.answered_by == asked.member, _rang(asked.member))
    if asked.caller is not None:
        yield or_(_has(CallRecord.caller_number, asked.caller), _has(CallRecord.caller_name, asked.caller))


def _missed() -> tuple[ColumnElement[bool], ...]:
    return CallRecord.ended_at.is_not(None), CallRecord.result.not_in(NOT_MISSED)


def _rang(extension: str, but: Sequence[str] = ()) -> ColumnElement[bool]:
    conditions = [OfferRecord.call_id == CallRecord.id, OfferRecord.extension == extension]
    if but:
        conditions.append(or_(OfferRecord.outcome.is_(None), OfferRecord.outcome.not_in(but)))
    return exists().where(*conditions)


def _has(column: InstrumentedAttribute[str | None], words: str) -> ColumnElement[bool]:
    return column.icontains(words, autoescape=True)


def _has_called_again(pilots: Collection[str]) -> ColumnElement[bool]:
    """Whether there is a later call of the number to the group: an answer settles this one, a miss stands for it."""
    later = aliased(CallRecord)
    return exists().where(
        later.domain == CallRecord.domain,
        later.pilot.in_(sorted(pilots)),
        later.caller_number == CallRecord.caller_number,
        later.started_at > CallRecord.started_at,
        func.lower(CallRecord.caller_number).not_in(NO_NUMBERS),
    )


def _was_called_back() -> ColumnElement[bool]:
    return exists().where(CalledBack.call_id == CallRecord.id)
