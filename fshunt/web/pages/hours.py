"""When a group is open: closed by hand, the hours of its week, and holidays. Each form is one change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from fshunt.errors import BadValue, Conflict, FshuntError, NotFound, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.hours import Holiday, zone_named
from fshunt.hunting.hours_text import CLOSED, parse_days, parse_intervals, show_days
from fshunt.services import audit, hours, rights
from fshunt.services.audit import HOLIDAY, ChangeKind, Subject
from fshunt.services.holiday_file import MAX_BYTES, read_holidays, too_large
from fshunt.services.hours import Zone
from fshunt.services.moments import parse_until
from fshunt.services.rights import Action
from fshunt.web.changes import change_to_tell, just_done
from fshunt.web.days import day
from fshunt.web.group_page import CHANGE, DONE, Refused, back_to, group_to_change, show_group
from fshunt.web.hours_form import ZONE, WeekForm, bars, day_names, of_closing
from fshunt.web.problems import answer_error, answer_http
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, maybe_signed_in, reading, writing
from fshunt.web.times import zone, zone_names

pages = Blueprint("hours", __name__, url_prefix="/groups/<domain>/<pilot>/hours")

REFUSALS = (BadValue, UsageError, Conflict, NotFound)
HOURS, GROUP = "hours", "group"
"""Values of the input `page`: where the form stands, and its answer goes."""

Work = Callable[[Session, Group], object]


@dataclass(slots=True)
class Typed:
    """A form that was not saved: which one, what was typed, and a sentence for each input that is wrong."""

    action: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@pages.get("")
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show when the group is open."""
    return _page(domain, pilot)


@pages.post("/closed")
@for_signed_in
def close(domain: str, pilot: str) -> Response:
    """Close the group until a moment or until it is opened, or open it."""
    written = request.form.get("until", "").strip()

    def work(s: Session, group: Group) -> None:
        if request.form.get("closed") != "yes":
            hours.open_group(s, group.domain, group.pilot)
            return
        until = parse_until(written, datetime.now(UTC), zone()) if written else None
        hours.close_group(s, group.domain, group.pilot, until=until)

    return _do(domain, pilot, work, "close", "until")


@pages.post("/week")
@for_signed_in
def save_week(domain: str, pilot: str) -> Response:
    """Save the hours of all days, or none of them."""
    with writing() as s:
        group = group_to_change(s, domain, pilot, Action.CHANGE_GROUP)
        form = WeekForm.sent(group, request.form)
        week = form.checked(group)
        if not form.errors:
            try:
                hours.set_hours(s, group.domain, group.pilot, week, Zone(form.texts[ZONE] or None))
            except (BadValue, UsageError) as error:
                form.errors[ZONE] = in_language(str(error))
        change_id = audit.last_change_id(s)
    return _page(domain, pilot, form=form) if form.errors else _back(group, change_id)


@pages.post("/clear")
@for_signed_in
def clear(domain: str, pilot: str) -> Response:
    """Have a group without business hours."""
    return _do(domain, pilot, lambda s, group: hours.clear_hours(s, group.domain, group.pilot), "clear", "")


@pages.post("/holidays/add")
@for_signed_in
def add_holiday(domain: str, pilot: str) -> Response:
    """Add a holiday."""
    texts = request.form.to_dict()
    first, last, errors = _days(texts.get("first", ""), texts.get("last", ""))
    times = "".join(texts.get("open", "").split()) or CLOSED
    try:
        parse_intervals(times)
    except BadValue as error:
        errors["open"] = in_language(str(error))
    name = texts.get("name", "").strip()
    if not name:
        errors["name"] = gettext("Please fill this in.")
    if errors or first is None or last is None:
        return _page(domain, pilot, typed=Typed("add", texts, errors))
    new = Holiday(name, first, last, parse_intervals(times))

    def work(s: Session, group: Group) -> None:
        hours.add_holiday(s, group.domain, group.pilot, new, _zone_of(group))

    return _do(domain, pilot, work, "add", "name", f"{HOLIDAY}{show_days(new)} {name}")


@pages.post("/holidays/remove")
@for_signed_in
def remove_holiday(domain: str, pilot: str) -> Response:
    """Remove a holiday."""
    days, name = request.form.get("days", ""), request.form.get("name", "")

    def work(s: Session, group: Group) -> None:
        hours.remove_holiday(s, group.domain, group.pilot, *parse_days(days), name)

    return _do(domain, pilot, work, "remove", "", f"{HOLIDAY}{days} {name}")


