"""A queued caller asks to be called back, and a call in the caller's place is hunted for (design, section 20)."""

from __future__ import annotations

from typing import Any

import pytest

from fshunt.daemon.call.queue_keys import KEYS_AFTER_SECONDS
from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Request
from fshunt.freeswitch.callbacks import SERVES
from fshunt.freeswitch.feature_tones import REFUSED_TONE
from fshunt.hunting.callbacks import CallbackState
from fshunt.services import groups
from fshunt.simulator.core.headers import SWITCH_NAME
from fshunt.simulator.core.simulated_call import SimulatedCall
from tests.daemon.test_kind_queue import hears, sounds
from tests.daemon.test_queueing import STAYS, are_queued, busy_with_a_caller, hunts_of, waits
from tests.support.rig import DOMAIN, Rig, end_service

PROMPT = "ivr/ivr-we_will_return_your_call_at_this_number.wav"


@pytest.fixture
def office(watched_rig: Rig) -> Rig:
    """A group that calls back, whose only member is busy; nobody makes the calls but the test."""
    end_service(watched_rig.daemon, "callbacks")
    waits(watched_rig, "1001", answer_first=True, callback=True)
    return watched_rig


def requests(rig: Rig) -> list[Request]:
    with rig.store.reading() as s:
        return callbacks.open_requests(s)


def queued(rig: Rig, count: int = 1, **more: Any) -> SimulatedCall:
    call = rig.switch.call("5000", **{"login": "1002", **more})
    are_queued(rig, count)
    return call


def press_2(rig: Rig, call: SimulatedCall) -> None:
    """Press it once the daemon listens."""

    def listens() -> bool:
        received = [] if call.listener is None else call.listener.received
        return call.channel.answered and any("event plain DTMF" in each for each in received)

    rig.until(listens, "the daemon hears keys")
    now = rig.daemon.deps.monotonic()
    rig.pass_time_until(lambda: rig.daemon.deps.monotonic() > now + KEYS_AFTER_SECONDS, "keys count")
    call.press("2")


def place(rig: Rig, request: Request, attempt: str, number: str = "1002") -> SimulatedCall:
    """Make the call in the place of the caller, as FreeSWITCH brings its far side to the pilot."""
    with rig.store.writing() as s:
        assert callbacks.begin(s, request.id, attempt, run_id="run", switch=SWITCH_NAME)
    return come(rig, request, attempt, number)


def come(rig: Rig, request: Request, attempt: str, number: str = "1002") -> SimulatedCall:
    call: SimulatedCall = rig.switch.call("5000", number, number, variables={SERVES: f"{request.id}:{attempt}"})
    return call


def test_who_presses_2_is_told_and_hung_up_and_the_place_is_kept(office: Rig) -> None:
    first = busy_with_a_caller(office)
    second = queued(office)
    press_2(office, second)
    record = office.closed(second)
    assert (record.result, record.reason) == ("callback", "asked to be called back")
    assert second.join(10)
    assert PROMPT in sounds(second)
    (found,) = requests(office)
    assert (found.number, found.internal, found.state) == ("1002", True, CallbackState.WAITING)
    assert (found.hunt_id, found.switch, found.domain, found.pilot) == (record.id, SWITCH_NAME, DOMAIN, "5000")
    office.until(lambda: len(office.daemon.deps.queue) == 0, "the place is in the request alone")
    first.hang_up()


@pytest.mark.parametrize("login", [None, "1002"])
def test_who_may_not_be_called_back_hears_it_and_waits_on(office: Rig, login: str | None) -> None:
    first = busy_with_a_caller(office)
    second = queued(office, login=login, variables={"requested_domain_name": "other.test"})
    press_2(office, second)
    hears(office, second, REFUSED_TONE)
    assert requests(office) == []
    are_queued(office, 1)
    first.hang_up()
    assert second.talking.wait(10)
    second.hang_up()


def test_without_the_option_2_does_nothing(office: Rig) -> None:
    with office.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", callback=False)
    first = busy_with_a_caller(office)
    second = queued(office)
    second.press("2")
    first.hang_up()
    assert second.talking.wait(10)
    assert requests(office) == []
    assert REFUSED_TONE not in sounds(second)
    second.hang_up()


