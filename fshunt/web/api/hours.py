"""When a group is open: business hours, holidays, and closed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS
from fshunt.hunting.hours import WEEKDAYS, Holiday
from fshunt.hunting.hours_text import CLOSED, check_holiday_name, parse_intervals, parse_week
from fshunt.services import hours, rights
from fshunt.services.rights import Action
from fshunt.services.versions import version_of_group
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, Entries, moment_field, read_moment, text_field
from fshunt.web.api.errors import BadFields
from fshunt.web.api.groups import ONE, answer_group, locked_group
from fshunt.web.api.operations import Asked, operation
from fshunt.web.api.parameters import PATH_PARAMETERS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_INTERVALS = 100
ZONE = GROUP_FIELDS["time_zone"]

INTERVAL = {
    "day": text_field("day", "Day", choices=WEEKDAYS),
    "opens": text_field("opens", "Time, such as 08:00"),
    "closes": text_field("closes", "Time; one that is not later than `opens` is on the next day"),
}
WEEK = Body(
    "week",
    {"hours": Entries("hours", INTERVAL, tuple(INTERVAL), "Business hours", MAX_INTERVALS), "time_zone": ZONE},
    required=("hours",),
)
HOLIDAY = Body(
    "new_holiday",
    {
        "first_day": text_field("first_day", "First day, such as 2026-12-25", PATH_PARAMETERS["first_day"].read),
        "last_day": text_field("last_day", "Last day; without it, the first", PATH_PARAMETERS["last_day"].read),
        "name": text_field("name", "Name", check_holiday_name),
        "hours": text_field("hours", "`closed`, or hours such as 08:00-12:00", parse_intervals),
        "time_zone": ZONE,
    },
    required=("first_day", "name"),
)
CLOSING = Body("closing", {"until": moment_field("until", "Until when; null: until it is opened again")})

GROUP = {"action": Action.CHANGE_GROUP, "kind": "group", "form": "group", "versioned": True}


@operation(
    "PUT",
    f"{ONE}/hours",
    body=WEEK,
    example={
        "time_zone": "Europe/Rome",
        "hours": [
            {"day": "mon", "opens": "08:00", "closes": "12:00"},
            {"day": "tue", "opens": "08:00", "closes": "17:00"},
        ],
    },
    match=True,
    **GROUP,
)
def set_hours(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Set the business hours of all days; a day without hours is closed."""
    asked.check_version(version_of_group(locked_group(s, asked.access, domain, pilot)))
    try:
        week = parse_week(list(_words(asked.values["hours"])))
    except FshuntError as error:
        raise BadFields({"hours": str(error)}) from error
    return answer_group(s, asked, hours.set_hours(s, domain, pilot, week, _zone(asked.values)))


@operation("DELETE", f"{ONE}/hours", match=True, **GROUP)
def clear_hours(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Have no business hours: only holidays, or a person, close the group."""
    asked.check_version(version_of_group(locked_group(s, asked.access, domain, pilot)))
    return answer_group(s, asked, hours.clear_hours(s, domain, pilot))


@operation(
    "POST",
    f"{ONE}/holidays",
    body=HOLIDAY,
    example={"first_day": "2026-12-24", "name": "Christmas Eve", "hours": "08:00-12:00", "time_zone": "Europe/Rome"},
    repeatable=True,
    status=HTTPStatus.CREATED,
    **GROUP,
)
def add_holiday(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Add a holiday."""
    rights.group_for(s, asked.access, domain, pilot)
    given = asked.values
    first = date.fromisoformat(given["first_day"])
    last = date.fromisoformat(given.get("last_day", given["first_day"]))
    if last < first:
        raise BadFields({"last_day": "The last day is before the first."})
    holiday = Holiday(given["name"], first, last, parse_intervals(given.get("hours", CLOSED)))
    return answer_group(s, asked, hours.add_holiday(s, domain, pilot, holiday, _zone(given)))


@operation(
    "DELETE",
    f"{ONE}/holidays/{{first_day}}/{{last_day}}",
    query=(text_field("name", "Name, where several holidays are of the same days"),),
    **GROUP,
)
def remove_holiday(asked: Asked, s: Session, domain: str, pilot: str, first_day: date, last_day: date) -> Answer:
    """Remove a holiday."""
    rights.group_for(s, asked.access, domain, pilot)
    changed = hours.remove_holiday(s, domain, pilot, first_day, last_day, asked.query["name"])
    return answer_group(s, asked, changed)


@operation("PUT", f"{ONE}/closed", body=CLOSING, example={"until": "2099-12-24T12:00:00Z"}, **GROUP)
def close_group(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Close a group by hand, until a moment or until it is opened again."""
    rights.group_for(s, asked.access, domain, pilot)
    until = asked.values.get("until")
    moment = None if until is None else read_moment(until)
    return answer_group(s, asked, hours.close_group(s, domain, pilot, until=moment))


@operation("DELETE", f"{ONE}/closed", **GROUP)
def open_group(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Open a group that was closed by hand: it is open in its hours."""
    group: Group = rights.group_for(s, asked.access, domain, pilot)
    return answer_group(s, asked, hours.open_group(s, group.domain, group.pilot))


def _words(entries: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Give days and times in turn, as people write them."""
    times: dict[str, list[str]] = {}
    for each in entries:
        times.setdefault(each["day"], []).append(f"{each['opens']}-{each['closes']}")
    for day, intervals in times.items():
        yield from (day, ",".join(intervals))


def _zone(values: Mapping[str, Any]) -> hours.Zone:
    return hours.Zone(new=values.get("time_zone"))
