"""Phones that register while their members are being rung, or have been: they ring at the next stage."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import gevent
import pytest

from fshunt.daemon.call import late_phones
from fshunt.daemon.call.late_phones import MetPhones
from fshunt.esl.session import Session
from fshunt.freeswitch.contacts import MemberPhones
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.ringtime import RingTime
from fshunt.simulator.core.phones import Behaviour, Phone, answers, refuses
from tests.support.rig import RINGS_OUT, Rig, passed, rang

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
