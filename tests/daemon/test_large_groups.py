"""Large groups: what FreeSWITCH takes in one stage, and what a stage costs the database and the switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fshunt.db.queries import hunts
from fshunt.esl.connection import Connection
from fshunt.freeswitch.dialstring import MAX_LEGS
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups
from fshunt.simulator.core.phones import answers, refuses
from fshunt.simulator.core.throttle import Limits
from tests.support.rig import DOMAIN, RINGS_OUT, Rig, passed, rang

MANY = 12


def extensions(count: int) -> list[str]:
    return [str(1000 + number) for number in range(1, count + 1)]


def blocked(rig: Rig) -> list[str]:
    with rig.store.reading() as s:
        return [m.extension for m in groups.get_group(s, DOMAIN, "5000").members if m.blocked]


def recorded(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[tuple[tuple[Any, ...], Any]]:
    """The arguments and answers of a function from now on."""
    calls: list[tuple[tuple[Any, ...], Any]] = []
    function: Callable[..., Any] = getattr(where, name)

    def record(*args: Any, **more: Any) -> Any:
        answer = function(*args, **more)
        calls.append((args, answer))
        return answer

    monkeypatch.setattr(where, name, record)
    return calls


def test_more_phones_than_a_dial_string_takes_ring_in_waves(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS + 2)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT, auto_block=1)
    phones = light_rig.phones(*everybody)
    record = light_rig.call()
    assert rang(record) == [(extension, "no-answer") for extension in everybody]
    assert passed(record) == []
    assert [len(phone.rings) for phone in phones] == [1] * len(everybody)
    starts = [offer.started_at for offer in record.offers]
    assert starts[MAX_LEGS] >= record.offers[0].ended_at, "the second wave rings when the first has rung its time"
    assert {(offer.cycle, offer.stage) for offer in record.offers} == {(1, 1)}
    assert record.reason == "nobody answered"
    assert len(light_rig.daemon.deps.claims) == 0, "no member is claimed"


def test_a_member_whose_phones_do_not_fit_rings_at_all_of_them_in_the_next_wave(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT)
    light_rig.phones(*everybody, everybody[-1])
    record = light_rig.call()
    assert [offer.phones for offer in record.offers[-2:]] == [1, 2]
    assert record.offers[-1].started_at >= record.offers[-2].ended_at


def test_members_whose_wave_never_came_are_skipped(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS + 2)
    light_rig.group("5000", *everybody, policy="simultaneous", auto_block=1)
    light_rig.phones(*everybody)[0].behaviour = answers(0.1, talks=0.0)
    record = light_rig.call()
    assert record.answered_by == everybody[0]
    assert passed(record) == [(extension, "switch-limit") for extension in everybody[MAX_LEGS:]]
    assert blocked(light_rig) == []


def test_the_time_of_the_hunt_ends_before_the_second_wave(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS + 1)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT, hunt_timeout=1, auto_block=1)
    light_rig.phones(*everybody)
    light_rig.rings_for(RingTime(seconds=20), *everybody)
    record = light_rig.call()
    assert passed(record) == [(everybody[-1], "switch-limit")]
    assert everybody[-1] not in blocked(light_rig), "a member who never rang has no unanswered call"


def test_many_phones_do_not_count_for_the_sessions_per_second_of_the_switch(light_rig: Rig) -> None:
    everybody = extensions(40)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT)
    phones = light_rig.phones(*everybody)
    light_rig.switch.throttle.limit(Limits(per_second=30))
    record = light_rig.call()
    assert rang(record) == [(extension, "no-answer") for extension in everybody]
    assert [len(phone.rings) for phone in phones] == [1] * len(everybody)
    assert max(offer.started_at for offer in record.offers) < min(offer.ended_at for offer in record.offers)


def test_no_more_phones_ring_at_once_than_the_switch_takes_sessions(light_rig: Rig) -> None:
    everybody = extensions(12)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT, auto_block=1)
    light_rig.phones(*everybody)
    light_rig.switch.throttle.limit(Limits(sessions=11))  # one is the caller's
    record = light_rig.call()
    assert rang(record) == [(extension, "no-answer") for extension in everybody]
    assert record.offers[10].started_at >= record.offers[0].ended_at
    assert passed(record) == []


def test_a_phone_that_the_switch_refuses_to_ring_rings_when_the_throttle_allows(light_rig: Rig) -> None:
    everybody = extensions(4)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT)
    light_rig.phones(*everybody)
    light_rig.switch.throttle.limit(Limits(per_second=3))
    record = light_rig.call()
    assert rang(record) == [(extension, "no-answer") for extension in everybody]
    assert passed(record) == [], "those who were refused at first have rung in a later wave"


def test_members_whom_the_switch_never_rings_are_skipped_and_nobody_is_blocked(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", auto_block=1)
    phones = light_rig.phones("1001", "1002")
    light_rig.switch.throttle.limit(Limits(sessions=1))
    record = light_rig.call_that_takes_time()
    assert rang(record) == []
    assert passed(record) == [("1001", "switch-limit"), ("1002", "switch-limit")]
    assert [phone.rings for phone in phones] == [[], []]
    assert record.reason == "everybody busy"
    assert blocked(light_rig) == []
    assert len(light_rig.daemon.deps.claims) == 0


def test_a_gateway_that_is_down_is_unreachable_beside_phones_that_ring(light_rig: Rig) -> None:
    light_rig.switch.gateway("carrier").up = False
    light_rig.group("5000", "1001", "+14155550123@carrier", policy="simultaneous", ring_time=RINGS_OUT)
    light_rig.phones("1001")
    assert rang(light_rig.call()) == [("1001", "no-answer"), ("+14155550123@carrier", "unreachable")]


def test_members_beyond_the_limit_ring_next_for_a_queued_caller(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS + 1)
    light_rig.group("5000", *everybody, policy="simultaneous", when_busy=WhenBusy.QUEUE)
    phones = light_rig.phones(*everybody, behaviour=refuses(603))
    phones[-1].behaviour = answers(0.0, talks=0.0)
    record = light_rig.call()
    assert (record.result, record.answered_by) == ("answered", everybody[-1])


def test_a_stage_reads_its_own_members_only(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    light_rig.group("5000", *extensions(MANY))
    light_rig.phones(*extensions(MANY), behaviour=refuses(486))
    looks = recorded(monkeypatch, hunts, "look_and_claim")
    assert len(light_rig.call().offers) == MANY
    assert [len(rows) for _, rows in looks] == [1] * MANY


def test_the_filters_of_a_stage_go_with_it(light_rig: Rig) -> None:
    light_rig.group("5000", *extensions(MANY))
    light_rig.phones(*extensions(MANY), behaviour=refuses(486))
    call = light_rig.started()
    assert len(light_rig.record(call).offers) == MANY
    of_the_call = [("Unique-ID", call.uuid), ("variable_att_xfer_kill_uuid", call.uuid)]
    assert call.listener.filters == of_the_call


def test_all_members_phones_are_asked_for_in_one_round_trip(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    light_rig.group("5000", *extensions(MANY), policy="simultaneous")
    light_rig.phones(*extensions(MANY), behaviour=refuses(486))
    light_rig.call()  # the daemon learns the SIP profile
    asked, jobs = recorded(monkeypatch, Connection, "ask"), recorded(monkeypatch, Connection, "start_jobs")
    assert len(light_rig.call().offers) == MANY
    assert [len(args[1]) for args, _ in jobs] == [MANY], "the directory, at the same time"
    names = [[command.name for command in args[1]] for args, _ in asked]
    assert names[:3] == [["connect"], ["api"] * (2 * MANY), ["api"]], "and the switch for its room, as there are many"
