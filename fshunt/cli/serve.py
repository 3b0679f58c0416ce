"""`fshunt serve`: the daemon."""

from __future__ import annotations

import signal

import click

from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.params import LISTEN
from fshunt.errors import FshuntError
from fshunt.settings import Address, Settings, load


@click.command("serve", cls=NounCommand, json=False, example="fshunt serve --listen 127.0.0.1:8084")
@click.option(
    "--listen",
    type=LISTEN,
    metavar="ADDR:PORT",
    help="Address that FreeSWITCH connects to. Without it: the setting `listen`.",
)
@pass_app
def serve(app: App, listen: Address | None) -> int:
    """Run the daemon that FreeSWITCH connects to.

    FreeSWITCH connects once for each call to a pilot; the daemon decides which phones ring.

    SIGTERM stops it gracefully: it takes no new calls; hunts in progress have the setting `stop_timeout` to end, then
    their phones keep ringing without it; answered calls continue.

    SIGHUP (`systemctl reload fshunt`) reloads the settings that need no restart, and the log names those that changed.
    SIGUSR1 logs a report of the daemon's state.
    """
    for number in (signal.SIGHUP, signal.SIGUSR1):  # until the daemon listens to them: by default they would end it
        signal.signal(number, signal.SIG_IGN)
    # Imported here, and no other command does: they bring gevent, which the rest of the command line has no use for.
    from fshunt.daemon.bootstrap import serve as run
    from fshunt.process.sockets import turn_away

    app.become_owner(for_good=True)

    def read() -> Settings:
        settings = load(app.config).settings
        return settings if listen is None else settings.listening_on(listen)

    try:
        return run(app.settings if listen is None else app.settings.listening_on(listen), read)
    except FshuntError:
        turn_away()
        raise
