"""The load driver counts correctly."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer

from fshunt.simulator.core.clock import RealClock
from fshunt.simulator.scenarios.load import LoadReport, add_phones, hold_calls, release_calls, run_load
from fshunt.simulator.switch import SimulatedSwitch

BRIDGE = (
    "connect\n\nlinger 1\n\nmyevents\n\nsendmsg\ncall-command: execute\nexecute-app-name: bridge\n"
    "execute-app-arg: user/1001@office.test\n\n"
)


def serve(connection: socket.socket, _peer: object) -> None:
    """The plainest controller there is."""
    connection.sendall(BRIDGE.encode())
    while connection.recv(65536):
        pass


@pytest.fixture
def switch() -> Iterator[SimulatedSwitch]:
    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    made = SimulatedSwitch([server.address], clock=RealClock(speed=20))
    add_phones(made, ["1001"])
    yield made
    server.stop()


def test_calls_at_a_rate_are_counted_and_timed(switch: SimulatedSwitch) -> None:
    report = run_load(switch, ["5000"], rate=50, seconds=0.2)
    assert (report.placed, report.kinds, report.unfinished) == (10, {"answered": 10}, 0)
    assert len(report.delays) == 10
    assert all(delay >= 0 for delay in report.delays)


def test_held_calls_stay_until_they_are_released(switch: SimulatedSwitch) -> None:
    calls, report = hold_calls(switch, ["5000"], 5, rate=100)
    assert report.kinds == {"answered": 5}
    gevent.sleep(0)
    assert len(switch.calls) == 5
    assert release_calls(calls).kinds == {"answered": 5}
    assert not switch.calls


def test_percentiles_are_taken_from_the_ordered_delays() -> None:
    report = LoadReport(delays=[0.4, 0.1, 0.3, 0.2])
    assert (report.delay(0.0), report.delay(0.5), report.delay(0.99)) == (0.1, 0.3, 0.4)
    assert LoadReport().delay(0.5) is None