@pages.post("/holidays/import")
@for_signed_in
def import_holidays(domain: str, pilot: str) -> Response:
    """Add the holidays of an iCalendar file; what was left out of it is told."""
    sent = request.files.get("file")
    content = b"" if sent is None else sent.read(MAX_BYTES + 1)
    if not content:
        return _page(domain, pilot, typed=Typed("import", {}, {"file": gettext("Choose a file.")}))
    try:
        with writing() as s:
            group = group_to_change(s, domain, pilot, Action.CHANGE_GROUP)
            today = datetime.now(UTC).astimezone(_clock_of(group)).date()
            found = read_holidays(content, today)
            imported = hours.import_holidays(s, group.domain, group.pilot, found.holidays, _zone_of(group))
            change_id = audit.last_change_id(s)
    except (BadValue, UsageError) as error:
        return _page(domain, pilot, typed=Typed("import", {}, {"file": in_language(str(error))}))
    if not found.left_out:
        return _back(imported.group, change_id)
    left_out = gettext("Left out, since their days cannot be told: %(names)s.", names=", ".join(found.left_out))
    return _page(domain, pilot, tell=change_id, more=str(left_out))


@pages.errorhandler(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Say of a file that is too large for any form what is said of one that is a little smaller, beside its field."""
    known, where = maybe_signed_in(), request.view_args or {}
    if request.endpoint != "hours.import_holidays" or known is None or known.awaits_code:
        return answer_http(error)
    try:
        page = _page(**where, typed=Typed("import", {}, {"file": in_language(str(too_large()))}))
    except FshuntError as refused:
        return answer_error(refused)
    page.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return page


def _days(first: str, last: str) -> tuple[date | None, date | None, dict[str, str]]:
    """Read the days of a holiday; without a last day it is one day long."""
    errors = {}
    read = {"first": day(first), "last": day(last or first)}
    for name, said in (("first", first), ("last", last)):
        if read[name] is None and (said or name == "first"):
            errors[name] = str(gettext("Enter a day such as 2026-03-31."))
    begin, end = read["first"], read["last"]
    if begin is not None and end is not None and end < begin:
        errors["last"] = str(gettext("This is before the first day."))
    return begin, end, errors


def _zone_of(group: Group) -> Zone:
    """The zone of a group that has none is that of the reader who sets its hours."""
    return Zone(request.form.get(ZONE) or None, None if group.time_zone else _readers_zone())


def _readers_zone() -> str | None:
    name = str(zone())
    return name if name in zone_names() else None


def _clock_of(group: Group) -> tzinfo | None:
    return zone_named(group.time_zone) if group.time_zone in zone_names() else zone()


def _do(domain: str, pilot: str, work: Work, action: str, beside: str, wrote: str = HOLIDAY) -> Response:
    """Do the work in one transaction; of two clicks the second tells what the first has done.

    ``wrote`` is the value that both would write, where an error may be due to the first.
    """
    try:
        with writing() as s:
            group = group_to_change(s, domain, pilot, Action.CHANGE_GROUP)
            work(s, group)
            change_id = audit.last_change_id(s)
    except REFUSALS as error:
        with reading() as s:
            group = rights.group_for(s, access(), domain, pilot)
            before = _before(s, group, wrote)
        return _refused(group, action, beside, error) if before is None else _back(group, before)
    return _back(group, change_id)


def _before(s: Session, group: Group, wrote: str) -> int | None:
    """Return the change of the first of two clicks; None: there was none."""
    found = just_done(s, access(), group, Subject.HOURS, ChangeKind.SET, group.pilot)
    return found if found is not None and wrote in (audit.get_change(s, found).after or {}) else None


def _refused(group: Group, action: str, beside: str, error: FshuntError) -> Response:
    beside = "" if isinstance(error, NotFound) else beside
    if request.form.get("page") == GROUP:
        return show_group(group.domain, group.pilot, refused=Refused.by(action, group.pilot, beside, error))
    typed = Typed(action, request.form.to_dict(), {beside: in_language(str(error))})
    return _page(group.domain, group.pilot, typed=typed)


def _back(group: Group, change_id: int | None) -> Response:
    if request.form.get("page") == GROUP:
        return back_to(group, change_id)
    done = "already" if change_id is None else None
    where = url_for("hours.show", domain=group.domain, pilot=group.pilot, change=change_id, done=done)
    return make_response(redirect(where, HTTPStatus.SEE_OTHER))


def _page(
    domain: str,
    pilot: str,
    *,
    form: WeekForm | None = None,
    typed: Typed | None = None,
    tell: int | None = None,
    more: str = "",
) -> Response:
    now = datetime.now(UTC)
    number = request.args.get(CHANGE, "") if tell is None else str(tell)
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.SEE_GROUP)
        told = change_to_tell(s, access(), group, number)
        warnings = [in_language(each) for each in hours.warnings_of(group, now)]
    today = now.astimezone(_clock_of(group)).date()
    page = render_template(
        "hours.html",
        group=group,
        form=form or WeekForm.of(group, _readers_zone()),
        typed=typed or Typed(),
        told=told,
        done=DONE in request.args,
        more=more,
        warnings=warnings,
        may_change=rights.may(access(), Action.CHANGE_GROUP),
        days=day_names(),
        bars=bars(group.hours),
        zones=zone_names(),
        holidays=[each for each in group.hours.holidays if each.last >= today],
        past=[each for each in group.hours.holidays if each.last < today],
        **of_closing(group, now),
    )
    refused = (form is not None and form.errors) or (typed is not None and typed.errors)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK)
