"""The hours of a group as its page has them: a form of the week, the state in words, and bars to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from babel import dates
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.hunting.hours import DAY_MINUTES, WEEKDAYS, Hours, Interval, Week
from fshunt.hunting.hours_text import CLOSED, parse_intervals, parse_week, show_days, show_intervals
from fshunt.services import hours
from fshunt.web import words
from fshunt.web.column_form import MAX_INPUT_CHARS, version_of
from fshunt.web.group_form import VERSION
from fshunt.web.languages import format_locale
from fshunt.web.now import closed_words
from fshunt.web.sentences import in_language, set_meanwhile
from fshunt.web.times import short_when

ZONE = "time_zone"
WEEK_INPUTS = (*WEEKDAYS, ZONE)

_AROUND_MARKS = re.compile(r"\s*([-,;:])\s*")
"""Spaces that mean nothing; others stay, so that a message says what was typed."""

_DASHES = re.compile(r"[\u2010-\u2015\u2212]")


@dataclass(slots=True)
class WeekForm:
    """What stands in the inputs of a week: times for each day (empty: closed), and the time zone.

    ``errors`` has a sentence for each input that is wrong; that of the empty name is of the week as a whole.
    """

    texts: dict[str, str]
    version: str
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, group: Group, zone: str | None) -> WeekForm:
        """Return the form of a group's week; ``zone`` is proposed to a group that has none."""
        stored = _texts(group)
        return cls(stored | {ZONE: group.time_zone or zone or ""}, version_of(stored))

    @classmethod
    def sent(cls, group: Group, form: MultiDict[str, str]) -> WeekForm:
        """Return the form as a browser sent it; what it did not send is as stored."""
        made = cls.of(group, None)
        made.version = form.get(VERSION, made.version)
        for name in WEEK_INPUTS:
            text = form.get(name, made.texts[name]).strip()
            made.texts[name] = text
            if len(text) > MAX_INPUT_CHARS:
                made.errors[name] = gettext("This is too long.")
        return made

    def checked(self, group: Group) -> Week:
        """Return the week; ``errors`` has a sentence for each input that is wrong, or that somebody else has set."""
        for day in WEEKDAYS:
            try:
                parse_intervals(_times(self.texts[day]))
            except FshuntError as error:
                self.errors.setdefault(day, in_language(str(error)))
        self._point_out_changes(group)
        if self.errors:
            return ()
        try:
            return parse_week([word for day in WEEKDAYS for word in (day, _times(self.texts[day]))])
        except FshuntError as error:
            self.errors[""] = in_language(str(error))
            return ()

    def _point_out_changes(self, group: Group) -> None:
        stored = _texts(group)
        if self.errors or self.version == version_of(stored):
            return
        for name in WEEK_INPUTS:
            if _times(self.texts[name]) != _times(stored[name]):
                self.errors[name] = set_meanwhile(stored[name])
        self.version = version_of(stored)


def _texts(group: Group) -> dict[str, str]:
    week = group.hours.week or ((),) * len(WEEKDAYS)
    days = {day: show_intervals(week[i]).replace(",", ", ") if week[i] else "" for i, day in enumerate(WEEKDAYS)}
    return days | {ZONE: group.time_zone or ""}


def _times(text: str) -> str:
    """Times as the service reads them: people put spaces and dashes of all kinds between them."""
    joined = _AROUND_MARKS.sub(r"\1", _DASHES.sub("-", text)).strip()
    return joined.rstrip(",;").replace(";", ",") or CLOSED


def day_names() -> Mapping[str, str]:
    """Return the names of the days of a week, in the reader's language."""
    names = dates.get_day_names("wide", locale=format_locale())
    return {day: str(names[i]) for i, day in enumerate(WEEKDAYS)}


def day_words(first: date, last: date) -> str:
    """Return a day, or the first and the last of several, as the reader writes them."""
    said = [str(dates.format_date(each, "medium", locale=format_locale())) for each in (first, last)]
    return said[0] if first == last else f"{said[0]} – {said[1]}"  # noqa: RUF001 a dash between two days


def bars(of: Hours) -> Mapping[str, list[tuple[int, int]]]:
    """Return for each day of the week the minutes from which and for how long it is open, without holidays."""
    return {day: list(_bars_of(of.week, i)) for i, day in enumerate(WEEKDAYS)}


def _bars_of(week: Week, day: int) -> Iterator[tuple[int, int]]:
    if not week:
        yield 0, DAY_MINUTES
        return
    for each in week[day - 1]:
        if each.closes > DAY_MINUTES:
            yield 0, each.closes - DAY_MINUTES
    for each in week[day]:
        yield each.opens, _within(each) - each.opens


def _within(each: Interval) -> int:
    return min(each.closes, DAY_MINUTES)


def state_words(group: Group, now: datetime) -> str:
    """Return whether a group is open, why not, and until when."""
    state = hours.state_of(group, now)
    if state.closed is None:
        if state.until is None:
            return str(gettext("Open"))
        return str(gettext("Open until %(time)s", time=short_when(state.until)))
    why = closed_words(state.closed)
    if state.until is None:
        return str(gettext("Closed (%(why)s)", why=why))
    return str(gettext("Closed (%(why)s) until %(time)s", why=why, time=short_when(state.until)))


def of_closing(group: Group, now: datetime) -> dict[str, object]:
    """Return what a template needs for the switch that closes a group."""
    by_hand = group.hours.by_hand
    return {
        "state": hours.state_of(group, now),
        "state_text": state_words(group, now),
        "by_hand": by_hand if by_hand is not None and by_hand.holds(now) else None,
        "where_closed": words.destination(group.on_closed, group),
        "day_words": day_words,
        "show_days": show_days,
        "show_intervals": show_intervals,
    }
