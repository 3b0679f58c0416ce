"""`fshunt demo`: a morning in an office, on a machine without FreeSWITCH."""

from __future__ import annotations

import click

from fshunt.cli.base import NounCommand


@click.command("demo", cls=NounCommand, json=False, example="fshunt demo")
def demo() -> int:
    """Show a hunt group at work, without FreeSWITCH.

    It needs no settings. It makes a database in a temporary folder, with a real-estate office: pilot 5000, five agents,
    circular. It starts the real daemon, and a simulated FreeSWITCH that talks to it over TCP places twelve calls:
    answered, busy, no answer, declined, no phone registered, a caller who hangs up. Each is printed as it happens; then
    the group is shown. It takes about half a minute and leaves nothing behind.
    """
    # Imported here: it brings gevent and SQLAlchemy, which other commands do not wait for.
    from fshunt.cli.demo_run import run_demo

    return run_demo()
