"""`fshunt group`: hunt groups and their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.change_words import made_in, print_differences
from fshunt.cli.confirm import confirm, listed, yes_option
from fshunt.cli.group_notice import notice
from fshunt.cli.limits import limits
from fshunt.cli.options import given_group, group_options
from fshunt.cli.times import host_zone
from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group
from fshunt.hunting.hours_text import parse_week
from fshunt.hunting.policies import POLICIES
from fshunt.services.moments import parse_length, parse_until

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.audit import Change
    from fshunt.services.groups import GroupDetails
    from fshunt.services.pilot_findings import PilotFindings
    from fshunt.services.switch_lines import SwitchLines

NO_GROUPS = "No groups yet: `fshunt group add PILOT --domain D` adds the first."
NONE_FIT = "No groups match: `fshunt group list` without these options lists all."
LIST_TITLES = (
    output.Column("pilot"),
    output.Column("name", drop=1, wraps=True),
    output.Column("policy", drop=4),
    output.Column("ring time", drop=5),
    output.Column("members", drop=3, wraps=True),
    output.Column("state", drop=2, wraps=True),
)

zone_option = click.option(
    "--time-zone", type=params.ZONE, metavar="ZONE", help="Time zone of the group, such as Europe/Rome."
)
pilot_argument = click.argument("pilot", type=params.PILOT)


@click.group("group", cls=NounGroup, example="fshunt group add 5000 --name Sales --policy circular")
def group() -> None:
    """Hunt groups and their settings."""


force_option = click.option("--force", is_flag=True, help="Save a voicemail box that FreeSWITCH does not know.")


def _checked(app: App, pilot: str, fields: dict[str, Any], *, force: bool, new: bool) -> tuple[str, ...]:
    """Ask the switches for the boxes and numbers that are to be set; return what was found, and warn of the rest.

    It is done before the change, which locks the domain: a switch may take seconds to answer. Raises Conflict.
    """
    if not {"voicemail", "transfer_context", *late.destination_checks.CASES} & set(fields):
        return ()  # nothing that says where callers are sent
    with app.reading() as (session, domain):
        group = Group(id=0, domain=domain, pilot=pilot) if new else late.groups.get_group(session, domain, pilot)
    changed, ask = replace(group, **fields), partial(late.switch_checks.on_all, app.settings.switch)
    findings = late.destination_checks.check_places(changed, set(fields), app.settings, ask).check(force)
    for sentence in findings.warnings:
        app.warn(sentence)
    return findings.found


def _warn_of_dialplan(app: App, changed: Group) -> None:
    """Say what keeps callers of a new pilot from fshunt, as far as the switches can be asked."""
    for finding in late.feature_checks.pilots_like_codes([changed], app.settings):
        app.warn(str(finding))
    if not app.settings.switch:
        return
    with late.switch_lines.SwitchLines() as lines:
        ask = partial(late.switch_checks.on_all, app.settings.switch, connect=lines.line)
        for missing in late.first_calls.domain_findings([changed.domain], ask).values():
            app.warn(str(missing))
        found = late.pilot_findings.pilots_at(app.settings.switch, [changed], app.settings, lines.line)
        if found.by_table:  # a daemon would add it within seconds; it is reachable when this command ends
            found = _added_to_tables(app, changed, lines)
        for finding in found.findings:
            app.warn(str(finding))


def _added_to_tables(app: App, changed: Group, lines: SwitchLines) -> PilotFindings:
    with app.store.reading() as session:
        owner, rows = late.pilot_tables.owner_of(session), late.pilot_tables.rows_now(session, app.settings)
    try:
        late.pilot_tables.write_all(app.settings.switch, owner, rows, lines.line)
    except FshuntError as error:
        app.warn(f"The table of pilots was not written: {error}")
    return late.pilot_findings.pilots_at(app.settings.switch, [changed], app.settings, lines.line)


def _say_how_it_is_reached(app: App, pilot: str) -> None:
    if not app.settings.switch:
        output.say(
            f"If FreeSWITCH's dialplan has no {pilot} yet, run `fshunt dialplan --out FILE`, then `fs_cli -x "
            "reloadxml`."
        )


def _details(session: Session, found: Group) -> GroupDetails:
    [details] = late.groups.details_of(session, [found])
    return details


def _show(app: App, details: GroupDetails, page: Callable[[], None]) -> None:
    app.show("group", lambda: late.serialize.group_json(details, app.settings.seconds_per_ring), page)


def _print(app: App, details: GroupDetails, found: Sequence[str] = ()) -> None:
    """Print the page of a group, and what the switches have."""
    late.group_page.print_group(details, app.settings.seconds_per_ring, checked=bool(app.settings.switch))
    for sentence in found:
        output.say(sentence)


def _tell(app: App, details: GroupDetails, what: str, *, warn: bool = False) -> None:
    """Print one line on what was done; in JSON, the group as it is now."""

    def page() -> None:
        output.say(what)
        if warn:
            late.group_page.warn_of(details.group)

    _show(app, details, page)


def _tell_change(app: App, details: GroupDetails, made: Change | None, done: str, found: Sequence[str] = ()) -> None:
    """Print what has changed, and what the switches have; in JSON, the group as it is now."""
    group = details.group

    def page() -> None:
        print_differences(made, done, f"group {group.pilot} of {group.domain} is so already")
        for sentence in found:
            output.say(sentence)
        late.group_page.warn_of(group)

    _show(app, details, page)


@group.command("add", example="fshunt group add 5000 --name Sales --policy circular --rings 3 --voicemail 1005")
@click.argument("pilot", type=params.NEW_PILOT)
@group_options(clearable=False)
@force_option
@pass_app
def add(app: App, /, pilot: str, force: bool, **options: Any) -> None:
    """Add a group that callers reach at the number PILOT.

    Its voicemail boxes and transfers are looked for on each [[switch]]; a box that does not exist is refused.
    """
    fields = given_group(options)
    found = _checked(app, pilot, fields, force=force, new=True)
    with app.writing() as (session, domain):
        before = late.rows.domain_names(session)
        details = _details(session, late.groups.add_group(session, domain, pilot, **fields))
        _warn_of_others(app, session, details.group)
    _warn_of_second_domain(app, domain, before)
    _warn_of_dialplan(app, details.group)

    def page() -> None:
        output.say(f"Added group {pilot} of {domain}.")
        _print(app, details, found)
        _say_how_it_is_reached(app, pilot)

    _show(app, details, page)


def _warn_of_others(app: App, session: Session, group: Group) -> None:
    """Warn of what the other groups of the domain make of a group: callers may go round in circles."""
    for warning in late.groups.warnings_of(session, group):
        app.warn(warning)


def _warn_of_second_domain(app: App, domain: str, before: Sequence[str]) -> None:
    """It may be a typing mistake, and it changes what commands without `--domain` mean."""
    if len(before) != 1 or domain in before:
        return
    setting = app.settings.default_domain
    then = f"commands without --domain mean {setting}, the setting `default_domain`"
    if setting is None:
        then = "from now on commands need --domain, or the setting `default_domain`"
    app.warn(f"{domain} is a second domain besides {before[0]}: {then}.")


@group.command("list", cls=ListCommand, example="fshunt group list --member 1001")
@click.option("--member", type=params.BLOCKABLE, metavar="EXT", help="Only groups that EXT is a member of.")
@click.option(
    "--policy", type=params.OneOf("policy", list(POLICIES)), metavar="POLICY", help="Only groups with this policy."
)
@click.option("--disabled", is_flag=True, help="Only groups that are disabled.")
@pass_app
def list_(app: App, member: str | None, policy: str | None, disabled: bool) -> None:
    """List groups.

    Without --domain and the setting `default_domain`: the groups of all domains.
    """
    with app.reading_all() as (session, domains):
        there = [each for domain in domains for each in late.groups.list_groups(session, domain)]
        wanted = [each for each in there if _fits(each, member, policy, disabled)]
        found = late.groups.details_of(session, wanted)
    seconds_per_ring = app.settings.seconds_per_ring
    several = len(domains) > 1

    def rows() -> list[tuple[str, ...]]:
        return [(*([each.domain] if several else []), *_list_row(each, seconds_per_ring)) for each in wanted]

    app.show_list(
        "groups",
        lambda: [late.serialize.group_json(details, seconds_per_ring) for details in found],
        (output.Column("domain", wraps=True), *LIST_TITLES) if several else LIST_TITLES,
        rows,
        NONE_FIT if there else NO_GROUPS,
    )


def _fits(found: Group, member: str | None, policy: str | None, disabled: bool) -> bool:
    """Tell whether a group is one that is asked for."""
    has_member = member is None or any(each.address.is_same_phone(parse_member(member)) for each in found.members)
    return has_member and policy in (None, found.policy) and not (disabled and found.enabled)


def _list_row(found: Group, seconds_per_ring: float) -> tuple[str, ...]:
    members = " ".join(member.extension for member in found.members)
    state = "enabled" if found.enabled else "disabled"
    if found.enabled and not found.hours.is_always_open:
        state = late.group_page.open_words(found, datetime.now(UTC))
    return found.pilot, found.name, found.policy, found.ring_time.describe(seconds_per_ring), members, state


@group.command("show", example="fshunt group show 5000")
@pilot_argument
@pass_app
def show(app: App, pilot: str) -> None:
    """Show a group: settings, members, rotation and warnings."""
    with app.reading() as (session, domain):
        details = _details(session, late.groups.get_group(session, domain, pilot))
        _warn_of_others(app, session, details.group)
    _show(app, details, lambda: _print(app, details))


@group.command("set", example="fshunt group set 5000 --policy round-robin --ring-seconds 20 --prefix none")
@pilot_argument
@group_options(clearable=True)
@force_option
@pass_app
def set_(app: App, /, pilot: str, force: bool, **options: Any) -> None:
    """Change a group's settings, and show what has changed.

    Omitted options keep their current value. New voicemail boxes and transfers are looked for on each [[switch]]; a box
    that does not exist is refused.
    """
    fields = given_group(options)
    if not fields:
        raise UsageError("Nothing to set: use an option such as --policy circular; see `fshunt group set --help`.")
    found = _checked(app, pilot, fields, force=force, new=False)
    with app.writing() as (session, domain):
        details = _details(session, late.groups.set_group(session, domain, pilot, **fields))
        made = made_in(session)
        _warn_of_others(app, session, details.group)
    _tell_change(app, details, made, f"Changed group {pilot} of {domain}", found)


@group.command("hours", example="fshunt group hours 5000 mon-fri 08:00-12:00,13:00-17:00 sat 09:00-12:00")
@pilot_argument
@click.argument("hours", nargs=-1)
@click.option("--clear", is_flag=True, help="Have no hours: only holidays, or a person, close the group.")
@zone_option
@pass_app
def hours_(app: App, pilot: str, hours: tuple[str, ...], clear: bool, time_zone: str | None) -> None:
    """Show or set a group's business hours.

    HOURS are days and times in turn. Days: mon to sun, mon-fri, mon,wed or daily; a day that is not named is closed.
    Times: 08:00-12:00,13:00-17:00; an end that is not later is on the next day. They are in the group's time zone; a
    group without one is given that of this host.

    Outside its hours a group rings nobody: new callers go to the 'closed' destination, queued callers stay.
    """
    if clear and hours:
        raise UsageError("Use either hours or --clear.")
    if clear:
        _change_hours(app, lambda s, domain: late.hours.clear_hours(s, domain, pilot))
    elif hours:
        week = parse_week(hours)
        zone = late.hours.Zone(time_zone, host_zone())
        _change_hours(app, lambda s, domain: late.hours.set_hours(s, domain, pilot, week, zone))
    else:
        with app.reading() as (session, domain):
            details = _details(session, late.groups.get_group(session, domain, pilot))
        _show_hours(app, details)


def _change_hours(app: App, change: Callable[[Session, str], Group]) -> None:
    with app.writing() as (session, domain):
        details = _details(session, change(session, domain))
    _show_hours(app, details)


def _show_hours(app: App, details: GroupDetails) -> None:
    def page() -> None:
        late.group_page.print_hours(details.group)
        late.group_page.warn_of(details.group)

    _show(app, details, page)


@group.command("closed", example='fshunt group closed 5000 --until "2026-12-24 12:00"')
@pilot_argument
@click.option("--until", metavar="TIME", help="Open again at this time: 13:00, `today` (its end), 2026-12-24 12:00.")
@click.option("--for", "length", metavar="AGE", help="Open again after 30m, 2h or 7d.")
@click.option("--off", is_flag=True, help="Open it again: it is open in its hours.")
@pass_app
def closed(app: App, pilot: str, until: str | None, length: str | None, off: bool) -> None:
    """Close a group by hand, or open it again.

    It is closed, whatever its hours are, until it is opened again or until a time. New callers go to the 'closed'
    destination; queued callers stay. Times are in the group's time zone, else that of this host.
    """
    if sum([until is not None, length is not None, off]) > 1:
        raise UsageError("Use only one of --until, --for and --off.")
    now = datetime.now(UTC)

    def change(session: Session, domain: str) -> Group:
        if off:
            return late.hours.open_group(session, domain, pilot)
        zone = late.group_page.zone_of(late.groups.get_group(session, domain, pilot))
        end = parse_until(until, now, zone) if until else parse_length(length, now) if length else None
        return late.hours.close_group(session, domain, pilot, until=end, now=now)

    _change_hours(app, change)


group.add_command(limits)
group.add_command(notice)


@group.command("enable", example="fshunt group enable 5000")
@pilot_argument
@pass_app
def enable(app: App, pilot: str) -> None:
    """Let the group take calls again."""
    with app.writing() as (session, domain):
        details = _details(session, late.groups.enable_group(session, domain, pilot, True))
    _tell(app, details, f"Enabled group {pilot} of {domain}.", warn=True)


@group.command("disable", example="fshunt group disable 5000")
@pilot_argument
@pass_app
def disable(app: App, pilot: str) -> None:
    """Ring no member of the group until it is enabled.

    Its callers go straight to the 'unreachable' destination.
    """
    with app.writing() as (session, domain):
        details = _details(session, late.groups.enable_group(session, domain, pilot, False))
    _tell(app, details, f"Disabled group {pilot} of {domain}.")


@group.command("renumber", example="fshunt group renumber 5000 5100")
@pilot_argument
@click.argument("new", type=params.NEW_PILOT)
@pass_app
def renumber(app: App, pilot: str, new: str) -> None:
    """Give the group another pilot number.

    Its members, rotation and settings stay.
    """
    with app.writing() as (session, domain):
        details = _details(session, late.groups.renumber_group(session, domain, pilot, new))
        made = made_in(session)
        _warn_of_others(app, session, details.group)
    _warn_of_dialplan(app, details.group)
    _tell_change(app, details, made, f"Renumbered group {pilot} of {domain}")


@group.command("next", example="fshunt group next 5000")
@pilot_argument
@pass_app
def next_(app: App, pilot: str) -> None:
    """Show who would ring for the next caller.

    It holds for this moment, and for a call that nobody picks up: who rings, who is skipped and why, and where the
    caller ends.
    """
    with app.reading() as (session, domain):
        details = _details(session, late.groups.get_group(session, domain, pilot))
        queued = len(late.queue.queued_in(session, [details.group.id]).get(details.group.id, ()))
    found = details.group
    now = late.member_states.of_group(app.store, app.database_url, found, app.settings.switch, sleep)
    for sentence in now.sentences:
        app.warn(sentence)
    made = late.forecast.next_caller(details, now.statuses, now.at, app.settings)
    app.show(
        "next",
        lambda: late.forecast.forecast_json(made, found, queued),
        lambda: late.forecast_page.print_forecast(made, found, queued),
    )


@group.command("remove", example="fshunt group remove 5000")
@pilot_argument
@yes_option
@pass_app
def remove(app: App, pilot: str, yes: bool) -> None:
    """Remove a group and its members; the records of its calls stay.

    It asks first, and says what goes. `fshunt undo` brings the group back, but not its boards and notices, and its
    rotation begins anew. With --json: the group as it was.
    """
    with app.reading() as (session, domain):
        found = late.groups.get_group(session, domain, pilot)
        boards = late.boards.list_boards(session, group_ids=[found.id])
        notices = late.notices.list_notices(session, group_ids=[found.id])
    confirm(_losses(found, len(boards), len(notices)), yes)
    with app.writing() as (session, domain):
        details = _details(session, late.groups.get_group(session, domain, pilot))
        late.groups.remove_group(session, domain, pilot)
    sentence = f"Removed group {pilot} of {domain}; the records of its calls stay."
    app.show(
        "removed",
        lambda: late.serialize.group_json(details, app.settings.seconds_per_ring),
        lambda: output.say(sentence),
    )


def _losses(group: Group, boards: int, notices: int) -> str:
    count = late.cluster_health.count
    kinds = {"member": len(group.members), "holiday": len(group.hours.holidays), "board": boards, "notice": notices}
    goes = listed(["its settings", *(count(number, kind) for kind, number in kinds.items() if number)])
    name = f" {group.name}" if group.name else ""
    return f"Group {group.pilot}{name} of {group.domain} goes with {goes}; the records of its calls stay."
