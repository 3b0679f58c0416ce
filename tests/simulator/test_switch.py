"""What the simulated switch does when controllers fail, and the traps of the real one that it has too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.clock import VirtualClock
from fshunt.simulator.core.phones import RINGS, Behaviour, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.dialplan.routing import Action
from fshunt.simulator.switch import SimulatedSwitch
from tests.simulator.controllers import REAL_SECONDS, Controller

EVENTS = "event plain CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE"
NO_RESUME: tuple[Action, ...] = (("set", "continue_on_fail=true"), ("set", "hangup_after_bridge=true"))


@pytest.fixture
def made(clock: VirtualClock, controller: Controller) -> Callable[..., SimulatedSwitch]:
    """A switch that dials the controller, and settles with it before time moves."""

    def make(actions: Sequence[Action] | None = None, others: Sequence[tuple[str, int]] = ()) -> SimulatedSwitch:
        switch = SimulatedSwitch([*others, controller.address], clock=clock, pilot_actions=actions, fallback_box="1999")
        clock.settled = lambda: controller.settled(switch)
        return switch

    return make


def greet(controller: Controller, call: SimulatedCall, *commands: str) -> None:
    for command in ("connect", "linger 2", f"filter Unique-ID {call.uuid}", EVENTS, *commands):
        controller.send(command)


def ending(call: SimulatedCall) -> tuple[str, str]:
    assert call.join(REAL_SECONDS)
    return call.ending.kind, call.ending.who


def refused_address() -> tuple[str, int]:
    with Controller() as gone:
        return gone.address


def socket_to(controller: Controller) -> Action:
    return ("socket", f"127.0.0.1:{controller.address[1]} async full")


def test_a_controller_that_refuses_is_passed_over(made: Callable[..., SimulatedSwitch], controller: Controller) -> None:
    call = made(others=[refused_address()]).call("5000")
    greet(controller, call)
    controller.execute("hangup", "USER_BUSY")
    assert ending(call) == ("rejected", "")
    assert call.ending.cause == "USER_BUSY"


def test_without_any_controller_the_caller_gets_voicemail(clock: VirtualClock) -> None:
    switch = SimulatedSwitch([refused_address()], clock=clock, fallback_box="1999")
    assert ending(switch.call("5000")) == ("fallback-voicemail", "1999")


def test_a_controller_lost_while_ringing_stops_the_phones_and_the_next_action_runs(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made()
    phone = switch.phone("1001")
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "[leg_timeout=60]user/1001@office.test")
    switch.clock.sleep(1)
    controller.close()
    assert ending(call) == ("fallback-voicemail", "1999")
    assert phone.rings[0].outcome == "cancelled"


def test_a_controller_lost_during_a_call_does_not_end_the_call(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made()
    phone = switch.phone("1001", answers(0.5, talks=30))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test")
    controller.until_event("CHANNEL_BRIDGE")
    controller.close()
    assert ending(call) == ("answered", "1001")
    assert call.ending.seconds > 30
    assert phone.rings[0].outcome == "answered"


def test_with_resume_left_on_a_lost_controller_cuts_the_call(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made([*NO_RESUME, ("set", "socket_resume=true"), socket_to(controller), ("hangup", "")])
    switch.phone("1001", answers(0.5, talks=30))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test")
    controller.until_event("CHANNEL_BRIDGE")
    controller.close()
    assert ending(call) == ("answered", "1001")
    assert call.ending.seconds < 2


def test_without_resume_a_controller_that_never_connects_leaves_the_caller_stuck(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made([*NO_RESUME, socket_to(controller), ("voicemail", "default office.test 1999")])
    call = switch.call("5000", caller=SimulatedCaller(give_up_after=500))
    assert controller.accepted.wait(REAL_SECONDS)
    controller.close()
    assert ending(call) == ("stuck", "")
    assert call.ending.seconds > 499


def test_with_the_recipe_a_controller_that_is_silent_loses_the_call_after_25_seconds(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    call = made().call("5000")
    assert ending(call) == ("fallback-voicemail", "1999")
    assert 25 < call.ending.seconds < 35


def test_a_call_that_was_answered_and_has_ended_never_comes_to_voicemail(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made()
    switch.phone("1001", answers(0.5, talks=1))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test")
    assert ending(call) == ("answered", "1001")
    assert not switch.messages


@pytest.mark.parametrize(("lock", "rang"), [(True, 1), (False, 2)])
def test_only_the_event_lock_keeps_a_second_bridge_out_of_the_first(
    made: Callable[..., SimulatedSwitch], controller: Controller, lock: bool, rang: int
) -> None:
    switch = made()
    phones = [switch.phone("1001"), switch.phone("1002")]
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test", "one", lock=lock)
    controller.execute("bridge", "user/1002@office.test", "two", lock=lock)
    switch.clock.sleep(1)
    assert sum(ring.outcome == "ringing" for phone in phones for ring in phone.rings) == rang
    call.hang_up()
    assert call.join(REAL_SECONDS)


def test_one_phone_of_each_extension_rings_in_a_forked_dial_by_user(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made()
    desk, soft, other = switch.phone("1001"), switch.phone("1001"), switch.phone("1002", answers(0.5, talks=1))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test,user/1002@office.test")
    assert ending(call) == ("answered", "1002")
    assert [len(phone.rings) for phone in (desk, soft, other)] == [1, 0, 1]
    assert not desk.rings[0].missed


def test_early_media_wins_where_it_is_not_ignored(made: Callable[..., SimulatedSwitch], controller: Controller) -> None:
    switch = made()
    switch.phone("1001", Behaviour(progress=183, answer_after=3, hangup_after=1))
    loser = switch.phone("1002", answers(1))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test,user/1002@office.test")
    assert ending(call) == ("answered", "1001")
    assert loser.rings[0].outcome == "cancelled"


@pytest.mark.parametrize(
    ("dialled", "cause"),
    [
        ("user/1009@office.test", "USER_NOT_REGISTERED"),
        ("user/1555@office.test", "SUBSCRIBER_ABSENT"),
        ("sofia/gateway/nobody/415", "INVALID_GATEWAY"),
        ("sofia/gateway/carrier/415", "UNALLOCATED_NUMBER"),
        ("sofia/external/sip:1@x", "INVALID_PROFILE"),
        ("sofia/internal/sip:1001@127.0.0.1:9", "NORMAL_TEMPORARY_FAILURE"),
        ("loopback/1001", "CHAN_NOT_IMPLEMENTED"),
    ],
)
def test_what_cannot_be_rung_fails_with_its_own_cause(
    made: Callable[..., SimulatedSwitch], controller: Controller, dialled: str, cause: str
) -> None:
    switch = made()
    switch.user("1009")
    switch.gateway("carrier")
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", dialled, "one")
    done = controller.until_event("CHANNEL_EXECUTE_COMPLETE", Application_UUID="one")
    assert done.get("variable_originate_disposition") == cause
    call.hang_up()
    assert call.join(REAL_SECONDS)


def test_without_continue_on_fail_a_busy_member_ends_the_callers_call(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made([socket_to(controller), ("voicemail", "default office.test 1999")])
    switch.phone("1001", refuses(486))
    call = switch.call("5000")
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test")
    assert ending(call) == ("rejected", "")
    assert call.ending.cause == "USER_BUSY"


def test_a_controller_without_a_filter_hears_other_peoples_calls(
    made: Callable[..., SimulatedSwitch], controller: Controller
) -> None:
    switch = made()
    switch.phone("1001", answers(0.2, talks=1))
    call = switch.call("5000")
    controller.send("connect")
    controller.send(EVENTS)
    controller.until_replies(2)
    other = switch.call("1001")
    assert other.join(REAL_SECONDS)
    controller.until_event("CHANNEL_HANGUP_COMPLETE", Unique_ID=other.uuid)
    call.hang_up()
    assert call.join(REAL_SECONDS)


def test_what_is_expanded_in_an_argument_is_noted(made: Callable[..., SimulatedSwitch], controller: Controller) -> None:
    call = made().call("5000")
    greet(controller, call)
    controller.execute("set", "x=${uuid}", "one")
    done = controller.until_event("CHANNEL_EXECUTE_COMPLETE", Application_UUID="one")
    assert done.get("variable_x") == call.uuid
    assert call.expanded == ["${uuid}"]
    call.hang_up()
    assert call.join(REAL_SECONDS)


def test_a_busy_phone_refuses_a_second_call(made: Callable[..., SimulatedSwitch], controller: Controller) -> None:
    switch = made()
    switch.phone("1001", answers(0.1, talks=50))
    first = switch.call("1001")
    switch.clock.sleep(1)
    second = switch.call("1001")
    assert ending(second) == ("rejected", "")
    assert second.ending.cause == "USER_BUSY"
    first.hang_up()
    assert first.join(REAL_SECONDS)


def test_nothing_is_left_after_the_last_call(made: Callable[..., SimulatedSwitch], controller: Controller) -> None:
    switch = made()
    switch.phone("1001", RINGS)
    call = switch.call("5000", caller=SimulatedCaller(give_up_after=1))
    greet(controller, call)
    controller.execute("bridge", "user/1001@office.test")
    assert ending(call) == ("abandoned", "")
    assert controller.ended.wait(REAL_SECONDS)
    assert not switch.calls
    assert not list(switch.all_channels())
    assert not switch.bus.wanted("CHANNEL_ANSWER", call.uuid)


@pytest.mark.parametrize(("resume", "end"), [("true", ("stuck", "")), ("false", ("answered", "1002"))])
def test_a_controller_that_leaves_after_a_transfer_must_have_switched_resume_off(
    made: Callable[..., SimulatedSwitch], controller: Controller, resume: str, end: tuple[str, str]
) -> None:
    switch = made()
    switch.phone("1002", answers(2, talks=1))
    call = switch.call("5000", caller=SimulatedCaller(give_up_after=100))
    greet(controller, call)
    controller.execute("set", f"socket_resume={resume}")
    controller.execute("transfer", "1002 XML default", "one")
    controller.until_event("CHANNEL_EXECUTE_COMPLETE", Application_UUID="one")
    controller.send("exit")
    assert ending(call) == end


def test_the_shipped_dialplan_has_a_second_try_of_the_controllers(clock: VirtualClock) -> None:
    with Controller() as first, Controller() as second:
        one, two = (f"127.0.0.1:{controller.address[1]} async full" for controller in (first, second))
        actions = [*NO_RESUME, ("set", "socket_resume=true"), ("socket", one), ("socket", two), ("hangup", "")]
        switch = SimulatedSwitch([], clock=clock, pilot_actions=actions)
        clock.settled = lambda: first.accepted.is_set() and (first.ended.is_set() or first.settled(switch))
        call = switch.call("5000")
        greet(first, call)
        first.execute("ring_ready", "", "one")
        first.until_event("CHANNEL_EXECUTE_COMPLETE", Application_UUID="one")
        first.close()
        greet(second, call)
        second.execute("hangup", "USER_BUSY")
        assert ending(call) == ("rejected", "")
        assert call.ending.cause == "USER_BUSY"
