"""``systemctl restart`` (SIGTERM, then a new process) while thirty hunts a second begin."""

from __future__ import annotations

import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
import pytest

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.faults.evidence import Run, read_hunts, read_switches
from tests.faults.invariants import check
from tests.support.fault_office import WAIT_SECONDS, Office, phones, switch_to, until, watched
from tests.support.processes import FshuntProcess

pytestmark = pytest.mark.faults

HUNTS_A_SECOND = 30
READY_SECONDS = 2.0
"""From SIGTERM until calls are taken again. The best of the restarts of a test counts: others share the machine."""
RESTARTS = 3
PILOTS = [f"500{number}" for number in range(5)]
MEMBERS_EACH = 9
TALK_SECONDS = 1.0


class Restarted:
    """One daemon that is restarted, and a switch whose callers keep coming."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path) -> None:
        self.folder = folder
        self.office, self.daemon = office, FshuntProcess(office.url, "first")
        processes.append(self.daemon)
        self.policy_input: list[Any] = []
        self.calls: list[Any] = []
        self.ready: list[float] = []
        self.interrupted: set[str] = set()
        self.switch: SimulatedSwitch

    def start(self, *standby: FshuntProcess) -> None:
        self.switch = switch_to([self.daemon, *standby], voicemail_seconds=0.5)
        self.switch.watch(self.policy_input.append)
        for pilot in PILOTS:
            members = [f"1{pilot[-1]}{number:02}" for number in range(MEMBERS_EACH)]
            self.office.group(pilot, *members, policy="round-robin")
            phones(self.switch, *members, behaviour=answers(0.1))
        self.daemon.settings |= watched(self.folder, self.switch)
        self.daemon.start()

    def hunt_and_restart(self) -> None:
        """Place calls all the time; restart, and again when some more calls have come."""
        restarting = gevent.spawn(self._restarts)
        number, began = 0, time.monotonic()
        while not restarting.dead:
            gevent.sleep(max(0.0, began + number / HUNTS_A_SECOND - time.monotonic()))
            call = self.switch.call(PILOTS[number % len(PILOTS)], caller=SimulatedCaller(talk_for=TALK_SECONDS))
            call.means_to_talk = TALK_SECONDS
            self.calls.append(call)
            number += 1
        restarting.get()
        for call in self.calls:
            assert call.join(WAIT_SECONDS), "a caller is lost"

    def _restarts(self) -> None:
        for _ in range(RESTARTS):
            gevent.sleep(1.5)  # so that there are hunts in every state
            self.interrupted |= set(self.switch.calls)
            began = time.monotonic()
            self.daemon.terminate()
            self.daemon.start()
            self.ready.append(time.monotonic() - began)
            self.interrupted |= {call.uuid for call in self.calls if call.uuid in self.switch.calls}
        gevent.sleep(1.0)

    def holds(self) -> None:
        """No call was cut, no member was rung twice, and every caller has one end."""
        until(lambda: self.office.unfinished() == 0, "every hunt is closed in the records")
        seen = read_switches(
            self.calls, self.switch.registrations.all_phones(), self.policy_input, self.switch.clock.now()
        )
        run = Run(**read_hunts(self.office.url), **seen, interrupted=frozenset(self.interrupted))
        run.claims_left = 0  # a call that continues keeps its claim until its run is presumed dead
        problems = check(run)
        assert not problems, f"{len(problems)} problems, the first: {problems[0]}"
        assert min(self.ready) < READY_SECONDS, self.ready

    def kinds(self) -> Counter[str]:
        return Counter(call.ending.kind for call in self.calls)


@pytest.fixture
def restarted(office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Restarted:
    return Restarted(office, processes, tmp_path)


@pytest.mark.load
def test_a_restart_with_systemds_socket_refuses_no_caller(restarted: Restarted) -> None:
    with socket.create_server(restarted.daemon.address, backlog=1024) as kept:
        restarted.daemon.socket = kept
        restarted.start()
        restarted.hunt_and_restart()
        restarted.holds()
        refused = [fact for fact in restarted.policy_input if fact.what in ("controller refuses", "no controller")]
    assert refused == [], "new callers waited for the new process"
    assert set(restarted.kinds()) <= {"answered", "voicemail"}, restarted.kinds()


@pytest.mark.load
def test_a_restart_without_it_sends_callers_to_the_fallback(restarted: Restarted) -> None:
    restarted.start()
    restarted.hunt_and_restart()
    restarted.interrupted |= {call.uuid for call in restarted.calls if call.ending.kind == "fallback-voicemail"}
    restarted.holds()
    assert restarted.kinds()["fallback-voicemail"] > 0
    assert set(restarted.kinds()) <= {"answered", "voicemail", "fallback-voicemail"}, restarted.kinds()


@pytest.mark.load
def test_a_restart_beside_a_standby_sends_no_caller_to_the_fallback(
    pg_office: Office, processes: list[FshuntProcess], tmp_path: Path
) -> None:
    restarted = Restarted(pg_office, processes, tmp_path)
    standby = FshuntProcess(pg_office.url, "second")
    processes.append(standby)
    standby.start()
    restarted.start(standby)
    restarted.hunt_and_restart()
    restarted.holds()
    assert set(restarted.kinds()) <= {"answered", "voicemail"}, restarted.kinds()
