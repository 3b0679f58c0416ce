"""`fshunt demo`: an office on a machine without FreeSWITCH, call by call or on the web pages."""

from __future__ import annotations

import click

from fshunt.cli.base import NounCommand
from fshunt.cli.params import LISTEN
from fshunt.errors import UsageError
from fshunt.settings import Address, listen_address

DEFAULT_LISTEN = "127.0.0.1:8090"


@click.command("demo", cls=NounCommand, json=False, example="fshunt demo --web")
@click.option("--web", is_flag=True, help="Open the web pages of an office, with callers until Ctrl-C.")
@click.option(
    "--listen",
    type=LISTEN,
    metavar="ADDR:PORT",
    help=f"With --web: address of the pages, on this machine. Without it: {DEFAULT_LISTEN}.",
)
def demo(web: bool, listen: Address | None) -> int:
    """Show a hunt group at work, without FreeSWITCH.

    It needs no settings. It makes a database in a temporary folder, with a real-estate office: pilot 5000, five agents,
    circular. It starts the real daemon, and a simulated FreeSWITCH that talks to it over TCP places twelve calls:
    answered, busy, no answer, declined, no phone registered, a caller who hangs up. Each is printed as it happens; then
    the group is shown. It takes about half a minute and leaves nothing behind.

    With --web the office is open until Ctrl-C: three groups, the calls of the last weeks, callers who come every few
    seconds, and the web pages. It prints their address, an account of each role with a password for this run, and
    what to look at. It needs the packages of `pip install '.[web]'`.
    """
    # Imported here: it brings gevent and SQLAlchemy, which other commands do not wait for.
    if not web:
        if listen is not None:
            raise UsageError("--listen goes with --web.")
        from fshunt.cli.demo_run import run_demo

        return run_demo()
    address = listen or listen_address(DEFAULT_LISTEN)
    if not address.loopback:
        raise UsageError(f"The demo is for this machine alone: {address} can be reached from others; use 127.0.0.1.")
    from fshunt.cli.demo_web import run_demo_web

    return run_demo_web(address)
