"""`fshunt member`: whose phones ring, at which position and how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.change_words import made_in, print_differences
from fshunt.cli.options import given_member, member_options
from fshunt.errors import UsageError
from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.availability import DIRECTORY, MemberState
from fshunt.hunting.group import Group, Member
from fshunt.services.moments import parse_length, parse_until

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.member_states import StateOfMember

pilot_argument = click.argument("pilot", type=params.PILOT)
_LOOKS_EXTERNAL = re.compile(r"\+[0-9]{7,}", re.ASCII)
"""No plan of extensions has numbers of this length as a rule; a whole number of the telephone network has."""

member_argument = click.argument("ext", type=params.MEMBER)


@click.group("member", cls=NounGroup, example="fshunt member add 5000 1001 1002 +14155550123@carrier")
def member() -> None:
    """The members of a group, their order and ring time.

    EXT is an extension of the domain, which may begin with +, or an external number with the gateway that carries it:
    +14155550123@carrier.
    """


def _change(app: App, done: str, change: Callable[[Session, str], Group]) -> None:
    """Change a group's members, and show them as they are now; in JSON, their group."""
    with app.writing() as (session, domain):
        [details] = late.groups.details_of(session, [change(session, domain)])
    changed, seconds_per_ring = details.group, app.settings.seconds_per_ring

    def page() -> None:
        output.say(f"{done}; group {changed.pilot} of {changed.domain} is now:")
        late.group_page.print_members(changed, seconds_per_ring)
        late.group_page.warn_of(changed)

    app.show("group", lambda: late.serialize.group_json(details, seconds_per_ring), page)


@member.command("add", example="fshunt member add 5000 1001 1002 +14155550123@carrier --rings 4")
@pilot_argument
@click.argument("ext", type=params.NEW_MEMBER, nargs=-1, required=True)
@click.option(
    "--at", type=params.POSITION, metavar="POSITION", help="Position of the first of them. Without it: the end."
)
@member_options(clearable=False)
@pass_app
def add(app: App, /, pilot: str, ext: tuple[MemberAddress, ...], at: int | None, **options: Any) -> None:
    """Add members to a group.

    If one of them cannot be added, none is.
    """
    fields = given_member(options)

    def adding(session: Session, domain: str) -> Group:
        shared = domain in app.settings.shared_members
        return late.members.add_members(session, domain, pilot, list(ext), at=at, shared=shared, **fields)

    for address in ext:
        if not address.external and _LOOKS_EXTERNAL.fullmatch(address.number):
            app.warn(f"{address} is taken for an extension; an external number has its gateway: {address}@GATEWAY.")
    _warn_of_unknown(app, pilot, ext)
    _change(app, f"Added {', '.join(str(address) for address in ext)}", adding)


def _warn_of_unknown(app: App, pilot: str, addresses: Sequence[MemberAddress]) -> None:
    """Ask the switches that are configured for new members, before the change, which locks the domain."""
    if not app.settings.switch:
        return
    with app.reading() as (session, domain):
        late.groups.get_group(session, domain, pilot)
    ask = partial(late.switch_checks.on_all, app.settings.switch)
    for sentence in late.destination_checks.check_members(addresses, domain, ask):
        app.warn(sentence)


@member.command("list", cls=ListCommand, example="fshunt member list 5000")
@pilot_argument
@pass_app
def list_(app: App, pilot: str) -> None:
    """List a group's members in order, and the state of each.

    The watched switches know which phones ring, are on a call, are unregistered or cannot be dialled; the database
    knows which members are blocked, disabled, in wrap-up or claimed by a hunt.
    """
    with app.reading() as (session, domain):
        found = late.groups.get_group(session, domain, pilot)
    now = late.member_states.of_group(app.store, app.database_url, found, app.settings.switch, sleep)
    for sentence in now.sentences:
        app.warn(sentence)
    seconds_per_ring = app.settings.seconds_per_ring

    def rows() -> list[tuple[str, ...]]:
        words = {each.id: _state_words(each, now.states[each.id], now.at) for each in found.members}
        return late.group_page.member_rows(found, seconds_per_ring, words)

    def values() -> list[dict[str, Any]]:
        return [
            late.serialize.member_json(each, found, seconds_per_ring)
            | late.serialize.member_state_json(now.states[each.id])
            for each in found.members
        ]

    empty = f"Group {pilot} has no members: `fshunt member add {pilot} EXT` adds the first."
    app.show_list("members", values, late.group_page.MEMBER_TITLES, rows, empty)


def _state_words(each: Member, state: StateOfMember, now: datetime) -> str:
    shown = late.group_page.state_words(each, state)
    if state.other:
        shown += f" with {state.other}" if state.word is MemberState.ON_CALL else f" for {state.other}"
    if state.word is MemberState.BLOCKED and state.detail == DIRECTORY:
        shown = "do not disturb, by the switch's directory"
    if state.word is MemberState.OTHER_SWITCH:
        shown = f"at {state.detail} only"
    if state.since and state.word is not MemberState.FREE:  # the column of idle times says it
        shown += f" since {_clock(state.since, now)}"
    return f"{shown}, left by a daemon that is gone" if state.left else shown


def _clock(when: datetime, now: datetime) -> str:
    there, here = when.astimezone(), now.astimezone()
    return there.strftime("%H:%M:%S" if there.date() == here.date() else "%Y-%m-%d %H:%M:%S")


