"""Hunts a second, CPU and memory of the daemon, next to greenswitch's own server with the plainest hunt, in one run.

``python -m tests.benchmarks [--rate R] [--seconds S] [--held N] [--database URL]``. Both are driven by the same
simulated FreeSWITCH at the same rate, each as a process of its own; the machine's noise falls on both. CPU is that of
the process, from /proc; memory is what the process grew by while so many calls were held.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import gevent
from gevent.subprocess import PIPE, Popen

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.phones import answers
from fshunt.simulator.scenarios.load import LoadReport, add_phones, hold_calls, release_calls, run_load
from fshunt.simulator.switch import SimulatedSwitch

DOMAIN = "office.test"
PILOTS = 400
"""Groups of one member each: enough that two callers rarely want the same member at once."""

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
MS = 1000.0
ANSWER_SECONDS, TALK_SECONDS = 0.02, 0.1
TAKES_CALLS = re.compile(r"tak(?:ing|es) calls at \S+:(\d+)")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@dataclass(frozen=True, slots=True)
class Contender:
    """A controller under test: its name, process and port."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """User and system time that the process has used."""
        return cpu_seconds(self.pid)

    def memory_kb(self) -> int:
        """RotationPointer of the process that no other one shares, in KB."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one contender."""

    load: LoadReport
    cpu_ms_a_hunt: float
    kb_a_held_call: float
    held: LoadReport


def measure(contender: Contender, options: argparse.Namespace) -> Figures:
    """Drive one contender: first hunts at a rate, then calls that are held."""
    switch = SimulatedSwitch([("127.0.0.1", contender.port)], domain=DOMAIN)
    pilots = [f"5{number:03}" for number in range(PILOTS)]
    extensions = [f"1{number:03}" for number in range(PILOTS)]
    add_phones(switch, extensions, answers(ANSWER_SECONDS))
    run_load(switch, pilots, rate=min(options.rate, 20), seconds=1, talk_for=TALK_SECONDS)  # so that all is imported
    before = contender.cpu_seconds()
    load = run_load(switch, pilots, rate=options.rate, seconds=options.seconds, talk_for=TALK_SECONDS)
    used = contender.cpu_seconds() - before
    memory = contender.memory_kb()
    calls, held = hold_calls(switch, pilots, options.held)
    grown = contender.memory_kb() - memory
    release_calls(calls)
    return Figures(load, used * MS / max(1, load.placed), grown / max(1, options.held), held)


def add_groups(database_url: str) -> None:
    """Make the database, with a group of one member for each pilot."""
    migrate.upgrade(database_url, report=lambda _line: None)
    store = open_store(database_url)
    with store.writing() as session:
        for number in range(PILOTS):
            groups.add_group(session, DOMAIN, f"5{number:03}", ring_time=RingTime(seconds=20))
            members.add_members(session, DOMAIN, f"5{number:03}", [parse_member(f"1{number:03}")])
    store.close()


@contextmanager
def fshunt_daemon(database_url: str) -> Iterator[Contender]:
    """The daemon on a database with the groups in it."""
    add_groups(database_url)
    environment = {**os.environ, "FSHUNT_DATABASE_URL": database_url, "FSHUNT_LISTEN": "127.0.0.1:0"}
    environment |= {"FSHUNT_OUTBOX_DIR": "/no/such/folder"}
    environment |= {"FSHUNT_MAX_CALLS": "5000", "FSHUNT_STOP_TIMEOUT": "0", "FSHUNT_LOG_LEVEL": "info"}
    with Popen([sys.executable, "-m", "fshunt", "serve"], env=environment, stderr=PIPE, text=True) as process:
        port = next(int(found[1]) for line in process.stderr if (found := TAKES_CALLS.search(line)))
        drain = gevent.spawn(process.stderr.read)
        yield Contender("fshunt", process.pid, port)
        process.terminate()
        process.wait()
        drain.kill()


@contextmanager
def greenswitch_server() -> Iterator[Contender]:
    """greenswitch's own server."""
    command = [sys.executable, "-m", "tests.benchmarks.plainest", f"1000@{DOMAIN}"]
    with Popen(command, stdout=PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield Contender("greenswitch", process.pid, int(process.stdout.readline()))
        process.kill()


ROWS = (
    ("hunts/s", lambda f: f"{f.load.rate:.1f}"),
    ("CPU ms a hunt", lambda f: f"{f.cpu_ms_a_hunt:.2f}"),
    ("KB a held call", lambda f: f"{f.kb_a_held_call:.1f}"),
    ("accept to first ring command, p50 ms", lambda f: _ms(f.load.delay(0.5))),
    ("accept to first ring command, p99 ms", lambda f: _ms(f.load.delay(0.99))),
    ("answered of placed", lambda f: f"{f.load.kinds['answered']}/{f.load.placed}"),
    ("other ends", lambda f: ", ".join(f"{k} {n}" for k, n in f.load.kinds.items() if k != "answered") or "none"),
)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * MS:.1f}"


def show(figures: dict[str, Figures], options: argparse.Namespace) -> None:
    """Print the figures side by side."""
    print(f"offered: {options.rate:g} hunts/s for {options.seconds:g} s; held: {options.held} calls")
    print(f"{'':38}" + "".join(f"{name:>16}" for name in figures))
    for title, figure in ROWS:
        print(f"{title:38}" + "".join(f"{figure(f):>16}" for f in figures.values()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both, and print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rate", type=float, default=40.0, help="hunts offered a second (default 40)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long (default 15)")
    parser.add_argument("--held", type=int, default=200, help="calls held for the memory figure (default 200)")
    parser.add_argument("--database", help="a fresh database; without it an SQLite file in a temporary folder")
    options = parser.parse_args(arguments)
    figures = {}
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as folder, ExitStack() as stack:
        url = options.database or f"sqlite:///{Path(folder) / 'bench.db'}"
        contenders = [stack.enter_context(fshunt_daemon(url)), stack.enter_context(greenswitch_server())]
        for contender in contenders:
            print(f"measuring {contender.name} ...", flush=True)
            figures[contender.name] = measure(contender, options)
    show(figures, options)
