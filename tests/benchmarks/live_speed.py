"""What a hunt costs on a real FreeSWITCH, the monitor on, and how long FreeSWITCH and fshunt together take to ring.

``make bench-live FSHUNT_LIVE_FREESWITCH=PREFIX``. FreeSWITCH, its phones and its callers are those of the live tests,
on ports of their own. Half of the groups have a first member who refuses each call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from tests.benchmarks.contenders import MS, cpu_seconds
from tests.live.machines import DOMAIN, Daemon, Pbx, Ports, find_freeswitch
from tests.live.sip_phones import Lab

PLAIN = {f"50{number:02}": (f"{1000 + number}",) for number in range(1, 9)}
"""Groups whose one member answers."""
REFUSED = {f"51{number:02}": (f"{1000 + number}", f"{1001 + number}") for number in range(9, 17, 2)}
"""Groups whose first member refuses."""
BUSY = 486
TALK_SECONDS = 0.2
WARM_UP = 8


def make_groups(daemon: Daemon) -> None:
    """The groups, in one go."""
    with closing(open_store(daemon.environment["FSHUNT_DATABASE_URL"])) as store, store.writing() as s:
        for pilot, extensions in {**PLAIN, **REFUSED}.items():
            groups.add_group(s, DOMAIN, pilot, ring_time=RingTime(seconds=20))
            members.add_members(s, DOMAIN, pilot, [parse_member(each) for each in extensions])


async def call(lab: Lab, pilot: str, name: str) -> None:
    """One call, to its end. Raises RuntimeError if nobody answered."""
    caller = lab.caller(pilot, name=name).dial()
    if (code := await caller.result()) != 200:
        raise RuntimeError(f"the call to {pilot} ended with {code}")
    await caller.until_end()


async def load(lab: Lab, pilots: Sequence[str], rate: float, count: int, name: str) -> None:
    """So many calls at a rate, to the pilots in turn."""
    clock = asyncio.get_running_loop().time
    began, calls = clock(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - clock()))
        calls.append(asyncio.ensure_future(call(lab, pilots[number % len(pilots)], f"{name} {number}")))
    await asyncio.gather(*calls)


def from_the_dial(lab: Lab, name: str) -> list[float]:
    """Milliseconds from each caller's INVITE to that of the member, who is the only one of the group."""
    taken = []
    for pilot, (extension,) in PLAIN.items():
        dialled = [s.at for s in lab.seen(None, "DIAL") if s.who.startswith(name) and s.detail["number"] == pilot]
        taken += _after(dialled, [s.at for s in lab.seen(extension, "INVITE")])
    return taken


def from_the_refusal(lab: Lab) -> list[float]:
    """Milliseconds from each refusal of a first member to the INVITE of the second."""
    taken = []
    for first, second in REFUSED.values():
        refused = [seen.at for seen in lab.seen(first, f"REJECT {BUSY}")]
        taken += _after(refused, [seen.at for seen in lab.seen(second, "INVITE")])
    return taken


def _after(begun: Sequence[float], ended: Sequence[float]) -> list[float]:
    return [(min(end for end in ended if end >= at) - at) * MS for at in begun]


def told(values: Sequence[float]) -> dict[str, float]:
    """Median and the 90th of 100."""
    ordered = sorted(values)
    return {"median": statistics.median(ordered), "p90": ordered[int(0.9 * (len(ordered) - 1))], "of": len(ordered)}


async def measure(pbx: Pbx, daemon: Daemon, options: argparse.Namespace) -> dict[str, object]:
    """Register the phones, and have all calls."""
    lab = await Lab.start(pbx.sip, DOMAIN, pbx.ports.lab)
    try:
        phones = sorted({each for extensions in (*PLAIN.values(), *REFUSED.values()) for each in extensions})
        await lab.register(*phones)
        for phone in phones:
            lab.behave(phone, answer_after=0.02, hangup_after=TALK_SECONDS)
        for first, _ in REFUSED.values():
            lab.behave(first, reject=BUSY)
        await load(lab, list(PLAIN), options.rate, WARM_UP, "first")
        assert daemon.process is not None
        before = cpu_seconds(daemon.process.pid)
        await load(lab, list(PLAIN), options.rate, options.calls, "plain")
        cost = (cpu_seconds(daemon.process.pid) - before) * MS / options.calls
        await load(lab, list(REFUSED), options.rate / 2, options.calls // 2, "refused")
        return {
            "CPU ms a hunt": cost,
            "pilot INVITE to member INVITE, ms": told(from_the_dial(lab, "plain")),
            "refusal to next INVITE, ms": told(from_the_refusal(lab)),
        }
    finally:
        await lab.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench-live", description=__doc__)
    parser.add_argument("--rate", type=float, default=8.0, help="calls a second (default 8)")
    parser.add_argument("--calls", type=int, default=120, help="how many (default 120)")
    options = parser.parse_args(arguments)
    found = find_freeswitch()
    if isinstance(found, str):
        sys.exit(found)
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as name:
        pbx = Pbx(found, Path(name) / "pbx", Ports.choose())
        daemon = Daemon(Path(name), pbx.ports.addresses)
        try:
            pbx.start()
            daemon.run("db", "upgrade")
            make_groups(daemon)
            daemon.watch(pbx)
            daemon.start()
            print(json.dumps(asyncio.run(measure(pbx, daemon, options)), indent=2))
        finally:
            daemon.stop()
            pbx.stop()


if __name__ == "__main__":
    main()
