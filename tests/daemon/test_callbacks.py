"""A queued caller asks to be called back, and a call in the caller's place is hunted for (design, section 20)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fshunt.daemon.call.callback_served import NEXT_TRY_AFTER
from fshunt.daemon.call.queue_keys import KEYS_AFTER_SECONDS
from fshunt.db.engine import open_store
from fshunt.db.models import CallbackRequest
from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Request
from fshunt.freeswitch.callbacks import REALM, SERVES
from fshunt.freeswitch.feature_tones import REFUSED_TONE
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.callbacks import MAX_TRIES, CallbackOutcome, CallbackState
from fshunt.services import groups, members
from fshunt.settings import Address
from fshunt.simulator.core.headers import SWITCH_NAME
from fshunt.simulator.core.phones import RINGS, Behaviour, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from tests.daemon.test_kind_queue import hears, sounds
from tests.daemon.test_queueing import STAYS, TALKS, are_queued, busy_with_a_caller, hunts_of, waits
from tests.support.ports import held_port, number_of
from tests.support.rig import DOMAIN, Rig, end_service, rang, watching

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


def asked_for(rig: Rig, **more: Any) -> Request:
    """Have a queued caller ask to be called back; return the request, which alone has the place then."""
    asks = queued(rig, **more)
    press_2(rig, asks)
    assert rig.closed(asks).result == "callback"
    rig.until(lambda: len(rig.daemon.deps.queue) == 0, "the place is in the request alone")
    (request,) = requests(rig)
    return request


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
    assert served.join(10)
    assert served.ending.kind == "rejected"
    office.settle()
    assert hunts_of(office, served) == [], "a try that rings nobody leaves no record"


def test_a_call_in_the_place_that_rings_in_vain_is_no_missed_call(office: Rig) -> None:
    first = busy_with_a_caller(office, then=RINGS)
    request = asked_for(office)
    served = place(office, request, "a-1")
    are_queued(office, 1)
    rings = office.happens("rings", "1001")
    first.hang_up()
    assert rings.wait(10)
    served.hang_up()
    record = office.closed(served)
    assert (record.result, rang(record)) == ("callback", [("1001", "caller-gone")])
    assert (record.reason or "").startswith(f"callback of call {request.hunt_id}: ")


def test_a_stop_while_the_call_in_the_place_waits_leaves_no_missed_call(office: Rig) -> None:
    first = busy_with_a_caller(office, then=STAYS)
    served = place(office, asked_for(office), "a-1")
    are_queued(office, 1)
    office.daemon.stop()
    served.hang_up()
    assert hunts_of(office, served) == []
    first.hang_up()


@pytest.mark.parametrize("login", ["1002", None], ids=["an extension", "a number"])
def test_a_caller_who_reaches_a_member_meanwhile_is_not_called_back(office: Rig, login: str | None) -> None:
    allow(office, "4155550*")
    first = busy_with_a_caller(office)
    request = asked_for(office, login=login)
    first.hang_up()
    again = office.switch.call("5000", login=login)
    assert again.talking.wait(10)
    office.until(lambda: not requests(office), "the request is done")
    assert ended(office, request.id) == (CallbackState.WAITING, CallbackOutcome.SERVED)
    again.hang_up()


@pytest.mark.parametrize("more", [{"login": None}, {"login": "1003"}], ids=["shows the number", "another extension"])
def test_another_caller_who_reaches_a_member_leaves_the_request(office: Rig, more: dict[str, Any]) -> None:
    first = busy_with_a_caller(office)
    request = asked_for(office)
    first.hang_up()
    other = office.switch.call("5000", "1002", **more)
    assert other.talking.wait(10)
    other.hang_up()
    office.closed(other)
    office.settle()
    assert [each.id for each in requests(office)] == [request.id]


def allow(rig: Rig, *patterns: str) -> None:
    """Let numbers be called back that only show themselves."""
    object.__setattr__(rig.daemon.deps.settings, "callback_allowed", patterns)


def ended(rig: Rig, request_id: int) -> tuple[str, str | None]:
    """How far a request came, and how it ended."""
    with rig.store.reading() as s:
        row = s.get_one(CallbackRequest, request_id)
        return row.state, row.outcome


@pytest.fixture
def served_rig(sqlite_url: str, tmp_path: Path) -> Iterator[Rig]:
    """The same, and the daemon makes the calls; members are led to it."""
    with held_port() as held, closing(open_store(sqlite_url)) as store:
        here = Address("127.0.0.1", number_of(held))
        with watching(sqlite_url, store, tmp_path, listen=here) as made:
            waits(made, "1001", answer_first=True, callback=True)
            yield made


def asked(rig: Rig, then: Behaviour = TALKS) -> SimulatedCall:
    """Have 1002 ask for a call back while the member talks; return the call of the member."""
    first = busy_with_a_caller(rig, then=then)
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


def until_ended(rig: Rig, request_id: int, outcome: CallbackOutcome) -> None:
    rig.until(lambda: ended(rig, request_id)[1] == outcome, f"the request has ended: {outcome}")


def called_back(rig: Rig) -> tuple[Request, SimulatedCall, SimulatedCall]:
    """Have the member answer; return the request, and the near and the far side of the call in the place."""
    first = asked(rig, then=STAYS)
    (request,) = requests(rig)
    near = rig.until(lambda: rig.switch.calls.get(request.attempt or ""), "the call in the place is there")
    far = rig.switch.calls[near.variables["other_loopback_leg_uuid"]]
    first.hang_up()
    return request, near, far


def test_the_member_is_rung_and_then_the_caller_and_both_talk(served_rig: Rig) -> None:
    rig = served_rig
    (caller,) = rig.phones("1002", behaviour=STAYS)
    request, near, far = called_back(rig)
    assert near.talking.wait(10)
    until_ended(rig, request.id, CallbackOutcome.ANSWERED)
    assert [(ring.caller_number, ring.outcome) for ring in caller.rings] == [("5000", "answered")]
    near.hang_up()
    record = rig.closed(far)
    assert (record.result, record.answered_by) == ("answered", "1001")
    assert record.reason == f"callback of call {request.hunt_id}"
    assert far.join(10)
    assert REALM not in {realm for realm, _ in rig.switch.kept_values}, "nothing is left at the switch"


def test_a_caller_who_does_not_answer_is_called_twice_in_all(served_rig: Rig) -> None:
    rig = served_rig
    (caller,) = rig.phones("1002", behaviour=refuses(486))
    request, _, _ = called_back(rig)
    for tries in range(1, MAX_TRIES):
        rig.until(lambda tries=tries: [each.tries for each in requests(rig)] == [tries], "the caller was called")
        rig.until(lambda: requests(rig)[0].state is CallbackState.WAITING, "the request is in its place")
        (waiting,) = requests(rig)
        assert waiting.not_before is not None
        assert NEXT_TRY_AFTER >= waiting.not_before - rig.daemon.deps.now() > NEXT_TRY_AFTER / 2
        due_now(rig)
    until_ended(rig, request.id, CallbackOutcome.NO_ANSWER)
    assert len(caller.rings) == MAX_TRIES
    rig.until(lambda: not list(rig.switch.all_channels()), "no call is left")


def due_now(rig: Rig) -> None:
    """Let the pause between two tries be over."""
    with rig.store.writing() as s:
        s.execute(update(CallbackRequest).values(not_before=None))


def test_where_the_switch_cannot_tell_whether_the_caller_answered_nobody_is_called_again(served_rig: Rig) -> None:
    rig = served_rig
    rig.switch.has_mod_db = False
    (caller,) = rig.phones("1002", behaviour=RINGS)
    request, near, _ = called_back(rig)
    rig.until(lambda: caller.rings, "the caller's phone rings")
    near.listener.cut()
    near.hangup("NORMAL_CLEARING")
    rig.pass_time_until(lambda: ended(rig, request.id)[1], "the request has ended")
    assert ended(rig, request.id)[1] == CallbackOutcome.NOT_SEEN
    assert len(caller.rings) == 1


def test_where_no_daemon_saw_it_the_switch_tells_that_the_caller_did_not_answer(served_rig: Rig) -> None:
    rig = served_rig
    (caller,) = rig.phones("1002", behaviour=RINGS)
    _, near, _ = called_back(rig)
    rig.until(lambda: caller.rings, "the caller's phone rings")
    near.listener.cut()
    near.hangup("NORMAL_CLEARING")
    rig.pass_time_until(lambda: requests(rig)[0].state is CallbackState.WAITING, "the request is in its place")
    assert requests(rig)[0].tries == 1


def test_a_member_is_not_rung_for_the_own_request(served_rig: Rig) -> None:
    rig = served_rig
    with rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5000", [parse_member("1002")])
    (own,) = rig.phones("1002", behaviour=refuses(486))
    request, near, far = called_back(rig)
    own.behaviour = STAYS
    assert near.talking.wait(10)
    assert [ring.caller_number for ring in own.rings if ring.outcome == "answered"] == ["5000"]
    near.hang_up()
    record = rig.closed(far)
    assert (record.answered_by, [who for who, _ in rang(record)]) == ("1001", ["1001"])
    assert ended(rig, request.id)[1] == CallbackOutcome.ANSWERED


def test_a_caller_who_reaches_a_member_ends_the_call_in_the_place(served_rig: Rig) -> None:
    rig = served_rig
    with rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5000", [parse_member("1003")])
    first = asked(rig, then=STAYS)
    (request,) = requests(rig)
    rig.phones("1003", behaviour=STAYS)
    again = rig.switch.call("5000", login="1002")
    assert again.talking.wait(10)
    until_ended(rig, request.id, CallbackOutcome.SERVED)
    rig.until(lambda: request.attempt not in rig.switch.calls, "the call in the place has ended")
    are_queued(rig, 0)
    first.hang_up()
    again.hang_up()
