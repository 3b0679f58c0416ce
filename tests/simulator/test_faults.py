"""The faults work as documented: the tests of controllers rely on them."""

from __future__ import annotations

import pytest

from fshunt.esl.frames import ProtocolError
from fshunt.simulator.core.clock import VirtualClock
from fshunt.simulator.core.faults import CutByte, CutFrame, Delay, Duplicate, Fault, Garbage, Slices, Stranger
from fshunt.simulator.switch import SimulatedSwitch
from tests.simulator.controllers import REAL_SECONDS, Controller

MARK = "CHANNEL_EXECUTE_COMPLETE"


def converse(clock: VirtualClock, controller: Controller, *faults: Fault) -> SimulatedSwitch:
    """connect, four commands and an application: six frames, the last an event."""
    switch = SimulatedSwitch([controller.address], clock=clock)
    clock.settled = lambda: controller.settled(switch)
    call = switch.call("5000", faults=faults)
    for command in ("connect", "linger 2", f"filter Unique-ID {call.uuid}", f"event plain {MARK}"):
        controller.send(command)
    controller.execute("set", "x=1", "one")
    return switch


@pytest.mark.parametrize("after", [0, 1, 700])
def test_a_cut_within_a_frame_ends_the_connection_there(
    clock: VirtualClock, controller: Controller, after: int
) -> None:
    converse(clock, controller, CutFrame(6, after))
    assert controller.ended.wait(REAL_SECONDS)
    assert len(controller.frames) == 5


def test_a_cut_at_a_byte_sends_exactly_the_bytes_before(clock: VirtualClock, controller: Controller) -> None:
    converse(clock, controller, CutByte(6000))
    assert controller.ended.wait(REAL_SECONDS)
    assert controller.bytes_in == 6000


def test_slices_change_nothing_for_a_reader(clock: VirtualClock, controller: Controller) -> None:
    converse(clock, controller, Slices(3))
    assert controller.until_event(MARK, Application_UUID="one").get("variable_x") == "1"


def test_a_delay_holds_back_half_of_a_frame(clock: VirtualClock, controller: Controller) -> None:
    switch = converse(clock, controller, Delay(6, 7.0, after_bytes=100))
    controller.until_event(MARK, Application_UUID="one")
    assert switch.clock.now() >= 7


def test_an_event_can_come_twice(clock: VirtualClock, controller: Controller) -> None:
    converse(clock, controller, Duplicate(MARK))
    controller.until(lambda: controller.events().count(MARK) == 2)


def test_another_calls_end_can_come(clock: VirtualClock, controller: Controller) -> None:
    switch = converse(clock, controller, Stranger(5))
    stranger = controller.until_event("CHANNEL_HANGUP_COMPLETE")
    assert stranger.get("Unique-ID") not in switch.calls


def test_garbage_is_no_frame(clock: VirtualClock, controller: Controller) -> None:
    converse(clock, controller, Garbage(5))
    assert controller.ended.wait(REAL_SECONDS)
    assert isinstance(controller.error, ProtocolError)
