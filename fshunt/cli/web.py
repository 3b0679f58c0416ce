"""`fshunt web`: the web pages."""

from __future__ import annotations

import click

from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.params import LISTEN
from fshunt.errors import FshuntError
from fshunt.settings import Address


@click.command("web", cls=NounCommand, json=False, example="fshunt web --listen 127.0.0.1:8090")
@click.option(
    "--listen",
    type=LISTEN,
    metavar="ADDR:PORT",
    help="Address of the pages. Without it: the setting `web_listen`.",
)
@pass_app
def web(app: App, listen: Address | None) -> int:
    """Run the web pages on which people look after their groups.

    A process of its own, on the same database as the daemons: whatever happens here, calls go on. Several may run at a
    time. Off loopback it needs a certificate (`web_tls_cert`, `web_tls_key`) or a proxy that does TLS
    (`web_trusted_proxies`).

    SIGTERM stops it gracefully: requests in progress end first.
    """
    try:
        # Imported here, and by no other command: the packages of the pages need not be installed.
        from fshunt.web.serve import serve
    except ModuleNotFoundError as error:
        if (error.name or "fshunt").startswith("fshunt"):
            raise
        raise FshuntError(
            f"The web pages need the Python package {error.name}: install fshunt with `pip install '.[web]'`."
        ) from error
    app.become_owner(for_good=True)
    settings = app.settings if listen is None else app.settings.web_listening_on(listen)
    settings.check_web()
    return serve(settings)
