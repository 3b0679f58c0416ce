"""`fshunt notice`: what waits to be sent, and what did not get through."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, yes_option
from fshunt.errors import UsageError

if TYPE_CHECKING:
    from fshunt.db.queries.notice_deliveries import Delivery

TITLES = ("message", "group", "to", "due", "tries", "state", "last error")
NOTHING_WAITS = "Nothing waits to be sent."

id_argument = click.argument("message", required=False)
all_option = click.option("--all", "every", is_flag=True, help="All dead letters.")


@click.group("notice", cls=NounGroup, example="fshunt notice list")
def notice() -> None:
    """Notices that wait to be sent, and those that failed.

    `fshunt group notice` says who is told what. A message that fails is tried again for a day, with growing pauses;
    then it is a dead letter, which is kept for 30 days.
    """


@notice.command("list", cls=ListCommand, example="fshunt notice list")
@pass_app
def list_(app: App) -> None:
    """List messages that wait, dead letters first."""
    found = _found(app)
    app.show_list(
        "messages",
        lambda: [late.serialize.delivery_json(each) for each in found],
        TITLES,
        lambda: [_row(each) for each in found],
        NOTHING_WAITS,
    )


@notice.command("retry", example="fshunt notice retry --all")
@id_argument
@all_option
@pass_app
def retry(app: App, message: str | None, every: bool) -> None:
    """Send a MESSAGE again, or all dead letters.

    MESSAGE is its name in `fshunt notice list`. A receiver that has it already knows it by this name. A host that has
    just failed is left alone for five minutes at most.
    """
    chosen = _chosen(app, message, every)
    with app.writing_all() as session:
        number = late.notices.retry(session, chosen, datetime.now(UTC))
    sentence = f"{late.cluster_health.count(number, 'message')} to be sent again by a daemon."
    app.show("retried", lambda: [each.id for each in chosen], lambda: output.say(sentence))


@notice.command("discard", example="fshunt notice discard --all")
@id_argument
@all_option
@yes_option
@pass_app
def discard(app: App, message: str | None, every: bool, yes: bool) -> None:
    """Forget a MESSAGE, or all dead letters, without sending it. It asks first."""
    chosen = _chosen(app, message, every)
    if chosen:
        confirm(f"{late.cluster_health.count(len(chosen), 'message')} will never be sent.", yes)
    with app.writing_all() as session:
        number = late.notices.discard(session, chosen)
    sentence = f"{late.cluster_health.count(number, 'message')} discarded."
    app.show("discarded", lambda: [each.id for each in chosen], lambda: output.say(sentence))


def _found(app: App) -> list[Delivery]:
    with app.reading_all() as (session, domains):
        return late.notices.deliveries(session, domains=domains)


def _chosen(app: App, message: str | None, every: bool) -> list[Delivery]:
    """Return the messages that are meant; raise UsageError or NotFound."""
    if (message is None) != every:
        raise UsageError("Name a MESSAGE of `fshunt notice list`, or use --all for all dead letters.")
    found = _found(app)
    if message is None:
        return [each for each in found if each.dead]
    return [late.notices.delivery_named(found, message)]


def _row(each: Delivery) -> tuple[str, ...]:
    tried = f"next try {output.local(each.next_try_at, seconds=False)}" if each.tries else "waits"
    state = "dead letter" if each.dead else tried
    due, error = output.local(each.due_at, seconds=False), each.last_error or ""
    return each.id, f"{each.pilot}@{each.domain}", each.target, due, str(each.tries), state, error
