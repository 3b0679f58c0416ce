"""Phones that register while their members are being rung, which join the ringing, or have been: they ring later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest

from fshunt.daemon.call import late_phones
from fshunt.daemon.call.late_phones import MetPhones, slot_beside
from fshunt.db.engine import open_store
from fshunt.esl.session import Session
from fshunt.freeswitch.contacts import MemberPhones
from fshunt.freeswitch.dialstring import MAX_LEGS, LegPlan
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.ringtime import RingTime
from fshunt.services import members
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone, answers, refuses
from fshunt.simulator.core.throttle import Limits
from tests.support.rig import DOMAIN, RINGS_OUT, Rig, cut, passed, rang, watching
from tests.support.waiting import WAIT_SECONDS

TALKS = answers(0.0, talks=0.0)


def comes_during_the_call(rig: Rig, extension: str, while_rings: str, behaviour: Behaviour = TALKS) -> list[Phone]:
    """A phone that registers when a phone of another rings; the list has it then."""
    came: list[Phone] = []
    rings = rig.happens("rings", while_rings)

    def register() -> None:
        rings.wait()
        came.append(rig.switch.phone(extension, behaviour))

    gevent.spawn(register)
    return came


def test_a_member_who_had_no_phone_is_rung_after_the_last_one(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", ring_time=RINGS_OUT)
    light_rig.phones("1002")
    comes_during_the_call(light_rig, "1001", while_rings="1002")
    record = light_rig.call()
    assert passed(record) == [("1001", "unregistered")]
    assert rang(record) == [("1002", "no-answer"), ("1001", "answered")]
    assert [(offer.cycle, offer.stage) for offer in record.offers] == [(1, 2), (2, 1)]


def test_only_the_new_phone_of_a_member_who_rang_out_is_rung_then(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", policy="simultaneous", ring_time=RINGS_OUT)
    (desk,) = light_rig.phones("1001")
    came = comes_during_the_call(light_rig, "1001", while_rings="1001")
    record = light_rig.call()
    assert rang(record) == [("1001", "no-answer"), ("1001", "answered")]
    assert (len(desk.rings), len(came[0].rings)) == (1, 1)


def test_a_member_whose_phone_could_not_be_reached_is_rung_at_another(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", ring_time=RINGS_OUT)
    light_rig.phones("1001", behaviour=refuses(404))
    light_rig.phones("1002")
    comes_during_the_call(light_rig, "1001", while_rings="1002")
    assert rang(light_rig.call()) == [("1001", "unreachable"), ("1002", "no-answer"), ("1001", "answered")]


def test_late_phones_ring_in_the_order_of_the_policy(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", "1003", ring_time=RINGS_OUT)
    light_rig.phones("1003")
    comes_during_the_call(light_rig, "1002", while_rings="1003", behaviour=Behaviour())
    comes_during_the_call(light_rig, "1001", while_rings="1003", behaviour=Behaviour())
    record = light_rig.call()
    assert [offer.extension for offer in record.offers] == ["1003", "1001", "1002"]


def test_a_caller_who_is_about_to_queue_is_offered_the_new_phone_of_who_was_rung_in_vain(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", ring_time=RINGS_OUT, when_busy=WhenBusy.QUEUE)
    light_rig.phones("1001")
    light_rig.phones("1002", behaviour=refuses(486))
    comes_during_the_call(light_rig, "1001", while_rings="1001")
    assert rang(light_rig.call()) == [("1001", "no-answer"), ("1002", "busy"), ("1001", "answered")]


def test_who_has_declined_is_not_rung_at_another_phone(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", ring_time=RINGS_OUT)
    light_rig.phones("1001", behaviour=refuses(603))
    light_rig.phones("1002")
    comes_during_the_call(light_rig, "1001", while_rings="1002")
    assert rang(light_rig.call()) == [("1001", "declined"), ("1002", "no-answer")]


def test_a_phone_that_registers_the_same_contact_again_is_not_new(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", ring_time=RINGS_OUT)
    light_rig.phones("1001")
    assert rang(light_rig.call()) == [("1001", "no-answer")]


def test_nobody_is_rung_late_when_the_time_of_the_hunt_is_over(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", ring_time=RingTime(seconds=20), hunt_timeout=1)
    light_rig.phones("1002")
    comes_during_the_call(light_rig, "1001", while_rings="1002")
    assert rang(light_rig.call()) == [("1002", "no-answer")]


def test_a_phone_that_cannot_join_the_ringing_is_rung_at_the_next_stage(
    light_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = light_rig.group("5000", "1001")
    (member,) = group.members
    plain, comma = "sofia/internal/sip:1001@192.0.2.1:5060", "sofia/internal/sip:1001@192.0.2.2:5060;x=a,b"
    monkeypatch.setattr(late_phones, "find_phones", lambda *_: {member.id: MemberPhones((plain, comma))})
    met, asked = MetPhones(), (cast(Session, None), cast(Hunt, SimpleNamespace(group=group)), light_rig.daemon.deps)
    assert met.late_of([member], *asked)[member.id].endpoints == (plain,)
    assert met.without_met({member.id: MemberPhones((plain, comma))})[member.id].endpoints == (comma,)


@pytest.fixture
def joining(sqlite_url: str, tmp_path: Path) -> Iterator[Rig]:
    """A daemon that watches the switch, and lets late phones join the ringing."""
    with closing(open_store(sqlite_url)) as store, watching(sqlite_url, store, tmp_path) as rig:
        yield rig


def ringing(rig: Rig, *extensions: str) -> tuple[Any, list[Phone]]:
    """Have a caller ring phones, each of which rings when this returns."""
    phones = rig.phones(*extensions)
    call = rig.started()
    rig.until(lambda: all(phone.rings for phone in phones), "all phones ring")
    return call, phones


def comes(rig: Rig, extension: str, behaviour: Behaviour = RINGS) -> Phone:
    """A phone that registers while its member is rung, and rings when this returns."""
    phone = rig.switch.phone(extension, behaviour)
    rig.until(lambda: phone.rings, "the late phone rings")
    return phone


def test_a_late_phone_joins_the_ringing_and_takes_the_call(joining: Rig) -> None:
    joining.group("5000", "1001", "1002", policy="simultaneous", prefix="Sales")
    call, phones = ringing(joining, "1001", "1002")
    late = comes(joining, "1001", answers(0.05, talks=0.0))
    record = joining.record(call)
    assert rang(record) == [("1001", "answered"), ("1002", "answered-elsewhere")]
    assert (record.result, record.answered_by) == ("answered", "1001")
    assert [len(phone.rings) for phone in (*phones, late)] == [1, 1, 1], "nobody is rung again"
    assert all("Call completed elsewhere" in phone.rings[0].reason for phone in phones)
    assert (late.rings[0].caller_number, late.rings[0].caller_name) == ("4155550100", "Sales 4155550100")
    assert not call.expanded


def test_a_late_phone_that_must_confirm_takes_the_call_with_the_key(joining: Rig) -> None:
    joining.group("5000")
    with joining.store.writing() as s:
        members.add_members(s, DOMAIN, "5000", [parse_member("1001")], confirm=True)
    call, (desk,) = ringing(joining, "1001")
    comes(joining, "1001", replace(answers(0.0, talks=0.5, digit="1"), digit_after=0.05))
    assert rang(joining.record(call)) == [("1001", "answered")]
    assert not desk.rings[0].missed


def test_a_late_phone_stops_without_a_missed_call_when_another_is_picked_up(joining: Rig) -> None:
    joining.group("5000", "1001", "1002", policy="simultaneous")
    call, _ = ringing(joining, "1001", "1002")
    late = comes(joining, "1001")
    joining.pick_up(call, "1002")
    joining.until(lambda: late.rings[0].outcome != "ringing", "the late phone stops")
    assert (late.rings[0].outcome, late.rings[0].missed) == ("cancelled", False)
    call.hang_up()
    assert rang(joining.record(call)) == [("1001", "answered-elsewhere"), ("1002", "answered")]


def test_a_late_phone_rings_on_when_the_first_one_has_ended(joining: Rig) -> None:
    joining.group("5000", "1001", "1002")
    first, other = joining.phones("1001", "1002", behaviour=Behaviour(reject=404, reject_after=1.0))
    call = joining.started()
    joining.until(lambda: first.rings, "the first phone rings")
    late = comes(joining, "1001")
    joining.until(lambda: first.rings[0].outcome == "refused", "the first phone has ended")
    joining.until(lambda: call.legs[first.rings[0].leg].ended, "its leg has")
    (leg,) = joining.switch.originated.values()
    leg._answer()
    joining.until(call.talking.is_set, "the late phone has the call")
    call.hang_up()
    assert rang(joining.record(call)) == [("1001", "answered")]
    assert (late.rings[0].outcome, other.rings) == ("answered", [])


def test_a_late_phone_joins_a_ring_from_the_queue_and_the_first_one_is_not_rung_again(joining: Rig) -> None:
    joining.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    joining.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    (desk,) = joining.phones("1001")
    busy = joining.switch.call_from(desk, "70")
    monitor = joining.daemon.deps.monitor
    joining.until(lambda: monitor.look(DOMAIN, "1001").calls, "1001 is on a call")
    call = joining.started()
    joining.until(lambda: len(joining.daemon.deps.queue) == 1, "the caller waits")
    busy.hang_up()
    joining.until(lambda: desk.rings, "1001 rings from the queue")
    late = comes(joining, "1001", answers(0.05, talks=0.0))
    assert joining.record(call).result == "answered"
    assert (len(desk.rings), len(late.rings)) == (1, 1)


def test_with_next_stage_there_is_no_place_for_late_phones(sqlite_url: str, tmp_path: Path) -> None:
    made = closing(open_store(sqlite_url))
    with made as store, watching(sqlite_url, store, tmp_path, late_phones="next-stage") as rig:
        rig.group("5000", "1001", ring_time=RINGS_OUT)
        call, (desk,) = ringing(rig, "1001")
        late = rig.switch.phone("1001", TALKS)
        record = rig.record(call)
        assert rang(record) == [("1001", "no-answer"), ("1001", "answered")]
        assert [len(phone.rings) for phone in (desk, late)] == [1, 1]


def test_who_refuses_at_a_late_phone_has_refused_at_all(joining: Rig) -> None:
    joining.group("5000", "1001")
    call, (desk,) = ringing(joining, "1001")
    comes(joining, "1001", refuses(603, 0.05))
    assert rang(joining.record(call)) == [("1001", "declined")]
    assert not desk.rings[0].missed


@pytest.mark.parametrize("leaves", ["the caller hangs up", "the connection is cut"])
def test_a_late_phone_stops_with_the_others(joining: Rig, leaves: str) -> None:
    joining.group("5000", "1001")
    call, (desk,) = ringing(joining, "1001")
    late = comes(joining, "1001")
    call.hang_up() if leaves == "the caller hangs up" else cut(call)
    joining.until(lambda: late.rings[0].outcome != "ringing", "the late phone stops")
    assert [phone.rings[0].outcome for phone in (desk, late)] == ["cancelled", "cancelled"]
    assert not late.rings[0].missed
    call.hang_up()  # who was cut off is with the daemon again
    joining.record(call)
    assert not list(joining.switch.all_channels())


def test_of_a_daemon_that_stops_the_caller_goes_on_as_soon_as_all_phones_have_ended(joining: Rig) -> None:
    joining.group("5000", "1001")
    call, (desk,) = ringing(joining, "1001")
    joining.daemon.stop()
    assert desk.rings[0].outcome == "ringing", "the phones keep ringing without it"
    (leg,) = [leg for leg in call.legs.values() if leg.phone is desk]
    leg._reject()
    assert call.join(WAIT_SECONDS), "the caller does not wait for phones that could have come late"
    assert call.ending.kind == "fallback-voicemail"


def test_a_late_phone_that_the_switch_does_not_call_holds_up_nobody(joining: Rig) -> None:
    joining.group("5000", "1001", ring_time=RingTime(seconds=1))
    call, (desk,) = ringing(joining, "1001")
    joining.switch.throttle.limit(Limits(sessions=1))
    late = joining.switch.phone("1001")
    record = joining.record(call)
    assert rang(record)[0] == ("1001", "no-answer")
    assert not late.rings
    assert (len(desk.rings), record.result) == (1, "voicemail")


def test_the_place_for_late_phones_is_nobodys_call(joining: Rig) -> None:
    joining.group("5000", "1001")
    call, (desk,) = ringing(joining, "1001")
    (place,) = [leg for leg in call.legs.values() if leg.phone is not desk]
    assert place.channel.name.startswith("pickup/")
    (monitor,) = joining.daemon.deps.monitor.switches
    joining.until(lambda: monitor.table.channels == 2, "the caller and the phone are seen")
    assert len(list(joining.switch.all_channels())) == 3
    call.hang_up()
    record = joining.record(call)
    assert [(offer.extension, offer.phones) for offer in record.offers] == [("1001", 1)]


def test_a_full_bridge_has_no_place_for_late_phones(joining: Rig) -> None:
    plan = LegPlan("a-1", "sofia/internal/sip:1001@10.0.0.2:5060", "1001@pbx.test", 18.0)
    assert slot_beside([plan] * (MAX_LEGS - 1), joining.daemon.deps) is not None
    assert slot_beside([plan] * MAX_LEGS, joining.daemon.deps) is None
