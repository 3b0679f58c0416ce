"""The report of a group for a period, as a page and as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from http import HTTPStatus
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import dates
from flask import Blueprint, Response, make_response, render_template

from fshunt.db.queries.call_search import MAX_REPORTED, ReportCall, question_of, report_calls
from fshunt.hunting.group import Group
from fshunt.services import rights
from fshunt.services.report import Counted, HourCounter, HourOfDay, calls_in_pages, report
from fshunt.services.rights import Action
from fshunt.web import times
from fshunt.web.days import day, midnight
from fshunt.web.files import file_response
from fshunt.web.forms import DaysForm
from fshunt.web.languages import format_locale
from fshunt.web.parts import parts
from fshunt.web.signed_in import access, for_signed_in, reading

pages = Blueprint("report", __name__, url_prefix="/groups/<domain>/<pilot>")

DAYS = 30
"""How far back a report reaches unless other days are asked for."""

COLUMNS = ("day", "hour", "calls", "answered", "missed", "median_seconds_to_answer", "longest_wait_seconds")


class PeriodForm(DaysForm):
    """The days of a report."""

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last day; what was left open, or is wrong, is the last ``DAYS`` days."""
        last = day(self.until.data) or today
        first = day(self.since.data) or last - timedelta(days=DAYS - 1)
        return (first, last) if first <= last else (today - timedelta(days=DAYS - 1), today)


class Column(NamedTuple):
    """One column of a chart: its heights in parts of the highest one."""

    label: str
    counted: Counted
    answered: float
    missed: float


@pages.get("/report")
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show the report."""
    form, group, zone = PeriodForm(), _group(domain, pilot), times.zone()
    well, (first, last) = form.validate(), form.days(_today(group))
    zone = zone_of(group)
    with reading() as s:
        asked = question_of(s, group, since=midnight(first, zone), until=midnight(last + timedelta(1), zone))
        calls = report_calls(s, asked)
    made = report(calls, zone)
    form.since.data, form.until.data = form.since.data or first.isoformat(), form.until.data or last.isoformat()
    page = render_template(
        "report.html",
        group=group,
        form=form,
        made=made,
        first=first,
        last=last,
        zone=zone_words(zone),
        hours=_columns([str(hour) for hour in range(24)], made.by_hour),
        weekdays=_columns(_weekday_names(), made.by_weekday),
        most=MAX_REPORTED if len(calls) == MAX_REPORTED else None,
    )
    return make_response(page, HTTPStatus.OK if well else HTTPStatus.UNPROCESSABLE_ENTITY)


@pages.get("/report.csv")
@for_signed_in
def table(domain: str, pilot: str) -> Response:
    """Return a line for each hour that has calls. No text of a caller is in it, so nothing that a spreadsheet runs."""
    form, group = PeriodForm(), _group(domain, pilot)
    if not form.validate():
        return show(domain, pilot)
    zone, (first, last) = zone_of(group), form.days(_today(group))
    with reading() as s:
        asked = question_of(s, group, since=midnight(first, zone), until=midnight(last + timedelta(1), zone))
    answer = file_response(_csv(calls_in_pages(parts().store, asked), zone), "text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="calls-{first}-{last}.csv"'
    return answer


def _csv(calls: Iterator[list[ReportCall]], zone: tzinfo | None) -> Iterator[bytes]:
    """Give the file in parts, one for each page of calls."""
    counter = HourCounter(zone)
    yield _lines([COLUMNS])
    for page in calls:
        yield _lines(map(_line, counter.add(page)))
    yield _lines(map(_line, counter.rest()))


def _line(each: HourOfDay) -> Sequence[object]:
    usual = "" if each.usual_seconds is None else f"{each.usual_seconds:.1f}"
    counted = each.counted
    return (each.day, each.hour, counted.total, counted.answered, counted.missed, usual, f"{each.longest_seconds:.1f}")


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def zone_of(group: Group) -> tzinfo | None:
    """Return the zone of a group's hours, in which its days are counted; a group without one: the reader's."""
    if group.time_zone and group.time_zone in times.zone_names():
        return ZoneInfo(group.time_zone)
    return times.zone()


def zone_words(zone: tzinfo | None) -> str:
    """Return the name of a zone."""
    return times.zone_name() if zone is None else str(zone)


def _group(domain: str, pilot: str) -> Group:
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
    rights.check(access(), Action.SEE_CALLS)
    return group


def _today(group: Group) -> date:
    return datetime.now(UTC).astimezone(zone_of(group)).date()


def _columns(labels: list[str], counted: tuple[Counted, ...]) -> list[Column]:
    highest = max((each.total for each in counted), default=0) or 1
    return [
        Column(label, each, each.answered / highest, each.missed / highest)
        for label, each in zip(labels, counted, strict=True)
    ]


def _weekday_names() -> list[str]:
    names = dates.get_day_names("abbreviated", context="stand-alone", locale=format_locale())
    return [names[number] for number in range(7)]
