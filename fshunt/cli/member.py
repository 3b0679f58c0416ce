"""`fshunt member`: who is rung, at which place and how long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from fshunt.cli import output, params
from fshunt.cli.app import App
from fshunt.cli.base import Group as Noun
from fshunt.cli.base import json_option, pass_app
from fshunt.cli.options import member_options, ring_time, said
from fshunt.cli.status import look
from fshunt.cli.views import member_json, print_members, state_words, warn_of
from fshunt.db.queries.claimed_members import held_members
from fshunt.errors import UsageError
from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.group import Group, Member
from fshunt.services import groups, member_states

pilot_argument = click.argument("pilot", type=params.PILOT)
member_argument = click.argument("ext", type=params.MEMBER)


@click.group("member", cls=Noun, example="fshunt member add 5000 1001 1002 +14155550123@carrier")
def member() -> None:
    """The members of a group: who is rung, where and how long.

    EXT is an extension of the domain, or an external number with the gateway that carries it: +14155550123@carrier.
    """


def _tell(changed: Group, what: str, app: App) -> None:
    output.say(f"{what}; group {changed.pilot} of {changed.domain} is now:")
    print_members(changed, app.settings.seconds_per_ring)
    warn_of(changed)


@member.command("add", example="fshunt member add 5000 1001 1002 +14155550123@carrier --rings 4")
@pilot_argument
@click.argument("ext", type=params.NEW_MEMBER, nargs=-1, required=True)
@click.option("--at", type=params.POSITION, metavar="POSITION", help="The place of the first of them; else the end.")
@member_options
@pass_app
def add(app: App, /, pilot: str, ext: tuple[MemberAddress, ...], at: int | None, **options: Any) -> None:
    """Add members to a group.

    If one of them cannot be added, none is.
    """
    fields = said(options)
    with app.writing() as (session, domain):
        shared = domain in app.settings.shared_members
        changed = groups.add_members(session, domain, pilot, list(ext), at=at, shared=shared, **fields)
    _tell(changed, f"Added {_listed(ext)}", app)


def _listed(ext: tuple[MemberAddress, ...]) -> str:
    return ", ".join(str(address) for address in ext)


@member.command("list", example="fshunt member list 5000")
@pilot_argument
@json_option
@pass_app
def list_(app: App, pilot: str, as_json: bool) -> None:
    """List a group's members in order, and what each does now.

    The switches of the configuration are asked who is on the phone, rings or has none; and the database who is blocked,
    disabled, rests after a call, or is just rung by a hunt.
    """
    with app.reading() as (session, domain):
        found = groups.get_group(session, domain, pilot)
        held = held_members(session, domain)
    seconds_per_ring = app.settings.seconds_per_ring
    if not found.members:
        output.say("[]" if as_json else f"Group {pilot} has no members: `fshunt member add {pilot} EXT` adds one.")
        return
    seen, sentences = member_states.ask(app.settings.switch, found)
    for sentence in sentences:
        output.warn(sentence)
    now = datetime.now(UTC)
    living = {daemon.row.run_id for daemon in look(app).there} if held else set()
    states = member_states.states(found, seen, held, now, living)
    if as_json:
        output.emit_json(
            [member_json(each, found, seconds_per_ring) | states[each.id].json() for each in found.members]
        )
    else:
        shown = {each.id: _state_words(each, states[each.id], now) for each in found.members}
        print_members(found, seconds_per_ring, shown)


def _state_words(each: Member, state: member_states.State, now: datetime) -> str:
    return state_words(each) if state.word in ("disabled", "blocked") else state.words(now)


@member.command("remove", example="fshunt member remove 5000 1003")
@pilot_argument
@member_argument
@pass_app
def remove(app: App, pilot: str, ext: MemberAddress) -> None:
    """Take a member out of a group; those behind move up."""
    with app.writing() as (session, domain):
        changed = groups.remove_member(session, domain, pilot, ext)
    _tell(changed, f"Removed {ext}", app)


@member.command("move", example="fshunt member move 5000 1003 1")
@pilot_argument
@member_argument
@click.argument("position", type=params.POSITION)
@pass_app
def move(app: App, pilot: str, ext: MemberAddress, position: int) -> None:
    """Move a member to POSITION, counted from 1."""
    with app.writing() as (session, domain):
        changed = groups.move_member(session, domain, pilot, ext, position)
    _tell(changed, f"Moved {ext} to position {position}", app)


@member.command("set", example="fshunt member set 5000 1003 --ring-seconds 25 --weight 3")
@pilot_argument
@member_argument
@member_options
@click.option("--group-ring", is_flag=True, help="Ring as long as the group says, not longer or shorter.")
@pass_app
def set_(app: App, /, pilot: str, ext: MemberAddress, group_ring: bool, **options: Any) -> None:
    """Change what is set for a member.

    What is not said stays as it is.
    """
    ring_time(options["rings"], options["ring_seconds"], group_ring)
    fields = said(options) | ({"ring_time": None} if group_ring else {})
    if not fields:
        raise UsageError("Say what to set, such as --rings 4; `fshunt member set --help` lists all there is.")
    with app.writing() as (session, domain):
        changed = groups.set_member(session, domain, pilot, ext, **fields)
    _tell(changed, f"Changed {ext}", app)


@member.command("enable", example="fshunt member enable 5000 1003")
@pilot_argument
@member_argument
@pass_app
def enable(app: App, pilot: str, ext: MemberAddress) -> None:
    """Ring the member again."""
    with app.writing() as (session, domain):
        changed = groups.enable_member(session, domain, pilot, ext, True)
    _tell(changed, f"Enabled {ext}", app)


@member.command("disable", example="fshunt member disable 5000 1003")
@pilot_argument
@member_argument
@pass_app
def disable(app: App, pilot: str, ext: MemberAddress) -> None:
    """Pass the member over until it is enabled again.

    It keeps its place.
    """
    with app.writing() as (session, domain):
        changed = groups.enable_member(session, domain, pilot, ext, False)
    _tell(changed, f"Disabled {ext}", app)


@member.command("block", example="fshunt member block 1003")
@click.argument("ext", type=params.BLOCKABLE)
@pass_app
def block(app: App, ext: str) -> None:
    """Pass EXT over in all groups until it is unblocked.

    It is the user's own wish, beside the administrator's `disable`.
    """
    with app.writing() as (session, domain):
        groups.block(session, domain, ext, True)
    output.say(f"{ext} is blocked in all groups of {domain}.")


@member.command("unblock", example="fshunt member unblock 1003")
@click.argument("ext", type=params.BLOCKABLE)
@pass_app
def unblock(app: App, ext: str) -> None:
    """Let EXT be rung again."""
    with app.writing() as (session, domain):
        groups.block(session, domain, ext, False)
    output.say(f"{ext} is no longer blocked in {domain}.")
