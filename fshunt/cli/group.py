"""`fshunt group`: hunt groups and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.cli import output, params
from fshunt.cli.app import App
from fshunt.cli.base import Group as Noun
from fshunt.cli.base import json_option, pass_app
from fshunt.cli.options import group_options, said
from fshunt.cli.views import Shown, group_json, print_group, warn_of
from fshunt.db.models import GroupRotation
from fshunt.db.queries.rows import domain_names, pointer_of
from fshunt.errors import UsageError
from fshunt.hunting.group import Group
from fshunt.services import groups

pilot_argument = click.argument("pilot", type=params.PILOT)


@click.group("group", cls=Noun, example="fshunt group add 5000 --name Sales --policy circular")
def group() -> None:
    """Hunt groups and their settings."""


def _pages(session: Session, found: Sequence[Group], app: App) -> list[Shown]:
    """The groups with what each remembers."""
    ids = [each.id for each in found]
    rows = {row.group_id: row for row in session.scalars(select(GroupRotation).where(GroupRotation.group_id.in_(ids)))}
    return [_page(each, rows.get(each.id), app.settings.seconds_per_ring) for each in found]


def _page(found: Group, memory: GroupRotation | None, seconds_per_ring: float) -> Shown:
    if memory is None:
        return Shown(found, None, None, seconds_per_ring)
    answerer = pointer_of(memory.answerer_id, memory.answerer_position)
    return Shown(found, answerer, pointer_of(memory.turn_id, memory.turn_position), seconds_per_ring)


def _tell(changed: Group, what: str) -> None:
    output.say(f"Group {changed.pilot} of {changed.domain} {what}.")


@group.command("add", example="fshunt group add 5000 --name Sales --policy circular --rings 3 --voicemail 1005")
@click.argument("pilot", type=params.NEW_PILOT)
@group_options(clearable=False)
@pass_app
def add(app: App, /, pilot: str, **options: Any) -> None:
    """Add a group that the number PILOT reaches."""
    fields = said(options)
    with app.writing() as (session, domain):
        before = domain_names(session)
        [page] = _pages(session, [groups.add_group(session, domain, pilot, **fields)], app)
    _tell(page.group, "is added")
    print_group(page)
    _warn_of_second_domain(domain, before, app.settings.default_domain)


def _warn_of_second_domain(domain: str, before: list[str], setting: str | None) -> None:
    """It may be a slip of the pen, and it changes what commands without `--domain` mean."""
    if len(before) != 1 or domain in before:
        return
    then = f"commands without --domain mean {setting}, as is set"
    if setting is None:
        then = "from now on commands need --domain, or the setting `domain`"
    output.warn(f"This makes a second domain, {domain}, besides {before[0]}: {then}.")


@group.command("list", example="fshunt group list --json")
@json_option
@pass_app
def list_(app: App, as_json: bool) -> None:
    """List the groups of the domain."""
    with app.reading_all() as (session, domains):
        found = [each for domain in domains for each in groups.list_groups(session, domain)]
        pages = _pages(session, found, app)
    if as_json:
        output.emit_json([group_json(page) for page in pages])
    elif not pages:
        output.say("There is no group yet: `fshunt group add PILOT --domain D` adds one.")
    else:
        titles = ("pilot", "name", "policy", "ring time", "members", "state")
        output.table(titles, [_list_row(page) for page in pages])


def _list_row(page: Shown) -> tuple[str, ...]:
    found = page.group
    members = " ".join(member.extension for member in found.members)
    state = "enabled" if found.enabled else "disabled"
    return found.pilot, found.name, found.policy, found.ring_time.describe(page.seconds_per_ring), members, state


@group.command("show", example="fshunt group show 5000")
@pilot_argument
@json_option
@pass_app
def show(app: App, pilot: str, as_json: bool) -> None:
    """Show a group: settings, members, memory, and what is doubtful."""
    with app.reading() as (session, domain):
        [page] = _pages(session, [groups.get_group(session, domain, pilot)], app)
    if as_json:
        output.emit_json(group_json(page))
    else:
        print_group(page)


@group.command("set", example="fshunt group set 5000 --policy round-robin --ring-seconds 20 --prefix none")
@pilot_argument
@group_options(clearable=True)
@pass_app
def set_(app: App, /, pilot: str, **options: Any) -> None:
    """Change a group's settings.

    What is not said stays as it is.
    """
    fields = said(options)
    if not fields:
        raise UsageError("Say what to set, such as --policy circular; `fshunt group set --help` lists all there is.")
    with app.writing() as (session, domain):
        [page] = _pages(session, [groups.set_group(session, domain, pilot, **fields)], app)
    print_group(page)


@group.command("enable", example="fshunt group enable 5000")
@pilot_argument
@pass_app
def enable(app: App, pilot: str) -> None:
    """Let the group take calls again."""
    with app.writing() as (session, domain):
        changed = groups.enable_group(session, domain, pilot, True)
    _tell(changed, "is enabled")
    warn_of(changed)


@group.command("disable", example="fshunt group disable 5000")
@pilot_argument
@pass_app
def disable(app: App, pilot: str) -> None:
    """Ring nobody of the group until it is enabled.

    Its callers go on at once, as when nobody can be reached.
    """
    with app.writing() as (session, domain):
        changed = groups.enable_group(session, domain, pilot, False)
    _tell(changed, "is disabled")


@group.command("renumber", example="fshunt group renumber 5000 5100")
@pilot_argument
@click.argument("new", type=params.NEW_PILOT)
@pass_app
def renumber(app: App, pilot: str, new: str) -> None:
    """Give the group another pilot number.

    Its members, memory and settings stay.
    """
    with app.writing() as (session, domain):
        groups.renumber_group(session, domain, pilot, new)
    output.say(f"Group {pilot} of {domain} is now {new}.")


@group.command("remove", example="fshunt group remove 5000")
@pilot_argument
@pass_app
def remove(app: App, pilot: str) -> None:
    """Remove a group and its members; the records of its calls stay."""
    with app.writing() as (session, domain):
        groups.remove_group(session, domain, pilot)
    output.say(f"Group {pilot} of {domain} is removed; the records of its calls stay.")
