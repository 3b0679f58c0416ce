"""The demo itself: a database, the real daemon as a process of its own, and a simulated FreeSWITCH that calls it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from typing import Any

import click

from fshunt.cli.demo_processes import TAKES_CALLS, closed_by_signals, database_in, environment, running
from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.scenarios import office
from fshunt.simulator.scenarios.office import OfficeEvent
from fshunt.simulator.switch import SimulatedSwitch

NOUNS_AT_THE_END = (["group", "show", office.PILOT], ["call", "list"])

_OF_A_CALL = re.compile(r"call (\S+): (.*)")
_EXTENSION = re.compile(rf"\b({'|'.join(office.AGENTS)})\b")

COLOURS = {"passed": "yellow", "rings": "cyan", "answered": "green", "ended": "bright_white"}
"""The colour of a line by its first or second word; what ends an offer without an answer is magenta."""


def run_demo() -> int:
    """Run the office's twelve calls and show them; return 0 if each ended as the office's story says."""
    with closed_by_signals(), tempfile.TemporaryDirectory(prefix="fshunt-demo-") as folder:
        url = database_in(folder)
        _make_office(url)
        ours, screen = environment(url, folder), Screen()
        with running("The daemon", ["serve"], ours, TAKES_CALLS, screen.on_log) as port:
            click.echo(f"The daemon takes calls at 127.0.0.1:{port}; {len(office.CALLS)} callers dial {office.PILOT}.")
            switch = SimulatedSwitch(
                [("127.0.0.1", int(port))],
                domain=office.DOMAIN,
                fallback_box=office.VOICEMAIL_BOX,
                voicemail_seconds=office.VOICEMAIL_SECONDS,
            )
            office.run_office(switch, screen.on_office)
        for words in NOUNS_AT_THE_END:
            click.secho(f"\n$ fshunt {' '.join(words)}", bold=True)
            sys.stdout.flush()
            subprocess.run([sys.executable, "-m", "fshunt", *words], env=ours, check=False)  # noqa: S603 our own
    return screen.verdict()


class Screen:
    """Prints what happens: the story of each call, what the daemon logs of it, and how the caller saw it end."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._as_told = 0

    def on_office(self, event: OfficeEvent) -> None:
        """Take an event of the office: a call begins, or has ended for the caller."""
        if event.what == "begins":
            number = self._numbers[event.uuid] = len(self._numbers) + 1
            click.echo()
            click.secho(f"{number:2}  {event.call.title}: {event.call.caller_name} calls", bold=True)
            click.secho(f"    {event.call.tell}", dim=True)
        elif event.what == "ends" and event.ending is not None:
            self._as_told += (event.ending.kind, event.ending.who) == event.call.expect

    def on_log(self, message: str) -> None:
        """Take a line of the daemon's log; those of calls are shown."""
        found = _OF_A_CALL.fullmatch(message)
        if found is None:
            return
        number, words = self._numbers.get(found[1], 0), found[2]
        named = _EXTENSION.sub(lambda extension: f"{office.AGENTS[extension[1]]} ({extension[1]})", words)
        click.secho(f"{number:2}    {named}", fg=_colour(words))

    def verdict(self) -> int:
        """Say whether all calls ended as the story says; return the exit code."""
        whole = self._as_told == len(office.CALLS)
        sentence = f"{self._as_told} of {len(office.CALLS)} calls ended as they should."
        click.secho(f"\n{sentence}", fg="green" if whole else "red", bold=True)
        return 0 if whole else 1


def _colour(words: str) -> str | None:
    for word in words.split()[:2]:
        if word.rstrip(":") in COLOURS:
            return COLOURS[word.rstrip(":")]
    return None if words.startswith("from ") else "magenta"


def _make_office(url: str) -> None:
    migrate.upgrade(url, report=lambda _line: None)
    store = open_store(url)
    with store.writing() as session:
        fields: dict[str, Any] = {
            "name": office.GROUP_NAME,
            "policy": office.POLICY,
            "ring_time": RingTime(seconds=office.RING_SECONDS),
        }
        groups.add_group(session, office.DOMAIN, office.PILOT, **fields)
        agents = [parse_member(extension) for extension in office.AGENTS]
        members.add_members(session, office.DOMAIN, office.PILOT, agents)
    store.close()
