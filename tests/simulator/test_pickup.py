"""The leg ``pickup/KEY``: a place in a ``bridge`` that another call takes (fact 44)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fshunt.simulator.core.clock import VirtualClock
from fshunt.simulator.core.phones import RINGS, Phone, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.core.throttle import Limits
from fshunt.simulator.switch import SimulatedSwitch
from tests.simulator.controllers import REAL_SECONDS, Controller

PLACE = "[origination_uuid=place,leg_timeout=60,api_hangup_hook=hupall LOSE_RACE waits_for k]pickup/k"
FOR_EVER = "[origination_uuid=place]pickup/k"
ELSEWHERE = "Call completed elsewhere"


@pytest.fixture
def switch(clock: VirtualClock, controller: Controller) -> SimulatedSwitch:
    made = SimulatedSwitch([controller.address], clock=clock, fallback_box="1999")
    clock.settled = lambda: controller.settled(made)
    return made


def ring(switch: SimulatedSwitch, controller: Controller, phone: Phone, *places: str) -> SimulatedCall:
    """Have a call ring a phone, and places beside it."""
    call = switch.call("5000")
    events = "event plain CHANNEL_BRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_CREATE"
    for command in ("connect", "linger 2", f"filter Unique-ID {call.uuid}", events):
        controller.send(command)
    controller.execute("set", "continue_on_fail=true")
    controller.execute("bridge", ",".join([f"{{ignore_early_media=true}}sofia/internal/{phone.contact}", *places]))
    switch.clock.sleep(1)
    return call


def take(controller: Controller, phone: Phone) -> None:
    """Have the switch call a phone that takes the place when it is picked up."""
    dialled = f"{{waits_for=k}}[origination_uuid=late]sofia/internal/{phone.contact}"
    controller.send(f"api bgapi originate '{dialled}' set:waits_for=,pickup:k inline")


def test_a_call_that_takes_the_place_has_won_the_race(switch: SimulatedSwitch, controller: Controller) -> None:
    first, late = switch.phone("1001"), switch.phone("1001", answers(2.0, talks=3.0))
    call = ring(switch, controller, first, PLACE)
    take(controller, late)
    assert call.join(REAL_SECONDS)
    assert (call.ending.kind, call.ending.who) == ("answered", "1001")
    assert first.rings[0].outcome == "cancelled"
    assert ELSEWHERE in first.rings[0].reason
    assert late.rings[0].outcome == "answered"
    (bridged,) = [frame for frame in controller.frames if frame.event.get("Event-Name") == "CHANNEL_BRIDGE"]
    assert bridged.event.get("Other-Leg-Unique-ID") == "late"
    assert not list(switch.all_channels())


def test_a_place_with_a_time_of_its_own_stays_when_the_phones_have_ended(
    switch: SimulatedSwitch, controller: Controller
) -> None:
    late = switch.phone("1001", answers(5.0, talks=1.0))
    call = ring(switch, controller, switch.phone("1002", refuses(486)), PLACE)
    take(controller, late)
    assert call.join(REAL_SECONDS)
    assert (call.ending.kind, call.ending.who) == ("answered", "1001")


def test_a_place_without_ends_with_the_last_phone(switch: SimulatedSwitch, controller: Controller) -> None:
    call = ring(switch, controller, switch.phone("1002", refuses(486)), FOR_EVER)
    assert switch.find_channel("place") is None
    controller.execute("hangup", "USER_BUSY")
    assert call.join(REAL_SECONDS)
    assert "place;NO_PICKUP" in call.variables["originate_causes"]


@pytest.mark.parametrize("ends", ["the caller leaves", "the controller is killed", "the place is ended"])
def test_when_the_place_ends_who_would_take_it_stops_without_a_missed_call(
    switch: SimulatedSwitch, controller: Controller, ends: str
) -> None:
    late = switch.phone("1001")
    call = ring(switch, controller, switch.phone("1002"), PLACE)
    take(controller, late)
    switch.clock.sleep(1)
    assert late.rings[0].outcome == "ringing"
    match ends:
        case "the caller leaves":
            call.hang_up()
        case "the controller is killed":
            controller.close()
        case _:
            controller.send("api uuid_kill place NO_ANSWER")
    switch.clock.sleep(1)
    assert (late.rings[0].outcome, late.rings[0].missed) == ("cancelled", False)
    switch.stop()


def test_a_call_that_finds_no_place_is_hung_up(switch: SimulatedSwitch, controller: Controller) -> None:
    late = switch.phone("1001", answers(1.0))
    call = ring(switch, controller, switch.phone("1002"))
    take(controller, late)
    switch.clock.sleep(3)
    assert (late.rings[0].outcome, late.talking, switch.find_channel("late")) == ("answered", 0, None)
    call.hang_up()


def test_a_place_passes_the_limits_and_counts_as_a_session(switch: SimulatedSwitch, controller: Controller) -> None:
    switch.throttle.limit(replace(Limits(), sessions=3))
    call = ring(switch, controller, switch.phone("1001", RINGS), PLACE)
    assert switch.throttle.sessions == 3, "the caller, the phone and the place"
    late = switch.phone("1001")
    take(controller, late)
    switch.clock.sleep(1)
    assert not late.rings, "one more does not pass them"
    call.hang_up()