@member.command("remove", example="fshunt member remove 5000 1003")
@pilot_argument
@member_argument
@pass_app
def remove(app: App, pilot: str, ext: MemberAddress) -> None:
    """Remove a member from a group; the members behind move up."""
    _change(app, f"Removed {ext}", lambda s, domain: late.members.remove_member(s, domain, pilot, ext))


@member.command("move", example="fshunt member move 5000 1003 1")
@pilot_argument
@member_argument
@click.argument("position", type=params.POSITION)
@pass_app
def move(app: App, pilot: str, ext: MemberAddress, position: int) -> None:
    """Move a member to POSITION, counted from 1."""
    _change(
        app,
        f"Moved {ext} to position {position}",
        lambda s, domain: late.members.move_member(s, domain, pilot, ext, position),
    )


@member.command("order", example="fshunt member order 5000 1003 1001 1002")
@pilot_argument
@click.argument("ext", type=params.MEMBER, nargs=-1, required=True)
@pass_app
def order(app: App, pilot: str, ext: tuple[MemberAddress, ...]) -> None:
    """Give the members a new order.

    EXT names all of them, from position 1. The turn of a rotation stays with its member.
    """
    _change(app, "Changed the order", lambda s, domain: late.members.order_members(s, domain, pilot, list(ext)))


@member.command("set", example="fshunt member set 5000 1003 --ring-seconds 25 --weight 3")
@pilot_argument
@member_argument
@member_options(clearable=True)
@click.option("--group-ring", is_flag=True, help="Clear the member's own ring time: ring as long as the group says.")
@pass_app
def set_(app: App, /, pilot: str, ext: MemberAddress, group_ring: bool, **options: Any) -> None:
    """Change a member's settings, and show what has changed.

    Omitted options keep their current value.
    """
    fields = given_member(options, group_ring=group_ring)
    if not fields:
        raise UsageError("Nothing to set: use an option such as --rings 4; see `fshunt member set --help`.")
    with app.writing() as (session, domain):
        changed = late.members.set_member(session, domain, pilot, ext, **fields)
        [details] = late.groups.details_of(session, [changed])
        made = made_in(session)

    def page() -> None:
        print_differences(made, f"Changed {ext} in group {pilot} of {domain}", f"{ext} is so already")
        late.group_page.warn_of(changed)

    app.show("group", lambda: late.serialize.group_json(details, app.settings.seconds_per_ring), page)


@member.command("enable", example="fshunt member enable 5000 1003")
@pilot_argument
@member_argument
@pass_app
def enable(app: App, pilot: str, ext: MemberAddress) -> None:
    """Ring the member again."""
    _change(app, f"Enabled {ext}", lambda s, domain: late.members.enable_member(s, domain, pilot, ext, True))


@member.command("disable", example="fshunt member disable 5000 1003")
@pilot_argument
@member_argument
@pass_app
def disable(app: App, pilot: str, ext: MemberAddress) -> None:
    """Skip the member in this group until it is enabled again.

    It keeps its position.
    """
    _change(app, f"Disabled {ext}", lambda s, domain: late.members.enable_member(s, domain, pilot, ext, False))


block_group = click.option(
    "--group", "pilot", type=params.PILOT, metavar="PILOT", help="In this group alone. Without it: in all groups."
)


@member.command("block", example="fshunt member block 1003 --group 5000 --until 13:00")
@click.argument("ext", type=params.BLOCKABLE)
@block_group
@click.option("--until", metavar="TIME", help="Until this time: 13:00, `today` (its end), 2026-12-24 12:00.")
@click.option("--for", "length", metavar="AGE", help="For 30m, 2h or 7d.")
@pass_app
def block(app: App, ext: str, pilot: str | None, until: str | None, length: str | None) -> None:
    """Skip EXT in its groups until it is unblocked, or until a time.

    Without --group in all of them. Times are those of this host. This is the member's own choice; `disable` is the
    administrator's.
    """
    if until is not None and length is not None:
        raise UsageError("Use only one of --until and --for.")
    now = datetime.now(UTC)
    end = parse_until(until, now) if until else parse_length(length, now) if length else None
    with app.writing() as (session, domain):
        before = late.members.block_state(session, domain, ext, now)
        after = late.members.block(session, domain, ext, True, pilot=pilot, until=end, now=now)
    app.show(
        "block",
        lambda: late.serialize.block_json(domain, ext, after),
        lambda: late.block_page.print_blocked(ext, domain, pilot, before, after, now),
    )


@member.command("unblock", example="fshunt member unblock 1003")
@click.argument("ext", type=params.BLOCKABLE)
@block_group
@pass_app
def unblock(app: App, ext: str, pilot: str | None) -> None:
    """Ring EXT again in all groups, or in one.

    With --group, a member who is blocked in all groups stays blocked in the others.
    """
    now = datetime.now(UTC)
    with app.writing() as (session, domain):
        before = late.members.block_state(session, domain, ext, now)
        after = late.members.block(session, domain, ext, False, pilot=pilot, now=now)
    app.show(
        "block",
        lambda: late.serialize.block_json(domain, ext, after),
        lambda: late.block_page.print_unblocked(ext, domain, pilot, before, after, now),
    )
