"""`fshunt history` and `fshunt undo`: who changed what, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounCommand, pass_app
from fshunt.cli.change_words import colon, values, what, who

if TYPE_CHECKING:
    from fshunt.services.audit import Change

DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000
TITLES = (
    output.Column("change"),
    output.Column("when", drop=2, wraps=True),
    output.Column("who", drop=1, wraps=True),
    output.Column("what", wraps=True),
    output.Column("values", drop=3, wraps=True),
)


@click.command("history", cls=ListCommand, example="fshunt history 5000 --limit 50")
@click.argument("pilot", type=params.PILOT, required=False)
@click.option(
    "--limit",
    type=params.Count(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Show at most N changes.",
)
@pass_app
def history(app: App, pilot: str | None, limit: int) -> None:
    """Show who changed what, the newest change first.

    With PILOT: changes of this group and of its members, and their blocks. Without: all changes, of all domains unless
    --domain is given. `fshunt undo` takes a change of a group, its limits, a member, a block or hours back.
    """
    if pilot is None:
        with app.store.reading() as session:
            found = late.audit.history(session, domain=app.given_domain, limit=limit)
    else:
        with app.reading() as (session, domain):
            found = late.audit.history(session, domain=domain, pilot=pilot, limit=limit)
            if not found:
                late.groups.get_group(session, domain, pilot)  # or there was never such a group

    of_group = f" of group {pilot}" if pilot else ""
    first = f"fshunt group set {pilot} --name NAME" if pilot else "fshunt group add PILOT"

    app.show_list(
        "changes",
        lambda: [late.serialize.change_json(each) for each in found],
        TITLES,
        lambda: [_row(change) for change in found],
        f"No changes{of_group} yet: `{first}` makes the first.",
    )


@click.command("undo", cls=NounCommand, example="fshunt undo 42")
@click.argument("change", type=params.CHANGE)
@pass_app
def undo(app: App, change: int) -> None:
    """Take a change of a group, member, block, limits or hours back.

    CHANGE is its number in `fshunt history`. It is refused, with both values, if somebody has changed the same thing
    since. An undo is a change too, and can be undone.
    """
    with app.writing_all() as session:
        made = late.undo.undo(session, change, shared_members=app.settings.shared_members)

    def page() -> None:
        output.say(f"Change {change} is undone by change {made.id}: {what(made)}{colon(values(made))}.")

    app.show("change", lambda: late.serialize.change_json(made), page)


def _row(change: Change) -> tuple[str, ...]:
    note = f" (undone by {change.undone_by})" if change.undone_by else ""
    note = f" (undoes {change.undoes}){note}" if change.undoes else note
    return str(change.id), output.local(change.at), who(change), f"{what(change)}{note}", values(change)