def test_a_second_request_of_a_number_has_the_place_of_the_first(office: Rig) -> None:
    first = busy_with_a_caller(office)
    tickets = []
    for _ in range(2):
        second = queued(office)
        press_2(office, second)
        assert office.closed(second).result == "callback"
        tickets += [each.ticket for each in requests(office)]
        office.until(lambda: len(office.daemon.deps.queue) == 0, "the place is in the request alone")
    assert tickets == [tickets[0]] * 2
    first.hang_up()


def test_the_call_in_the_place_goes_before_those_who_came_later(office: Rig) -> None:
    first = busy_with_a_caller(office, then=STAYS)
    asks = queued(office)
    third = queued(office, 2, login=None)
    press_2(office, asks)
    office.closed(asks)
    (request,) = requests(office)
    served = place(office, request, "a-1")
    are_queued(office, 2)
    first.hang_up()
    assert served.talking.wait(10)
    assert not third.talking.is_set()
    office.until(lambda: not served.variables.get(SERVES), "what follows is a call like any other")
    served.hang_up()
    record = office.closed(served)
    assert (record.result, record.answered_by) == ("answered", "1001")
    assert record.reason == f"callback of call {request.hunt_id}"
    third.hang_up()


@pytest.mark.parametrize("serves", ["999:a-1", "{id}:a-2"])
def test_a_call_that_serves_no_request_rings_nobody(office: Rig, serves: str) -> None:
    first = busy_with_a_caller(office)
    asks = queued(office)
    press_2(office, asks)
    office.closed(asks)
    (request,) = requests(office)
    with office.store.writing() as s:
        callbacks.begin(s, request.id, "a-1", run_id="run", switch=SWITCH_NAME)
    first.hang_up()
    served = office.switch.call("5000", variables={SERVES: serves.format(id=request.id)})
    assert served.join(10)
    assert not served.ending.rang
    (found,) = requests(office)
    assert found.state is CallbackState.CALLING_MEMBER


def test_a_call_in_the_place_that_finds_nobody_is_no_missed_call(office: Rig) -> None:
    first = busy_with_a_caller(office)
    asks = queued(office)
    press_2(office, asks)
    office.closed(asks)
    (request,) = requests(office)
    served = place(office, request, "a-1")
    with office.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", enabled=False)
    first.hang_up()
    record = office.closed(served)
    assert record.result == "callback"
    assert served.ending.kind == "rejected"


def test_a_stop_while_the_call_in_the_place_waits_leaves_no_missed_call(office: Rig) -> None:
    first = busy_with_a_caller(office, then=STAYS)
    asks = queued(office)
    press_2(office, asks)
    office.closed(asks)
    (request,) = requests(office)
    office.until(lambda: len(office.daemon.deps.queue) == 0, "the place is in the request alone")
    served = place(office, request, "a-1")
    are_queued(office, 1)
    office.daemon.stop()
    served.hang_up()
    (record,) = hunts_of(office, served)
    assert (record.result, record.reason) == ("callback", f"callback of call {request.hunt_id}: fshunt was stopped")
    first.hang_up()


@pytest.fixture
def served_rig(watched_rig: Rig) -> Rig:
    """The same, and the daemon makes the calls."""
    waits(watched_rig, "1001", answer_first=True, callback=True)
    return watched_rig


def asked(rig: Rig) -> SimulatedCall:
    """Have 1002 ask for a call back while the member talks; return the call of the member."""
    first = busy_with_a_caller(rig)
    asks = queued(rig)
    press_2(rig, asks)
    assert rig.closed(asks).result == "callback"
    rig.until(lambda: [each.state for each in requests(rig)] == [CallbackState.CALLING_MEMBER], "it is served")
    are_queued(rig, 1)
    return first


def test_a_request_that_is_removed_ends_the_call_in_the_place(served_rig: Rig) -> None:
    rig = served_rig
    first = asked(rig)
    with rig.store.writing() as s:
        assert callbacks.remove(s, requests(rig)[0].id, rig.daemon.deps.now())
    are_queued(rig, 0)
    first.hang_up()


def test_a_group_that_closes_leaves_the_request_in_its_place(served_rig: Rig) -> None:
    rig = served_rig
    first = asked(rig)
    with rig.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", enabled=False)
    rig.until(lambda: [each.state for each in requests(rig)] == [CallbackState.WAITING], "it is not served")
    are_queued(rig, 0)
    first.hang_up()
