"""`fshunt holiday`: the days on which a group is closed, or open at hours of their own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.times import host_zone
from fshunt.errors import UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.hours import Holiday, Interval
from fshunt.hunting.hours_text import parse_days, parse_intervals

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Days = tuple[date, date]

pilot_argument = click.argument("pilot", type=params.PILOT)
days_argument = click.argument("days", type=params.Word("days", parse_days))
zone_option = click.option(
    "--time-zone",
    type=params.ZONE,
    metavar="ZONE",
    help="Time zone of the group. Without it: the group's own, else that of this host.",
)


@click.group("holiday", cls=NounGroup, example="fshunt holiday add 5000 2026-12-25 Christmas")
def holiday() -> None:
    """The holidays of a group.

    DAYS are 2026-12-25, or 2026-12-24..2027-01-06 for several, both included.
    """


def _tell(app: App, session: Session, changed: Group, what: str) -> None:
    """Print one line on what was done; in JSON, the group as it is now."""
    [details] = late.groups.details_of(session, [changed])
    app.show(
        "group", lambda: late.serialize.group_json(details, app.settings.seconds_per_ring), lambda: output.say(what)
    )


@holiday.command("add", example="fshunt holiday add 5000 2026-12-24 'Christmas Eve' --hours 08:00-12:00")
@pilot_argument
@days_argument
@click.argument("name")
@click.option(
    "--hours",
    "open_at",
    type=params.Word("times", parse_intervals),
    metavar="TIMES",
    help="Hours of the holiday, such as 08:00-12:00. Without it: closed all day.",
)
@zone_option
@pass_app
def add(
    app: App, pilot: str, days: Days, name: str, open_at: tuple[Interval, ...] | None, time_zone: str | None
) -> None:
    """Close a group on DAYS, or have it open at other hours.

    Of several holidays of one day the shortest counts.
    """
    new = Holiday(name, *days, open_at or ())
    with app.writing() as (session, domain):
        changed = late.hours.add_holiday(session, domain, pilot, new, late.hours.Zone(time_zone, host_zone()))
        _tell(app, session, changed, f"Added holiday {name} to group {pilot} of {domain}.")


@holiday.command("list", cls=ListCommand, example="fshunt holiday list 5000")
@pilot_argument
@pass_app
def list_(app: App, pilot: str) -> None:
    """List a group's holidays in order."""
    with app.reading() as (session, domain):
        found = late.groups.get_group(session, domain, pilot).hours.holidays

    app.show_list(
        "holidays",
        lambda: [late.serialize.holiday_json(each) for each in found],
        late.group_page.HOLIDAY_TITLES,
        lambda: late.group_page.holiday_rows(found),
        f"Group {pilot} has no holidays: `fshunt holiday add {pilot} DAYS NAME` adds the first.",
    )


@holiday.command("remove", example="fshunt holiday remove 5000 2026-12-25")
@pilot_argument
@days_argument
@click.argument("name", required=False)
@pass_app
def remove(app: App, pilot: str, days: Days, name: str | None) -> None:
    """Remove a holiday; NAME it where several are of the same days."""
    with app.writing() as (session, domain):
        changed = late.hours.remove_holiday(session, domain, pilot, *days, name)
        _tell(app, session, changed, f"Removed the holiday from group {pilot} of {domain}.")


@holiday.command("import", example="fshunt holiday import 5000 holidays.ics")
@pilot_argument
@click.argument("file", type=click.Path(path_type=Path))
@zone_option
@pass_app
def import_(app: App, pilot: str, file: Path, time_zone: str | None) -> None:
    """Add the holidays of an iCalendar FILE.

    They are its events of whole days that are not past, and of events that recur those of the next two years. A holiday
    that the group has is not added again.
    """
    content = _content(file)
    with app.writing() as (session, domain):
        zone = late.hours.Zone(time_zone, host_zone())
        of_group = late.group_page.zone_of(late.groups.get_group(session, domain, pilot))
        today = datetime.now(UTC).astimezone(of_group).date()
        found = late.holiday_file.read_holidays(content, today)
        imported = late.hours.import_holidays(session, domain, pilot, found.holidays, zone)
    for name in found.left_out:
        app.warn(f"{name} was left out: its days cannot be told.")

    def page() -> None:
        known = f"; {imported.known} of the file already there" if imported.known else ""
        added = late.cluster_health.count(len(imported.added), "holiday")
        output.say(f"Added {added} to group {pilot} of {domain}{known}.")
        if imported.added:
            late.group_page.print_holidays(imported.added)

    app.show("imported", lambda: late.serialize.imported_json(imported, found.left_out), page)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(late.holiday_file.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
