"""What live pages cost the hunts, and how old the state is that they show.

``python -m tests.benchmarks.live_state [--rate R] [--seconds S] [--pages N] [--daemons N] [--database URL]``. One
simulated FreeSWITCH is watched by the daemons and calls the first of them. A process of its own looks at the groups of
so many pages, as the web process does. Hunts are timed without and with it in turns, so that the machine's noise falls
on both. Then a phone comes and goes, and it is timed until the page shows that.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import gevent
from gevent.subprocess import PIPE, Popen

from fshunt.db.engine import open_store
from fshunt.services.live import LOOK_SECONDS, RENEW_SECONDS, LiveView, Watched, watch
from fshunt.simulator.core.phones import answers
from fshunt.simulator.dialplan.routing import shipped
from fshunt.simulator.scenarios.load import add_phones, run_load
from fshunt.simulator.switch import SimulatedSwitch
from tests.benchmarks.contenders import (
    ANSWER_SECONDS,
    DOMAIN,
    MS,
    PILOTS,
    TAKES_CALLS,
    TALK_SECONDS,
    Contender,
    add_groups,
)

PASSWORD = "for-the-monitor"
TURNS = 3
"""Measurements of each, unwatched and watched in turns."""
CHANGES = 20
EXTENSION = "1000"


def look_on(database_url: str, pages: int) -> None:
    """The process that looks: say on standard output when the state of the first member changes."""
    watched = [Watched(DOMAIN, f"5{number:03}") for number in range(pages)]
    with closing(open_store(database_url)) as store:
        view, renew_at, shown = LiveView(store), 0.0, ""
        while True:
            began = time.monotonic()
            if began >= renew_at:
                renew_at = began + RENEW_SECONDS
                with store.writing() as session:
                    watch(session, watched)
            group = view.look(watched).groups[DOMAIN, watched[0].pilot]
            word = group.now.states[group.details.group.members[0].id].word.value
            if word != shown:
                shown = word
                print(word, time.monotonic(), flush=True)
            time.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - began)))


@contextmanager
def pages_open(database_url: str, pages: int) -> Iterator[Callable[[str], float]]:
    """Somebody looks meanwhile; gives what waits until a state is shown and returns when that was."""
    command = [sys.executable, "-m", "tests.benchmarks.live_state", "--look-on", database_url, "--pages", str(pages)]
    with Popen(command, stdout=PIPE, text=True) as process:

        def shown(word: str) -> float:
            for line in process.stdout:
                said, at = line.split()
                if said == word:
                    return float(at)
            raise RuntimeError("the process that looks has ended")

        yield shown
        process.kill()


@contextmanager
def daemon(database_url: str, switch_port: int, folder: Path, name: str) -> Iterator[Contender]:
    """A daemon that watches the switch."""
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    environment = {
        **os.environ,
        "FSHUNT_DATABASE_URL": database_url,
        "FSHUNT_LISTEN": "127.0.0.1:0",
        "FSHUNT_SWITCH": f"127.0.0.1:{switch_port}={password}",
        "FSHUNT_NODE_NAME": name,
        "FSHUNT_OUTBOX_DIR": "/no/such/folder",
        "FSHUNT_HTTP_LISTEN": "",
        "FSHUNT_MAX_CALLS": "5000",
        "FSHUNT_STOP_TIMEOUT": "0",
        "FSHUNT_LOG_LEVEL": "info",
    }
    with Popen([sys.executable, "-m", "fshunt", "serve"], env=environment, stderr=PIPE, text=True) as process:
        port = next(int(found[1]) for line in process.stderr if (found := TAKES_CALLS.search(line)))
        drain = gevent.spawn(process.stderr.read)
        yield Contender(name, process.pid, port)
        process.terminate()
        process.wait()
        drain.kill()


def measure(switch: SimulatedSwitch, first: Contender, options: argparse.Namespace, what: str) -> None:
    """Time hunts at the rate, and print the figures."""
    pilots = [f"5{number:03}" for number in range(PILOTS)]
    before = first.cpu_seconds()
    load = run_load(switch, pilots, rate=options.rate, seconds=options.seconds, talk_for=TALK_SECONDS)
    used = (first.cpu_seconds() - before) * MS / max(1, load.placed)
    p50, p99 = (load.delay(0.5) or 0.0) * MS, (load.delay(0.99) or 0.0) * MS
    answered = f"{load.kinds['answered']}/{load.placed}"
    print(f"{what:12} set-up p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  CPU {used:5.2f} ms a hunt  {answered}", flush=True)


def ages(switch: SimulatedSwitch, shown: Callable[[str], float]) -> list[float]:
    """Have a phone come and go, and return after how many seconds the page has shown each change."""
    found = []
    (phone,) = switch.registrations.phones_of(EXTENSION, DOMAIN)
    for number in range(CHANGES):
        gevent.sleep(0.3 + 0.37 * number % 1.1)  # anywhere between two writes and two looks
        changed = time.monotonic()
        if number % 2:
            switch.registrations.register(phone)
        else:
            switch.registrations.unregister(phone)
        found.append(shown("free" if number % 2 else "unregistered") - changed)
    return sorted(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live_state", description=__doc__)
    parser.add_argument("--rate", type=float, default=40.0, help="hunts offered a second (default 40)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each time (default 10)")
    parser.add_argument("--pages", type=int, default=50, help="groups that are looked at (default 50)")
    parser.add_argument("--daemons", type=int, default=2, help="daemons on the database (default 2)")
    parser.add_argument("--database", help="a fresh database; without it an SQLite file in a temporary folder")
    parser.add_argument("--look-on", metavar="URL", help="be the process that looks")
    options = parser.parse_args(arguments)
    if options.look_on:
        look_on(options.look_on, options.pages)
        return
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as made, ExitStack() as stack:
        folder = Path(made)
        url = options.database or f"sqlite:///{folder / 'bench.db'}"
        add_groups(url)
        switch = SimulatedSwitch([], domain=DOMAIN)
        port = switch.serve_inbound(PASSWORD)
        daemons = [stack.enter_context(daemon(url, port, folder, f"d{n}")) for n in range(options.daemons)]
        switch.pilot_actions = list(shipped([("127.0.0.1", daemons[0].port)], DOMAIN, "1001"))
        add_phones(switch, [f"1{number:03}" for number in range(PILOTS)], answers(ANSWER_SECONDS))
        measure(switch, daemons[0], options, "warm-up")
        for _ in range(TURNS):
            measure(switch, daemons[0], options, "unwatched")
            with pages_open(url, options.pages) as shown:
                shown("free")
                measure(switch, daemons[0], options, "watched")
        with pages_open(url, options.pages) as shown:
            shown("free")
            found = ages(switch, shown)
        print(f"age of what is shown: median {found[len(found) // 2]:.2f} s, at most {found[-1]:.2f} s")


if __name__ == "__main__":
    main()
