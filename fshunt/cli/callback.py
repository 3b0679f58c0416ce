"""`fshunt callback`: callers who asked to be called back, instead of waiting in a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fshunt.cli import expiry, late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app

if TYPE_CHECKING:
    from fshunt.db.queries.callbacks import Request

TITLES = ("callback", "group", "caller", "name", "since", "state", "tries", "not before")


@click.group("callback", cls=NounGroup, example="fshunt callback list")
def callback() -> None:
    """Callers who asked to be called back.

    A caller in the queue of a group with --callback presses 2, hangs up, and keeps the place. When a member is
    free, the member is rung first, then the caller.
    """


@callback.command("list", cls=ListCommand, example="fshunt callback list 5000")
@click.argument("pilot", type=params.PILOT, required=False)
@pass_app
def list_(app: App, pilot: str | None) -> None:
    """List the callers of PILOT, or of all groups.

    They are in the order of the queue.
    """
    if pilot is None:
        with app.reading_all() as (session, domains):
            found = late.callbacks.open_requests(session, domains=domains)
    else:
        with app.reading() as (session, domain):
            found = late.callbacks.open_requests_of(session, late.groups.get_group(session, domain, pilot))
    of_group = f" of group {pilot}" if pilot else ""
    app.show_list(
        "callbacks",
        lambda: [late.serialize.callback_json(each) for each in found],
        TITLES,
        lambda: [_row(each) for each in found],
        f"No caller{of_group} waits to be called back.",
    )


@callback.command("remove", example="fshunt callback remove 12")
@click.argument("callback_id", metavar="CALLBACK", type=expiry.ID)
@pass_app
def remove(app: App, callback_id: int) -> None:
    """Do not call a caller back.

    CALLBACK is its number in `fshunt callback list`. A caller who is being called, or talks, cannot be removed.
    """
    with app.writing_all() as session:
        gone = late.callbacks.remove(session, callback_id, domains=late.rows.domain_names(session))
    sentence = (
        f"Callback {gone.id} is removed: {gone.number} is not called back by group {gone.pilot} of {gone.domain}."
    )
    app.show("callback", lambda: late.serialize.callback_json(gone), lambda: output.say(sentence))


def _row(each: Request) -> Sequence[str]:
    later = "" if each.not_before is None else output.local(each.not_before, seconds=False)
    since = output.local(each.requested_at, seconds=False)
    group = f"{each.pilot}@{each.domain}"
    return str(each.id), group, each.number, each.name, since, each.state.value, str(each.tries), later
