"""What the web pages cost the hunts: the set-up delay alone, and beside a busy web process.

``python -m tests.benchmarks.beside_pages [--rate R] [--seconds S] [--pages N] [--requests R]``. A daemon watches the
simulated FreeSWITCH whose calls it takes; `fshunt web` runs on the same database, with the priority that its unit gives
it. A process of its own holds live pages open (streams of events) and sends requests to the REST interface. Hunts are
timed without and with that load in many short turns, so that the machine's noise falls on both; what counts is the
ratio of the medians of the turns.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import gevent
from gevent.subprocess import PIPE, Popen

from fshunt.db.engine import open_store
from fshunt.services import accounts
from fshunt.services.users import Role, Scope
from fshunt.simulator.core.phones import answers
from fshunt.simulator.dialplan.routing import shipped
from fshunt.simulator.scenarios.load import add_phones, run_load
from fshunt.simulator.switch import SimulatedSwitch
from tests.benchmarks.contenders import (
    ANSWER_SECONDS,
    DOMAIN,
    MS,
    PILOTS,
    TALK_SECONDS,
    Contender,
    add_groups,
    cpu_seconds,
)
from tests.benchmarks.live_state import PASSWORD, daemon
from tests.benchmarks.web_speed import WebProcess, web_process

TURNS = 8
"""Measurements of each, alone and beside the pages in turns."""
PROGRAMS = 15
"""Users with a token each: one token may send ten requests a second, one user hold twenty streams."""
NICE = int(re.search(r"^Nice=(\d+)", Path("systemd/fshunt-web.service").read_text(), re.MULTILINE)[1])  # type: ignore[index]
CLIENT_SECONDS = 30.0


class Delay(NamedTuple):
    """Seconds from accept to the first command that rings, of half and of 99 of 100 hunts."""

    p50: float
    p99: float


class Processes(NamedTuple):
    """The numbers of the two processes that are measured."""

    daemon: int
    web: int


def add_programs(database_url: str) -> list[str]:
    """Add users that see all groups, and return the secrets of their tokens."""
    with closing(open_store(database_url)) as store, store.writing() as session:
        secrets = []
        for number in range(PROGRAMS):
            name = f"program{number}"
            accounts.add_user(session, name, Role.PROVIDER)
            secrets.append(accounts.add_token(session, name, "bench", tuple(Scope))[1])
        return secrets


def look_on(host: str, port: int, secrets: Sequence[str], pages: int, requests: float) -> None:
    """The process that looks: hold streams and send requests until it is ended; say so once all streams are open."""
    for number in range(pages):
        path = f"/api/v1/events?domain={DOMAIN}&pilot=5{number:03}"
        connection = http.client.HTTPConnection(host, port, timeout=CLIENT_SECONDS)
        connection.request("GET", path, headers=_headers(secrets[number % PROGRAMS]))
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"a stream was refused: {answer.status} {answer.read()!r}")
        threading.Thread(target=_drain, args=[answer], daemon=True).start()
    print("looking", flush=True)
    for secret in secrets:  # one after the other, so that they do not all ask at the same moments
        threading.Thread(target=_ask, args=[host, port, secret, requests / PROGRAMS]).start()
        time.sleep(1 / requests)


def _headers(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _drain(answer: http.client.HTTPResponse) -> None:
    while answer.readline():
        pass


def _ask(host: str, port: int, secret: str, rate: float) -> None:
    """Ask for a group so many times a second, and say on standard output how each request was answered."""
    connection, due = http.client.HTTPConnection(host, port, timeout=CLIENT_SECONDS), time.monotonic()
    while True:
        connection.request("GET", f"/api/v1/domains/{DOMAIN}/groups/5000", headers=_headers(secret))
        answer = connection.getresponse()
        answer.read()
        sys.stdout.write(f"{answer.status}\n")
        sys.stdout.flush()
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def busy_pages(address: tuple[str, int], secrets: Sequence[str], options: argparse.Namespace) -> Iterator[Counter[str]]:
    """Live pages are open and requests come; gives a count of their statuses."""
    words = [*map(str, address), ",".join(secrets), str(options.pages), str(options.requests)]
    command = ["nice", "-n", str(NICE), sys.executable, "-m", "tests.benchmarks.beside_pages", "--look-on", *words]
    statuses = Counter[str]()
    with Popen(command, stdout=PIPE, text=True) as process:
        if process.stdout.readline().strip() != "looking":
            raise SystemExit("the process that looks has ended")

        def count() -> None:
            for line in process.stdout:
                statuses[line.strip()] += 1

        reader = gevent.spawn(count)
        yield statuses
        process.kill()
        reader.join()


def measure(switch: SimulatedSwitch, processes: Processes, options: argparse.Namespace, what: str) -> Delay:
    """Time hunts at the rate, and print the figures."""
    before = [cpu_seconds(pid) for pid in processes]
    pilots = [f"5{number:03}" for number in range(PILOTS)]
    load = run_load(switch, pilots, rate=options.rate, seconds=options.seconds, talk_for=TALK_SECONDS)
    found = Delay(load.delay(0.5) or 0.0, load.delay(0.99) or 0.0)
    daemon, web = ((cpu_seconds(pid) - used) / options.seconds for pid, used in zip(processes, before, strict=True))
    print(
        f"{what:12} set-up p50 {found.p50 * MS:6.1f} ms  p99 {found.p99 * MS:6.1f} ms"
        f"  {load.kinds['answered']}/{load.placed} answered"
        f"  of a core: daemon {daemon:.0%}, web {web:.0%}",
        flush=True,
    )
    return found


def compare(
    switch: SimulatedSwitch, daemon: Contender, web: WebProcess, secrets: Sequence[str], options: argparse.Namespace
) -> None:
    """Measure in turns, and print the ratios of the medians."""
    alone, beside, statuses = [], [], Counter[str]()
    processes = Processes(daemon.pid, web.pid)
    measure(switch, processes, options, "warm-up")
    for _ in range(TURNS):
        alone.append(measure(switch, processes, options, "alone"))
        with busy_pages(web.address, secrets, options) as counted:
            beside.append(measure(switch, processes, options, "with pages"))
        statuses.update(counted)
    rate = sum(statuses.values()) / (TURNS * options.seconds)
    print(f"{options.pages} live pages, {rate:.0f} requests a second, answered {dict(statuses)}")
    for name in Delay._fields:
        quiet, busy = (statistics.median(getattr(each, name) for each in found) * MS for found in (alone, beside))
        print(f"set-up {name}: {busy:.1f} ms beside the pages, {quiet:.1f} ms alone: {busy / quiet:.2f} times")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.beside_pages", description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="hunts offered a second (default 20)")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each time (default 6)")
    parser.add_argument("--pages", type=int, default=50, help="live pages that are open (default 50)")
    parser.add_argument("--requests", type=float, default=100.0, help="requests a second (default 100)")
    parser.add_argument("--database", help="a fresh database; without it an SQLite file in a temporary folder")
    parser.add_argument("--look-on", nargs=5, metavar="WORD", help="be the process that looks")
    options = parser.parse_args(arguments)
    if options.look_on:
        host, port, secrets, pages, requests = options.look_on
        look_on(host, int(port), secrets.split(","), int(pages), float(requests))
        return
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as made, ExitStack() as stack:
        folder = Path(made)
        url = options.database or f"sqlite:///{folder / 'bench.db'}"
        add_groups(url)
        secrets = add_programs(url)
        switch = SimulatedSwitch([], domain=DOMAIN)
        port = switch.serve_inbound(PASSWORD)
        contender = stack.enter_context(daemon(url, port, folder, "d0"))
        switch.pilot_actions = list(shipped([("127.0.0.1", contender.port)], DOMAIN, "1001"))
        add_phones(switch, [f"1{number:03}" for number in range(PILOTS)], answers(ANSWER_SECONDS))
        web = stack.enter_context(web_process(url, nice=NICE))
        compare(switch, contender, web, secrets, options)


if __name__ == "__main__":
    main()
