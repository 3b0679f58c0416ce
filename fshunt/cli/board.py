"""`fshunt board`: addresses at which a wall screen shows a group."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fshunt.cli import expiry, late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, yes_option

if TYPE_CHECKING:
    from fshunt.services.boards import Board

TITLES = (
    output.Column("board"),
    output.Column("group", wraps=True),
    output.Column("name", wraps=True),
    output.Column("added", drop=2, wraps=True),
    output.Column("state", drop=1, wraps=True),
)


@click.group("board", cls=NounGroup, example="fshunt board add 5000 'Sales floor'")
def board() -> None:
    """Addresses at which a wall screen shows a group.

    A board shows what the group does now, in large figures. It has an address of its own with a secret in it: who has
    it sees the board without signing in, and nothing else. No caller's number is on it.
    """


@board.command("add", example="fshunt board add 5000 'Sales floor'")
@click.argument("pilot", type=params.PILOT)
@click.argument("name", type=params.BOARD_NAME)
@click.option(
    "--days",
    type=expiry.DAYS,
    metavar="N",
    help="Let the board expire after N days. Without it: it holds until it is revoked.",
)
@pass_app
def add(app: App, pilot: str, name: str, days: int | None) -> None:
    """Add a board for PILOT, and show its address once.

    The database keeps only the hash of its secret.
    """
    expires_at = None if days is None else expiry.after(days)
    with app.writing() as (session, domain):
        made, secret = late.boards.add_board(session, domain, pilot, name, expires_at=expires_at)
    link = late.boards.link_of(secret, app.settings.web_address)

    def page() -> None:
        until = "until it is revoked" if expires_at is None else f"until {output.local(expires_at)}"
        output.say(link)
        output.say(f"Board {made.id} of {made.pilot}, {until}. The address is not shown again.")

    app.show("board", lambda: late.serialize.board_json(made, link), page)


@board.command("list", cls=ListCommand, example="fshunt board list 5000")
@click.argument("pilot", type=params.PILOT, required=False)
@pass_app
def list_(app: App, pilot: str | None) -> None:
    """List boards, also those that have expired."""
    if pilot is None:
        with app.reading_all() as (session, domains):
            found = [each for each in late.boards.list_boards(session) if each.domain in domains]
    else:
        with app.reading() as (session, domain):
            found = late.boards.list_boards(session, group_ids=[late.groups.get_group(session, domain, pilot).id])

    of_group = f" of group {pilot}" if pilot else ""

    app.show_list(
        "boards",
        lambda: [late.serialize.board_json(each) for each in found],
        TITLES,
        lambda: [_row(each, datetime.now(UTC)) for each in found],
        f"No boards{of_group} yet: `fshunt board add {pilot or 'PILOT'} NAME` adds the first.",
    )


@board.command("revoke", example="fshunt board revoke 3")
@click.argument("board_id", metavar="BOARD", type=expiry.ID)
@yes_option
@pass_app
def revoke(app: App, board_id: int, yes: bool) -> None:
    """End a board: its screens show nothing more, within seconds.

    BOARD is its number in `fshunt board list`. It asks first: the address cannot be brought back.
    """
    with app.store.reading() as session:
        found = late.boards.get_board(session, board_id)
    confirm(f"Board {found.id} of {found.pilot} ({found.name}) goes, and its address never works again.", yes)
    with app.writing_all() as session:
        ended = late.boards.revoke_board(session, board_id)
    sentence = f"Board {ended.id} of {ended.pilot} ({ended.name}) shows nothing any more."
    app.show("board", lambda: late.serialize.board_json(ended), lambda: output.say(sentence))


def _row(each: Board, now: datetime) -> tuple[str, ...]:
    group, added = f"{each.pilot}@{each.domain}", output.local(each.created_at, seconds=False)
    return str(each.id), group, each.name, added, expiry.state(each.expires_at, now)
