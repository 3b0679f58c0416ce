"""Hundreds of calls at once on two switches: groups of every policy, phones of every kind, callers who leave, members
who are on calls of their own. What is left of it goes to ``invariants``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent

from fshunt.hunting.group import WhenBusy
from fshunt.hunting.ringtime import RingTime
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.clock import RealClock
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone, answers, refuses
from fshunt.simulator.switch import Fact, SimulatedSwitch
from tests.faults.evidence import Run, read_hunts, read_switches
from tests.support.fault_office import Office, switch_to
from tests.support.processes import FshuntProcess

PILOTS: dict[str, dict[str, Any]] = {
    "5000": {"policy": "regular"},
    "5001": {"policy": "circular"},
    "5002": {"policy": "round-robin", "wrap_up_seconds": 0.2},
    "5003": {"policy": "simultaneous"},
    "5004": {"policy": "uniform", "cycles": 2},
    "5005": {"policy": "weighted", "hunt_timeout": 2.0},
    "5006": {"policy": "regular", "when_busy": WhenBusy.QUEUE, "hunt_timeout": 4.0},
    "5007": {"policy": "round-robin", "when_busy": WhenBusy.QUEUE, "hunt_timeout": 4.0},
}
MEMBERS_EACH = 4
RINGS_EACH = 12
TALK_SECONDS = 0.8
MESSAGE_SECONDS = 15.0
"""How long callers speak to voicemail: long enough for hundreds of calls at once."""
LONGEST_SECONDS = 45.0
"""No call may take longer, on any machine: the longest hunts of these groups take six seconds."""

KINDS: list[Callable[[random.Random], Behaviour]] = [
    lambda r: answers(r.uniform(0.05, 0.4)),
    lambda r: answers(r.uniform(0.05, 0.2)),
    lambda _: RINGS,
    lambda _: refuses(486),
    lambda _: refuses(603),
    lambda _: refuses(480),
]


def extension(pilot: str, number: int) -> str:
    """The members of a group: 1000 to 1003 of the first, 1010 to 1013 of the second, ..."""
    return f"10{pilot[-1]}{number}"


@dataclass
class Load:
    """The switches with their phones and all their calls."""

    office: Office
    switches: list[SimulatedSwitch]
    seed: int
    calls: list[Any] = field(default_factory=list)
    policy_input: list[Fact] = field(default_factory=list)
    phones: dict[str, list[Phone]] = field(default_factory=dict)
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def place(self, rate: float, seconds: float, events: dict[float, Callable[[], object]] | None = None) -> None:
        """Place calls at a rate, whatever becomes of those before, and do each of the events at its second."""
        began, due = time.monotonic(), sorted((events or {}).items())
        for number in range(int(rate * seconds)):
            gevent.sleep(max(0.0, began + number / rate - time.monotonic()))
            while due and due[0][0] <= time.monotonic() - began:
                due.pop(0)[1]()
            self._place_one(number)
        for _, action in due:
            action()

    def _place_one(self, number: int) -> None:
        switch = self.switches[number % len(self.switches)]
        members = sorted(self.phones)
        if number % 10 == 7:  # a direct call to a member, or by a member
            who = self.random.choice(members)
            if self.random.random() < 0.5:
                call = switch.call(
                    who, caller=SimulatedCaller(give_up_after=1.0, talk_for=self.random.uniform(0.3, 1.5))
                )
            else:
                caller = SimulatedCaller(give_up_after=1.0, talk_for=self.random.uniform(0.3, 1.0))
                phone = self.phones[who][self.switches.index(switch)]
                call = switch.call_from(phone, self.random.choice(members), caller=caller)
        else:
            leaves = self.random.uniform(0.05, 3.0) if self.random.random() < 0.2 else None
            caller = SimulatedCaller(give_up_after=leaves, talk_for=TALK_SECONDS)
            call = switch.call(self.random.choice(sorted(PILOTS)), caller=caller)
            call.means_to_talk = TALK_SECONDS
        self.calls.append(call)

    def until_over(self) -> None:
        """Wait for the ends of all calls."""
        deadline = time.monotonic() + LONGEST_SECONDS
        for call in self.calls:
            call.join(max(0.0, deadline - time.monotonic()))

    def at_once(self) -> int:
        """How many calls there are now."""
        return sum(len(switch.calls) for switch in self.switches)

    def stories(self, problems: list[str]) -> list[str]:
        """The events on the switches of the calls named in some sentences, to find the cause."""
        text = "\n".join(problems)
        return [
            f"{fact.at:9.3f} {fact.call[:8]} {fact.what} {fact.who} {fact.detail}"
            for fact in self.policy_input
            if fact.call in text
        ]

    def run(self, interrupted: set[str]) -> Run:
        """All its evidence."""
        now = self.switches[0].clock.now()
        phones = [phone for each in self.phones.values() for phone in each]
        seen = read_switches(self.calls, phones, self.policy_input, now)
        return Run(
            **read_hunts(self.office.url),
            **seen,
            interrupted=frozenset(interrupted),
            longest_seconds=LONGEST_SECONDS,
        )


def make_load(office: Office, daemons: list[FshuntProcess], seed: int) -> Load:
    """Groups, and two switches that dial the daemons in opposite orders; each member has a phone at each switch."""
    randomly = random.Random(seed)
    clock = RealClock()
    orders = [daemons, daemons[::-1]]
    switches = [switch_to(order, clock=clock, voicemail_seconds=MESSAGE_SECONDS) for order in orders]
    load = Load(office, switches, seed)
    for switch in switches:
        switch.watch(load.policy_input.append)
    for pilot, fields in PILOTS.items():
        members = [extension(pilot, number) for number in range(MEMBERS_EACH)]
        office.group(pilot, *members, ring_time=RingTime(rings=RINGS_EACH), **fields)
        for number, member in enumerate(members):
            kind = KINDS[0] if number == 0 else randomly.choice(KINDS)
            load.phones[member] = [switch.phone(member, kind(randomly)) for switch in switches]
    return load
