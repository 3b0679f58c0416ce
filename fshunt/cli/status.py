"""`fshunt status`: the daemons, what they see, and what is wrong."""

from __future__ import annotations

from time import sleep

import click

from fshunt.cli import late
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.errors import DatabaseError


@click.command("status", cls=NounCommand, example="fshunt status")
@pass_app
def status(app: App) -> int:
    """Show problems, daemons, watched switches and queued callers.

    Each daemon writes its status to the database every second, so this covers all daemons, from any host. Problems
    come first. If the database is read-only, it says so, because the daemons' data are then old. The exit code is 1 if
    no daemon is alive.
    """
    try:
        found = late.cluster_health.look(app.store, app.settings.database_url, sleep)
    except DatabaseError as error:
        sentences = [str(error), late.running.without_its_file(app.settings)]
        error = DatabaseError(" ".join(filter(None, sentences)))
        if not app.as_json:
            raise error from None
        problem = late.cluster_health.unreadable(str(error))
        app.show("status", lambda: late.serialize.nothing_known_json(problem), lambda: None)
        return error.exit_code
    found.problems.extend(late.running.on_another_database(app.loaded, found))
    app.show("status", lambda: late.serialize.status_json(found), lambda: late.status_page.print_status(found))
    return 0 if found.living else 1
