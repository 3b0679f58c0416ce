"""`fshunt demo --web`: the office with its pages open, and callers who call until Ctrl-C."""

from __future__ import annotations

import signal
from datetime import datetime
from random import Random

import click
import gevent
from gevent.event import Event

from fshunt.cli.demo_office import ADMIN, MEMBER, PROVIDER, WebOffice, web_office
from fshunt.cli.demo_processes import closed_by_signals
from fshunt.settings import Address
from fshunt.simulator.core.callers import Ending
from fshunt.simulator.scenarios.workday import PEOPLE, Came, Workday

WHAT_TO_SEE = {
    ADMIN: (
        "looks after two of the three groups. Open Sales: what each member does now, and who rings next.",
        "Move somebody to the top, save, and see whom the next caller rings; then Undo.",
        "Open Calls, and of a call its story; then Not called back, and the Report.",
    ),
    MEMBER: (
        "is Ben, made for a phone: switch calls off, and see in Sales how callers are led past.",
        "His turn in each group, and the calls that he missed.",
    ),
    PROVIDER: ("makes groups and users, sees and undoes all changes, and the state of the daemon.",),
}
"""For each account what to look at first."""


def run_demo_web(listen: Address) -> int:
    """Run the office until Ctrl-C, SIGTERM or SIGHUP, and print who calls; return the exit status."""
    click.echo("The office opens: a database, the daemon, the web process and a simulated FreeSWITCH ...")
    with closed_by_signals(), web_office(listen) as office:
        stop = Event()
        closing = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it runs under nohup
            closing.append(signal.SIGHUP)
        handlers = [gevent.signal_handler(each, stop.set) for each in closing]
        _tell_what_to_see(office)
        day = Workday(office.switch, Random())  # noqa: S311 chance, not secrets
        while not stop.wait(day.pause()):
            if (came := day.next_call()) is not None:
                _tell(came, stop)
        click.echo("\nThe office closes ...")
        for each in handlers:
            each.cancel()
    click.echo("Nothing is left behind.")
    return 0


def _tell_what_to_see(office: WebOffice) -> None:
    click.echo()
    click.secho(f"  {office.address}", bold=True)
    known = {account.name: account.password for account in office.accounts}
    for name, (first, *more) in WHAT_TO_SEE.items():
        click.echo()
        click.echo(f"  {click.style(name, bold=True)}   password {click.style(known[name], bold=True)}")
        click.echo(f"    {first}")
        for line in more:
            click.echo(f"    {line}")
    click.echo("\nThe passwords hold for this run alone. Callers come every few seconds; Ctrl-C ends it.\n")


def _tell(came: Came, stop: Event) -> None:
    click.echo(f"{_clock()}  {came.name} calls {came.pilot}")

    def ended(_: object) -> None:
        if not stop.is_set():
            click.secho(f"{_clock()}    {came.name}: {_ending(came.call.ending)}", dim=True)

    came.call.ended.rawlink(ended)


def _clock() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


def _ending(ending: Ending) -> str:
    name = PEOPLE.get(ending.who)
    if not ending.who or name is None:
        return ending.kind
    return f"{ending.kind} {'of' if 'voicemail' in ending.kind else 'by'} {name} ({ending.who})"
