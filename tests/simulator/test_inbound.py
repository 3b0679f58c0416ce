"""The event socket of the simulated switch, as a monitor uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent import socket

from fshunt.esl.inbound import Inbound, LoginRefused, SwitchLost
from fshunt.freeswitch.phones import PhoneState, PhoneTable, watch
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.faults import Slices
from fshunt.simulator.core.phones import RINGS, answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.waiting import WAIT_SECONDS

PASSWORD = "not-the-default"


class Watched:
    """A simulated switch, a monitor's connection to it, and its state."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self.switch = switch
        self.inbound = connect(switch)
        self.table = PhoneTable()
        watch(self.inbound, self.table)
        self.ended: list[str] = []

    def until(self, holds: Callable[[], bool]) -> None:
        """Reads events until something is so."""
        with gevent.Timeout(WAIT_SECONDS):
            while not holds():
                event = self.inbound.next_event()
                assert event is not None
                self.ended += self.table.on_event(event).ended

    def state(self, user: str) -> PhoneState | None:
        calls = self.table.calls_of(f"{user}@office.test")
        return calls[0].state if calls else None


def connect(switch: SimulatedSwitch, password: str = PASSWORD) -> Inbound:
    assert switch.inbound is not None
    return Inbound.connect(
        "127.0.0.1", switch.inbound.port, password, WAIT_SECONDS, create_connection=socket.create_connection
    )


@pytest.fixture
def switch() -> Iterator[SimulatedSwitch]:
    made = SimulatedSwitch([])
    made.serve_inbound(PASSWORD)
    yield made
    made.stop()
    made.close_inbound()


@pytest.fixture
def watched(switch: SimulatedSwitch) -> Iterator[Watched]:
    switch.phone("1001", RINGS)
    switch.phone("1002", answers(0.01))
    made = Watched(switch)
    yield made
    made.inbound.close()


def test_a_wrong_password_is_refused_in_a_sentence_that_does_not_hold_it(switch: SimulatedSwitch) -> None:
    with pytest.raises(LoginRefused, match=r"127\.0\.0\.1.*password") as raised:
        connect(switch, "secret-of-somebody")
    assert "secret-of-somebody" not in f"{raised.value!r}{raised.value}"


def test_the_start_state_names_the_phones_that_are_registered(watched: Watched) -> None:
    assert watched.table.registrations == 2
    assert watched.table.is_registered("1001", "OFFICE.test")
    assert watched.table.is_registered("1002", "office.test")
    assert not watched.table.is_registered("1003", "office.test")


def test_a_direct_call_rings_and_then_both_ends_are_on_a_call(watched: Watched) -> None:
    call = watched.switch.call("1001", "1002")
    watched.until(lambda: watched.state("1001") is PhoneState.RINGING)
    assert watched.state("1002") is PhoneState.TALKING  # a dialling phone is in use
    (ringing,) = watched.table.calls_of("1001@office.test")
    assert ringing.other == "1002"
    call.hang_up()
    watched.until(lambda: watched.table.channels == 0)
    assert watched.state("1001") is watched.state("1002") is None
    assert set(watched.ended) == {call.uuid, ringing.uuid}


def test_an_answered_member_is_on_a_call_until_its_end(watched: Watched) -> None:
    call = watched.switch.call("1002", caller=SimulatedCaller(talk_for=0.05))
    watched.until(lambda: watched.state("1002") is PhoneState.TALKING)
    (talking,) = watched.table.calls_of("1002@office.test")
    assert watched.table.is_answered(talking.uuid)
    watched.until(lambda: watched.table.channels == 0)
    assert set(watched.ended) == {call.uuid, talking.uuid}


def test_a_phone_that_dials_out_is_on_the_phone_and_busy_meanwhile(watched: Watched) -> None:
    (phone,) = watched.switch.registrations.phones_of("1001", "office.test")
    call = watched.switch.call_from(phone, "1002")
    watched.until(lambda: watched.state("1001") is PhoneState.TALKING)
    assert phone.talking == 1
    assert phone.next_behaviour().reject == 486
    call.hang_up()
    watched.until(lambda: watched.state("1001") is None)
    assert call.join(WAIT_SECONDS)
    assert phone.talking == 0


def test_a_start_state_in_the_midst_of_a_call_is_the_same(watched: Watched) -> None:
    watched.switch.call("1002", "1001")
    watched.until(lambda: watched.state("1002") is PhoneState.TALKING)
    later = Watched(watched.switch)
    assert later.state("1002") is later.state("1001") is PhoneState.TALKING
    assert later.table.channels == watched.table.channels == 2
    later.inbound.close()


@pytest.mark.parametrize("expired", [False, True])
def test_a_phone_that_unregisters_or_expires_is_not_registered(watched: Watched, expired: bool) -> None:
    (phone,) = watched.switch.registrations.phones_of("1001", "office.test")
    watched.switch.registrations.unregister(phone, expired=expired)
    watched.until(lambda: not watched.table.is_registered("1001", "office.test"))
    watched.switch.registrations.register(phone)
    watched.until(lambda: watched.table.is_registered("1001", "office.test"))


def test_a_second_phone_keeps_the_extension_registered(watched: Watched) -> None:
    second = watched.switch.phone("1001")
    watched.until(lambda: watched.table.registrations == 3)
    watched.switch.registrations.unregister(second)
    watched.until(lambda: watched.table.registrations == 2)
    assert watched.table.is_registered("1001", "office.test")


def test_a_cut_connection_is_reported_and_a_new_one_finds_the_state(watched: Watched) -> None:
    watched.switch.call("1002", "1001")
    watched.until(lambda: watched.state("1002") is PhoneState.TALKING)
    watched.switch.drop_inbound()
    with pytest.raises(SwitchLost):
        watched.until(lambda: False)
    assert Watched(watched.switch).state("1002") is PhoneState.TALKING


def test_a_switch_that_was_stopped_refuses_and_comes_back_at_its_port(switch: SimulatedSwitch) -> None:
    assert switch.inbound is not None
    port = switch.inbound.port
    switch.close_inbound()
    with pytest.raises(SwitchLost, match="cannot be reached"):
        connect(switch)
    assert switch.serve_inbound(PASSWORD, port) == port
    connect(switch).close()


def test_in_slices_it_gives_the_same(switch: SimulatedSwitch) -> None:
    switch.inbound_faults.append(Slices(7))
    switch.phone("1001", RINGS)
    watched = Watched(switch)
    switch.call("1001", "1002")
    watched.until(lambda: watched.state("1001") is PhoneState.RINGING)
    watched.inbound.close()


def test_no_event_is_sent_before_the_password(switch: SimulatedSwitch) -> None:
    assert switch.inbound is not None
    stranger = socket.create_connection(("127.0.0.1", switch.inbound.port))
    stranger.settimeout(WAIT_SECONDS)
    stranger.sendall(b"api show channels as json\n\nexit\n\n")
    said = b""
    while data := stranger.recv(65536):
        said += data
    assert b"row_count" not in said
    assert b"-ERR command not found" in said
    stranger.close()
