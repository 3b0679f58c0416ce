"""A caller who puts another one in their place by an attended transfer, while the pilot rings or queues them."""

from __future__ import annotations

from typing import Any

import pytest

from fshunt.db.models import RotationMove
from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import Phone, answers, refuses
from tests.support.rig import WAIT_SECONDS, Rig, rang


@pytest.fixture
def office(watched_rig: Rig) -> Rig:
    """1003 is an extension without a group, and 70 a number that answers and stays."""
    watched_rig.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    watched_rig.phones("1003")
    return watched_rig


def consultation(office: Rig) -> tuple[Any, Any]:
    """A customer who is on the phone, and the call of 1003 to the pilot beside that."""
    customer = office.switch.call("70", "4155550111", "Customer")
    (phone,) = office.switch.registrations.phones_of("1003", office.switch.domain)
    return customer, office.switch.call_from(phone, "5000")


def talking(office: Rig, phone: Phone) -> Any:
    """A member on a call of their own, as the daemon knows."""
    busy = office.switch.call_from(phone, "70")
    domain = office.switch.domain
    office.until(lambda: office.daemon.deps.monitor.look(domain, phone.user).calls, f"{phone.user} is on a call")
    return busy


def moves(office: Rig) -> int:
    with office.store.reading() as s:
        return s.query(RotationMove).count()


@pytest.mark.parametrize("policy", ["round-robin", "simultaneous"])
def test_while_phones_ring_they_stop_and_ring_for_the_other_one(office: Rig, policy: str) -> None:
    office.group("5000", "1001", "1002", policy=policy)
    first, second = office.phones("1001", "1002")
    rings = office.happens("rings", "1001")
    customer, agent = consultation(office)
    assert rings.wait(WAIT_SECONDS)
    first.behaviour = answers(0.1)
    talks = office.happens("talks with", "1001")
    agent.put_in_place(customer)
    assert talks.wait(WAIT_SECONDS)
    customer.hang_up()
    before, after = office.record(agent), office.record(customer)
    assert (before.result, before.reason) == ("transferred", "attended transfer")
    assert {outcome for _, outcome in rang(before)} == {"caller-gone"}
    assert (after.result, after.answered_by) == ("answered", "1001")
    assert [ring.caller_number for ring in first.rings] == ["1003", "4155550111"]
    assert "Call completed elsewhere" in first.rings[0].reason, "no missed call"
    assert len(second.rings) == (0 if policy == "round-robin" else 2)
    assert moves(office) == (1 if policy == "round-robin" else 0), "it is one hunt for the rotation"


def test_who_refused_the_one_is_not_rung_for_the_other(office: Rig) -> None:
    office.group("5000", "1001", "1002")
    first, second = office.phones("1001", "1002")
    first.behaviour = refuses(603)
    rings = office.happens("rings", "1002")
    customer, agent = consultation(office)
    assert rings.wait(WAIT_SECONDS)
    second.behaviour = answers(0.1, talks=0.1)
    agent.put_in_place(customer)
    assert office.record(customer).answered_by == "1002"
    assert (len(first.rings), len(second.rings)) == (1, 2)


def test_queued_the_other_one_has_the_place_in_the_queue(office: Rig) -> None:
    office.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    (member,) = office.phones("1001", behaviour=answers(0.02, talks=0.05))
    busy = talking(office, member)
    customer, agent = consultation(office)
    queue = office.daemon.deps.queue
    office.until(lambda: len(queue) == 1, "1003 waits")
    later = office.started(caller_number="4155550222")
    office.until(lambda: len(queue) == 2, "another caller waits")
    agent.put_in_place(customer)
    assert agent.join(WAIT_SECONDS)
    office.until(lambda: len(queue) == 2, "the customer waits")
    busy.hang_up()
    assert office.record(customer).result == "answered"
    assert office.record(later).result == "answered"
    assert [ring.caller_number for ring in member.rings] == ["4155550111", "4155550222"]
    assert (office.record(agent).result, office.record(agent).reason) == ("transferred", "attended transfer")


def test_rung_from_the_queue_the_other_one_is_rung_next(office: Rig) -> None:
    office.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    (member,) = office.phones("1001")
    busy = talking(office, member)
    customer, agent = consultation(office)
    queue = office.daemon.deps.queue
    office.until(lambda: len(queue) == 1, "1003 waits")
    later = office.started(caller_number="4155550222")
    office.until(lambda: len(queue) == 2, "another caller waits")
    rings = office.happens("rings", "1001")
    busy.hang_up()
    assert rings.wait(WAIT_SECONDS)
    member.behaviour = answers(0.02, talks=0.05)
    agent.put_in_place(customer)
    assert office.record(customer).result == "answered"
    assert office.record(later).result == "answered"
    assert [ring.caller_number for ring in member.rings] == ["1003", "4155550111", "4155550222"]


def test_the_other_one_who_hangs_up_on_the_way_leaves_nothing(office: Rig) -> None:
    office.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    (member,) = office.phones("1001", behaviour=answers(0.02, talks=0.05))
    busy = talking(office, member)
    customer, agent = consultation(office)
    queue = office.daemon.deps.queue
    office.until(lambda: len(queue) == 1, "1003 waits")
    later = office.started(caller_number="4155550222")
    office.until(lambda: len(queue) == 2, "another caller waits")
    customer.hang_up()
    assert customer.join(WAIT_SECONDS)
    agent.hangup("ATTENDED_TRANSFER")
    assert office.closed(agent).reason == "attended transfer"
    busy.hang_up()
    office.pass_time_until(lambda: member.rings, "the caller behind is rung")
    assert office.record(later).result == "answered"
