"""The controllers that are measured side by side, each a process of its own."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import gevent
from gevent.subprocess import PIPE, Popen

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from tests.benchmarks import tape
from tests.benchmarks.tape import DOMAIN

PILOTS = 1000
"""Groups of one member each: so many that a member is long free again when the next caller wants him, also when the
daemon has more calls than it can do and frees its members late."""

MS = 1000.0
ANSWER_SECONDS, TALK_SECONDS = 0.02, 0.1
PYTHON = (sys.executable, "-m")
START_SECONDS = 60.0
SETTLES_SECONDS = 0.3
"""Within which the last line of a hunt is in the log."""
TAKES_CALLS = re.compile(r"tak(?:ing|es) calls at \S+:(\d+)")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True, slots=True)
class Contender:
    """A controller under test: its name, process and port."""

    name: str
    pid: int
    port: int
    log: Path
    """What it logs, in a file."""

    def cpu_seconds(self) -> float:
        """User and system time that the process has used."""
        return cpu_seconds(self.pid)

    def memory_kb(self) -> int:
        """Memory of the process that no other one shares, in KB."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))


def add_groups(database_url: str) -> None:
    """Make the database, with a group of one member for each pilot."""
    migrate.upgrade(database_url, report=lambda _line: None)
    with closing(open_store(database_url)) as store, store.writing() as session:
        for number in range(PILOTS):
            groups.add_group(session, DOMAIN, f"5{number:03}", ring_time=RingTime(seconds=20))
            members.add_members(session, DOMAIN, f"5{number:03}", [parse_member(f"1{number:03}")])


@contextmanager
def fshunt_daemon(database_url: str, folder: Path, name: str = "fshunt", **more: str) -> Iterator[Contender]:
    """The daemon on a database with groups in it, its outbox in a file as where it is installed.

    It logs into ``log`` of the folder, which is its own. ``more`` are settings by the names of the environment.
    """
    (folder / "outbox").mkdir(parents=True, mode=0o700)
    environment = {
        **os.environ,
        "FSHUNT_DATABASE_URL": database_url,
        "FSHUNT_LISTEN": "127.0.0.1:0",
        "FSHUNT_HTTP_LISTEN": "",
        "FSHUNT_OUTBOX_DIR": str(folder / "outbox"),
        "FSHUNT_MAX_CALLS": "5000",
        "FSHUNT_STOP_TIMEOUT": "0",
        "FSHUNT_LOG_LEVEL": "info",
        **more,
    }
    log = folder / "log"
    with log.open("wb") as stream, Popen([*PYTHON, "fshunt", "serve"], env=environment, stderr=stream) as process:
        try:
            yield Contender(name, process.pid, _port_in(log, process), log)
        finally:
            process.terminate()
            process.wait()


def _port_in(log: Path, process: Popen) -> int:
    """The port that a daemon says it takes calls at. Raises RuntimeError if it ends before, or does not say."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := TAKES_CALLS.search(log.read_text()):
            return int(found[1])
        gevent.sleep(0.05)
    raise RuntimeError(f"the daemon takes no calls:\n{log.read_text()}")


@contextmanager
def greenswitch_server(folder: Path) -> Iterator[Contender]:
    """greenswitch's own server with the plainest hunt."""
    with _printing_its_port("greenswitch", folder, "tests.benchmarks.plainest", DOMAIN) as contender:
        yield contender


@contextmanager
def floor_loop(folder: Path, taped: list[tape.Item], log: str) -> Iterator[Contender]:
    """The bare loop: the commands of a tape of fshunt's, its log lines, the same records in a database of its own."""
    folder.mkdir()
    tape.save(folder / "tape", taped)
    (folder / "log-lines").write_text(log)
    add_groups(f"sqlite:///{folder / 'db'}")
    with _printing_its_port("floor loop", folder, "tests.benchmarks.floor", str(folder)) as contender:
        yield contender


@contextmanager
def _printing_its_port(name: str, folder: Path, *command: str) -> Iterator[Contender]:
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    with log.open("wb") as stream, Popen([*PYTHON, *command], stdout=PIPE, stderr=stream, text=True) as process:
        try:
            yield Contender(name, process.pid, int(process.stdout.readline()), log)
        finally:
            process.kill()


def recorded(contender: Contender) -> tuple[list[tape.Item], str]:
    """The tape of a controller, and what it logged meanwhile."""
    with tape.relayed(contender.port) as (switch, relay):
        tape.hunt(switch, relay)  # so that all is imported
        before = contender.log.stat().st_size
        taped = tape.hunt(switch, relay)
        gevent.sleep(SETTLES_SECONDS)
        return taped, contender.log.read_bytes()[before:].decode()
