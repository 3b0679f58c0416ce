"""`fshunt status`: the daemons, what they see, and what is wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from fshunt.cli import output
from fshunt.cli.app import App
from fshunt.cli.base import Command, json_option, pass_app
from fshunt.cli.health import State, in_doubt, state_of
from fshunt.cli.status_page import nothing_known_json, print_status, status_json
from fshunt.db.queries.overview import Overview, overview
from fshunt.db.writable import why_not_writable
from fshunt.errors import DatabaseError

SECOND_LOOK_SECONDS = 2.5
"""A daemon says every 2 s that it lives: whoever has not after this does not."""


@click.command("status", cls=Command, example="fshunt status")
@json_option
@pass_app
def status(app: App, as_json: bool) -> int:
    """Show the daemons, the switches, who waits, and what is wrong.

    It asks the database, where each daemon on it says every two seconds how it is; so it tells of all of them, from any
    machine. What is wrong stands first; a database that cannot be written, so that no daemon can say anything new, is
    told as such. The exit code is 1 if no daemon is alive.
    """
    try:
        found = look(app)
    except DatabaseError as error:
        if not as_json:
            raise
        output.emit_json(nothing_known_json(str(error)))
        return error.exit_code
    if as_json:
        output.emit_json(status_json(found))
    else:
        print_status(found)
    return 0 if found.living else 1


def look(app: App) -> State:
    """Look at the database; where the clocks leave it in doubt who is alive, twice."""
    first, at = _overview(app), datetime.now(UTC)
    unwritable = why_not_writable(app.settings.database_url)
    if unwritable is not None or not in_doubt(first, at):
        return state_of(first, at, unwritable=unwritable)
    time.sleep(SECOND_LOOK_SECONDS)
    return state_of(_overview(app), datetime.now(UTC), before=first, unwritable=unwritable)


def _overview(app: App) -> Overview:
    with app.store.reading() as session:
        return overview(session)
