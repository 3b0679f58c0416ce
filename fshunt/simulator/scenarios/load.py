"""The switch's side of the benchmark: calls at a rate, calls that are held, and how long the controller took.

The delay is measured here, from the connection being made to the arrival of the first ``bridge``: what a caller waits
for before a phone can ring.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import gevent

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import Behaviour, answers
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.switch import SimulatedSwitch

JOIN_SECONDS = 60.0


@dataclass(slots=True)
class LoadReport:
    """What came of the calls. Times are real seconds."""

    placed: int = 0
    seconds: float = 0.0
    """From the first call to the end of the last."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How the calls ended: answered, voicemail, fallback-voicemail, ..."""
    delays: list[float] = field(default_factory=list)
    """From connection to the first ``bridge``, one for each call that was rung for."""
    unfinished: int = 0

    @property
    def rate(self) -> float:
        """Calls ended in a second."""
        return sum(self.kinds.values()) / self.seconds if self.seconds else 0.0

    def delay(self, part: float) -> float | None:
        """The delay that this part of the calls stayed within: 0.5 for the median, 0.99 for the 99th of 100."""
        if not self.delays:
            return None
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def add_phones(switch: SimulatedSwitch, extensions: Sequence[str], behaviour: Behaviour | None = None) -> None:
    """Registers a phone at each extension; by default picked up at once and held until the caller leaves."""
    for extension in extensions:
        switch.phone(extension, behaviour or answers(0.05), busy_while_talking=False)


def run_load(
    switch: SimulatedSwitch, pilots: Sequence[str], *, rate: float, seconds: float, talk_for: float = 0.2
) -> LoadReport:
    """Places calls to the pilots in turn, so many a second for so long, and waits for the last to end."""
    report, calls, began = LoadReport(), list[SimulatedCall](), time.monotonic()
    for number in range(int(rate * seconds)):
        # Against the clock and not the last call: a slow controller does not slow the callers.
        gevent.sleep(max(0.0, began + number / rate - time.monotonic()))
        calls.append(switch.call(pilots[number % len(pilots)], caller=SimulatedCaller(talk_for=talk_for)))
    _gather(report, calls)
    report.seconds = time.monotonic() - began
    return report


def hold_calls(
    switch: SimulatedSwitch, pilots: Sequence[str], count: int, *, rate: float = 50.0
) -> tuple[list[SimulatedCall], LoadReport]:
    """Places calls that last until they are released, and waits until each is answered or has ended."""
    report, calls, began = LoadReport(), list[SimulatedCall](), time.monotonic()
    for number in range(count):
        gevent.sleep(max(0.0, began + number / rate - time.monotonic()))
        calls.append(switch.call(pilots[number % len(pilots)]))
    deadline = time.monotonic() + JOIN_SECONDS
    for call in calls:
        while not call.talking.is_set() and not call.ended.is_set() and time.monotonic() < deadline:
            call.talking.wait(0.05)
    report.placed, report.seconds = count, time.monotonic() - began
    report.delays = [call.bridge_delay for call in calls if call.bridge_delay is not None]
    report.kinds.update(call.ending.kind for call in calls)
    return calls, report


def release_calls(calls: Sequence[SimulatedCall]) -> LoadReport:
    """The callers of held calls hang up; waits for the ends."""
    report = LoadReport()
    began = time.monotonic()
    for call in calls:
        call.hang_up()
    _gather(report, calls)
    report.seconds = time.monotonic() - began
    return report


def _gather(report: LoadReport, calls: Sequence[SimulatedCall]) -> None:
    deadline = time.monotonic() + JOIN_SECONDS
    report.placed = len(calls)
    for call in calls:
        if call.join(max(0.0, deadline - time.monotonic())):
            report.kinds[call.ending.kind] += 1
        else:
            report.unfinished += 1
    report.delays = [call.bridge_delay for call in calls if call.bridge_delay is not None]
