"""The report of a group: answered and missed calls by hour and weekday, who answered, and how long callers waited.

Pure over the calls of a period. ``db.queries.call_search.report_calls`` reads them within a limit; ``calls_in_pages``
reads all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from math import ceil

from fshunt.db.engine import Store
from fshunt.db.queries.call_search import Place, Question, ReportCall, next_report_calls

HOURS, WEEKDAYS = range(24), range(7)
PAGE = 2_000
"""How many calls are read in one transaction where all are read: some milliseconds."""

QUICKLY_SECONDS = 20
"""The usual measure of service: which part of the calls was answered within so many seconds."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls that were answered and missed, of one hour, weekday or day."""

    answered: int = 0
    missed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.answered + self.missed


@dataclass(frozen=True, slots=True)
class Share:
    """How many calls a member answered, as a number and as a part of those that were answered."""

    extension: str
    answered: int
    part: float


@dataclass(frozen=True, slots=True)
class LongestWait:
    """The call whose caller waited longest, in seconds, and whether it was answered."""

    call_id: str
    seconds: float
    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a period; times in seconds, None where no call was answered. Weekday 0 is Monday.

    ``usual_seconds`` is the median of the times to answer, and nine of ten were at most ``ninety_seconds``.
    """

    all: Counted
    by_hour: tuple[Counted, ...]
    by_weekday: tuple[Counted, ...]
    shares: tuple[Share, ...]
    usual_seconds: float | None
    ninety_seconds: float | None
    quickly_part: float | None
    longest: LongestWait | None


@dataclass(frozen=True, slots=True)
class HourOfDay:
    """The calls that began in one hour of one day."""

    day: date
    hour: int
    counted: Counted
    usual_seconds: float | None
    longest_seconds: float


def report(calls: Iterable[ReportCall], zone: tzinfo | None) -> Report:
    """Return the report of calls; one that has neither an answer nor an end is not counted yet.

    Hours and weekdays are those of a time zone (None: that of this host).
    """
    settled = [call for call in calls if call.answered_at or call.ended_at]
    answer_times = sorted(_waited(call) for call in settled if call.answered_at)
    local = [(call.started_at.astimezone(zone), call.answered_at is not None) for call in settled]
    hours = Counter((at.hour, answered) for at, answered in local)
    weekdays = Counter((at.weekday(), answered) for at, answered in local)
    quick = sum(seconds <= QUICKLY_SECONDS for seconds in answer_times)
    return Report(
        all=_counted(settled),
        by_hour=tuple(Counted(hours[hour, True], hours[hour, False]) for hour in HOURS),
        by_weekday=tuple(Counted(weekdays[day, True], weekdays[day, False]) for day in WEEKDAYS),
        shares=_shares(settled),
        usual_seconds=_at_most(answer_times, 0.5),
        ninety_seconds=_at_most(answer_times, 0.9),
        quickly_part=quick / len(answer_times) if answer_times else None,
        longest=_longest(settled),
    )


def calls_in_pages(store: Store, asked: Question) -> Iterator[list[ReportCall]]:
    """Give all calls of a question, oldest first, page by page: a transaction for each, and none between two."""
    for part in reversed(asked.parts):
        after, is_more = None, True
        while is_more:
            with store.reading() as s:
                page = next_report_calls(s, part, after, PAGE)
            yield page
            is_more = len(page) == PAGE
            after = Place(page[-1].started_at, page[-1].id) if page else None


@dataclass(slots=True)
class HourCounter:
    """Counts calls by hour and day, as they come, oldest first: it keeps those of one hour, and their times alone.

    Hours are those of a time zone (None: that of this host). One that clocks repeat is one hour.
    """

    zone: tzinfo | None
    _hour: tuple[date, int] | None = None
    _answer_times: list[float] = field(default_factory=list)
    _missed: int = 0
    _longest: float = 0.0

    def add(self, calls: Iterable[ReportCall]) -> list[HourOfDay]:
        """Return the hours that are over with these calls; an hour without calls is none."""
        over: list[HourOfDay] = []
        for call in calls:
            if not (call.answered_at or call.ended_at):
                continue
            at = call.started_at.astimezone(self.zone)
            if (at.date(), at.hour) != self._hour:
                over += self.rest()
                self._hour = (at.date(), at.hour)
            waited = _waited(call)
            self._longest = max(self._longest, waited)
            if call.answered_at:
                self._answer_times.append(waited)
            else:
                self._missed += 1
        return over

    def rest(self) -> list[HourOfDay]:
        """Return the last hour, when no call comes any more; none without calls."""
        if self._hour is None:
            return []
        day, hour = self._hour
        counted = Counted(len(self._answer_times), self._missed)
        made = HourOfDay(day, hour, counted, _at_most(sorted(self._answer_times), 0.5), self._longest)
        self._hour, self._answer_times, self._missed, self._longest = None, [], 0, 0.0
        return [made]


def _counted(calls: Iterable[ReportCall]) -> Counted:
    answers = Counter(call.answered_at is not None for call in calls)
    return Counted(answers[True], answers[False])


def _shares(calls: Iterable[ReportCall]) -> tuple[Share, ...]:
    by_member = Counter(call.answered_by for call in calls if call.answered_at and call.answered_by)
    all_of_them = sum(by_member.values())
    in_order = sorted(by_member.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Share(extension, count, count / all_of_them) for extension, count in in_order)


def _longest(calls: Sequence[ReportCall]) -> LongestWait | None:
    if not calls:
        return None
    call = max(calls, key=_waited)
    return LongestWait(call.id, _waited(call), call.started_at, call.answered_at is not None)


def _waited(call: ReportCall) -> float:
    """Until the answer, or in vain until the caller went or was sent on."""
    end = call.answered_at or call.ended_at or call.started_at
    return max((end - call.started_at).total_seconds(), 0.0)


def _at_most(in_order: Sequence[float], part: float) -> float | None:
    """Return the least value that this part of the values does not exceed."""
    return in_order[max(ceil(part * len(in_order)) - 1, 0)] if in_order else None
