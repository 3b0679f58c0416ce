"""The load on one controller, from several processes: what it costs the controller, and what callers see of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import tape
from tests.benchmarks.contenders import MS, PILOTS, TALK_SECONDS, Contender, cpu_seconds

PROCESSES = 2
HOLD_RATE = 50.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load came to."""

    hunts: int
    finished: int
    rate: float
    """Hunts that ended in a second."""
    cpu_ms: float
    """Of the controller, for each hunt."""
    cores: float
    """Of the controller: CPU seconds in a second. At 1 a controller of one thread can do no more."""
    load_cores: float
    """Of the busiest process of the load: below 1 the load was no limit."""
    p50: float | None
    """Milliseconds from the connection to the first command that rings, for half of the hunts."""
    p99: float | None
    unknown: dict[str, int]
    """Commands that are not on the tape: there must be none."""


class Driver:
    """The processes that play a tape to one controller."""

    def __init__(self, contender: Contender, processes: list[subprocess.Popen[str]]) -> None:
        self.contender = contender
        self._processes = processes

    def load(self, rate: float, seconds: float) -> Loaded:
        """So many hunts a second for so long."""
        share = rate / len(self._processes)
        return self._loaded({"order": "load", "rate": share, "seconds": seconds, "talk_for": TALK_SECONDS})

    def saturate(self, at_once: int, seconds: float) -> Loaded:
        """As many hunts as the controller can do, so many at a time."""
        share = max(1, at_once // len(self._processes))
        return self._loaded({"order": "saturate", "at_once": share, "seconds": seconds, "talk_for": TALK_SECONDS})

    def kb_a_held_call(self, calls: int) -> float:
        """What the controller's memory grows by, for each call that is held."""
        before = self.contender.memory_kb()
        self._order({"order": "hold", "count": calls // len(self._processes), "rate": HOLD_RATE / len(self._processes)})
        grown = self.contender.memory_kb() - before
        self._order({"order": "release"})
        return grown / calls

    def _loaded(self, order: dict[str, Any]) -> Loaded:
        own = [each.pid for each in self._processes]
        before, own_before = self.contender.cpu_seconds(), [cpu_seconds(pid) for pid in own]
        reports = self._order(order)
        used = self.contender.cpu_seconds() - before
        seconds = max(report["seconds"] for report in reports) or math.inf  # nothing finished
        busiest = max(cpu_seconds(pid) - was for pid, was in zip(own, own_before, strict=True))
        delays = sorted(delay for report in reports for delay in report["delays"])
        hunts, finished = (sum(report[name] for report in reports) for name in ("placed", "finished"))
        unknown: dict[str, int] = {}
        for report in reports:
            unknown |= report["unknown"]
        return Loaded(
            hunts,
            finished,
            finished / seconds,
            used * MS / max(1, hunts),
            used / seconds,
            busiest / seconds,
            _part(delays, 0.5),
            _part(delays, 0.99),
            unknown,
        )

    def _order(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        for each in self._processes:
            assert each.stdin is not None
            each.stdin.write(json.dumps(order) + "\n")
            each.stdin.flush()
        return [json.loads(each.stdout.readline()) for each in self._processes if each.stdout is not None]


def _part(ordered: list[float], part: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * MS if ordered else None


@contextmanager
def driving(
    contender: Contender, taped: list[tape.Item], folder: Path, *, pilots: int = PILOTS, processes: int = PROCESSES
) -> Iterator[Driver]:
    """Drive a controller with a tape of it, at the first pilots of its groups, until the end."""
    path = folder / f"{contender.name.replace(' ', '-')}-{contender.port}.tape"
    tape.save(path, taped)
    command = [sys.executable, "-m", "tests.benchmarks.light_load", str(path), str(contender.port)]
    started = [
        subprocess.Popen(
            [*command, str(number), str(processes), str(pilots)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    try:
        yield Driver(contender, started)
    finally:
        for each in started:
            each.kill()
            each.wait()
