"""What open streams of events cost the web process, and how old the state is that they tell.

``python -m tests.benchmarks.live_streams [--streams N] [--seconds S] [--database URL]``. A daemon watches one simulated
FreeSWITCH; a web process serves so many streams, each of one group. Its threads, memory and processor time
are read without and with them, while nothing happens and while hunts are placed. Then a phone comes and goes, and it is
timed until a stream has told so. At last the process is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import gevent
from gevent import socket
from gevent.event import Event
from gevent.subprocess import PIPE, Popen

from fshunt.db.engine import open_store
from fshunt.services import accounts
from fshunt.services.users import Role, Scope
from fshunt.simulator.core.phones import answers
from fshunt.simulator.dialplan.routing import shipped
from fshunt.simulator.scenarios.load import add_phones, run_load
from fshunt.simulator.switch import SimulatedSwitch
from fshunt.web.live.hub import MAX_OF_ACCOUNT
from tests.benchmarks.contenders import ANSWER_SECONDS, DOMAIN, PILOTS, TALK_SECONDS, Contender, add_groups
from tests.benchmarks.live_state import EXTENSION, PASSWORD, ages, daemon
from tests.benchmarks.web_speed import SERVES, Address

CALM_SECONDS = 5.0
"""Before a measurement, so that what was opened is over."""


class Stream:
    """One client of the stream of a group: it reads, and remembers the state of the first member."""

    def __init__(self, address: Address, token: str, pilot: str) -> None:
        self._sock = socket.create_connection(address)
        path = f"/api/v1/events?domain={DOMAIN}&pilot={pilot}"
        self._sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        self.events, self.state, self.at = 0, "", 0.0
        self.told = Event()
        self.reading = gevent.spawn(self._read)

    def wait(self, state: str) -> float:
        """Wait until this state was told, and return when that was."""
        while self.state != state:
            self.told.clear()
            self.told.wait()
        return self.at

    def _read(self) -> None:
        with closing(self._sock), self._sock.makefile("rb") as lines:
            name = b""
            for line in lines:
                if line.startswith(b"event: "):
                    name = line[7:].strip()
                elif line.startswith(b"data: ") and name == b"now":
                    self.events += 1
                    self.state, self.at = json.loads(line[6:])["members"][0]["state"], time.monotonic()
                    self.told.set()


def tokens(database_url: str, streams: int) -> list[str]:
    """Make as many accounts as so many streams need, and return a token of each stream."""
    made = []
    with closing(open_store(database_url)) as store, store.writing() as s:
        for number in range(-(-streams // MAX_OF_ACCOUNT)):
            accounts.add_user(s, f"wall{number}", Role.PROVIDER)
            made.append(accounts.add_token(s, f"wall{number}", "wall", [Scope.READ])[1])
    return [made[number // MAX_OF_ACCOUNT] for number in range(streams)]


@contextmanager
def web(database_url: str) -> Iterator[tuple[Popen, Address]]:
    """Run the web process, and give it with its address."""
    environment = {**os.environ, "FSHUNT_DATABASE_URL": database_url, "FSHUNT_WEB_LISTEN": "127.0.0.1:0"}
    with Popen([sys.executable, "-m", "fshunt", "web"], env=environment, stderr=PIPE, text=True) as process:
        found = next(match for line in process.stderr if (match := SERVES.search(line)))
        drain = gevent.spawn(process.stderr.read)
        yield process, (found[1], int(found[2]))
        process.terminate()
        process.wait()
        drain.kill()


@contextmanager
def costs(web: Contender, what: str) -> Iterator[None]:
    """Print what a process uses while the block runs."""
    cpu, began = web.cpu_seconds(), time.monotonic()
    yield
    share = (web.cpu_seconds() - cpu) / (time.monotonic() - began) * 100
    threads = len(list(Path(f"/proc/{web.pid}/task").iterdir()))
    print(f"{what:34} {share:5.1f} % of a core  {threads:3} threads  {web.memory_kb() / 1024:6.1f} MB", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live_streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=50, help="open streams (default 50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each time (default 20)")
    parser.add_argument("--rate", type=float, default=5.0, help="hunts offered a second (default 5)")
    parser.add_argument("--database", help="a fresh database; without it an SQLite file in a temporary folder")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as made, ExitStack() as stack:
        folder = Path(made)
        url = options.database or f"sqlite:///{folder / 'bench.db'}"
        add_groups(url)
        secrets = tokens(url, options.streams)
        switch = SimulatedSwitch([], domain=DOMAIN)
        first = stack.enter_context(daemon(url, switch.serve_inbound(PASSWORD), folder, "d0"))
        switch.pilot_actions = list(shipped([("127.0.0.1", first.port)], DOMAIN, "1001"))
        pilots = [f"5{number:03}" for number in range(PILOTS)]
        add_phones(switch, [f"1{number:03}" for number in range(PILOTS)], answers(ANSWER_SECONDS))
        process, address = stack.enter_context(web(url))
        measure(Contender("web", process.pid, address[1]), switch, options, address, secrets, pilots)
        began = time.monotonic()
        process.terminate()
        process.wait()
        print(f"stopped with {options.streams} streams open in {time.monotonic() - began:.2f} s")


def measure(
    web: Contender,
    switch: SimulatedSwitch,
    options: argparse.Namespace,
    address: Address,
    secrets: Sequence[str],
    pilots: Sequence[str],
) -> None:
    """Read what the process uses, without and with streams, and how old their state is."""
    gevent.sleep(CALM_SECONDS)
    with costs(web, "no stream"):
        gevent.sleep(options.seconds)
    streams = [Stream(address, secret, pilots[number % PILOTS]) for number, secret in enumerate(secrets)]
    streams[0].wait("free")
    gevent.sleep(CALM_SECONDS)
    with costs(web, f"{len(streams)} streams, nothing happens"):
        gevent.sleep(options.seconds)
    before = sum(each.events for each in streams)
    with costs(web, f"{len(streams)} streams, {options.rate:g} hunts/s"):
        run_load(switch, pilots, rate=options.rate, seconds=options.seconds, talk_for=TALK_SECONDS)
    told = (sum(each.events for each in streams) - before) / options.seconds
    print(f"events told: {told:.1f} a second")
    first = next(each for each in streams)
    first.wait("free")
    found = ages(switch, first.wait)
    print(f"age of what is told: median {found[len(found) // 2]:.2f} s, at most {found[-1]:.2f} s ({EXTENSION})")


if __name__ == "__main__":
    main()
