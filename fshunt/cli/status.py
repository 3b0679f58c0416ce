"""`fshunt status`: the daemons, what they see, and what is wrong."""

from __future__ import annotations

from time import sleep

import click

from fshunt.cli import late
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.outcome import NAGIOS
from fshunt.errors import DatabaseError, UsageError


@click.command("status", cls=NounCommand, example="fshunt status")
@click.option(NAGIOS, is_flag=True, help="Print one line for Nagios, Icinga or Zabbix; the exit code is 0 to 3.")
@pass_app
def status(app: App, nagios: bool) -> int:
    """Show problems, daemons, watched switches and queued callers.

    Each daemon writes its status to the database every second, so this covers all daemons, from any host. Problems
    come first. If the database is read-only, it says so, because the daemons' data are then old. The watched switches
    that this command can ask say whether phones are told lamps, whether they have the domain of each group, and whether
    callers of each pilot get to fshunt (up to 100 groups). The exit code is 1 if no daemon is alive.

    With --nagios: the worst findings in one line, and performance data. The exit code is 0 for OK, 1 WARNING, 2
    CRITICAL, 3 UNKNOWN (the database cannot be read, or settings or options are wrong).
    """
    if nagios and app.as_json:
        raise UsageError(f"Use only one of --json and {NAGIOS}.")
    app.for_programs = nagios
    try:
        found = late.cluster_health.look(app.store, app.database_url, sleep)
    except DatabaseError as error:
        return _unreadable(app, error)
    found.problems.extend(late.running.on_another_database(app.loaded, found))
    found.problems[:0] = late.none_runs.why_none_runs(app, found)  # first: without that no daemon can be started
    late.status_at_switches.ask(app, found)
    if nagios:
        return int(late.nagios.print_line(found))
    app.show("status", lambda: late.serialize.status_json(found), lambda: late.status_page.print_status(found))
    return 0 if found.living else 1


def _unreadable(app: App, error: DatabaseError) -> int:
    """Say why nothing is known: as JSON, else as an error, which this raises."""
    sentences = [str(error), late.running.without_its_file(app.settings)]
    error = DatabaseError(" ".join(filter(None, sentences)))
    if not app.as_json:
        raise error
    problem = late.cluster_health.unreadable(str(error))
    app.show("status", lambda: late.serialize.nothing_known_json(problem), lambda: None)
    return error.exit_code
