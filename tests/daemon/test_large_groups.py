"""Large groups: what FreeSWITCH takes in one stage, and what a stage costs the database and the switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fshunt.db.queries import hunts
from fshunt.esl.connection import Connection
from fshunt.freeswitch.dialstring import MAX_LEGS
from fshunt.hunting.group import WhenBusy
from fshunt.services import groups
from fshunt.simulator.core.phones import answers, refuses
from tests.support.rig import DOMAIN, RINGS_OUT, Rig, passed, rang

MANY = 12


def extensions(count: int) -> list[str]:
    return [str(1000 + number) for number in range(1, count + 1)]


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


def test_only_the_phones_that_stand_in_the_dial_string_are_rung_and_auto_blocked(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS + 2)
    light_rig.group("5000", *everybody, policy="simultaneous", ring_time=RINGS_OUT, auto_block=1)
    phones = light_rig.phones(*everybody)
    record = light_rig.call()
    assert rang(record) == [(extension, "no-answer") for extension in everybody[:MAX_LEGS]]
    assert passed(record) == [(extension, "switch-limit") for extension in everybody[MAX_LEGS:]]
    assert [len(phone.rings) for phone in phones] == [1] * MAX_LEGS + [0, 0]
    assert record.reason == "nobody answered"
    with light_rig.store.reading() as s:
        blocked = [m.extension for m in groups.get_group(s, DOMAIN, "5000").members if m.blocked]
    assert not set(blocked) & set(everybody[MAX_LEGS:]), "a member who never rang has no unanswered call"
    assert len(light_rig.daemon.deps.claims) == 0, "and no member is claimed"


def test_a_member_for_some_of_whose_phones_there_is_room_is_rung_at_those(light_rig: Rig) -> None:
    everybody = extensions(MAX_LEGS)
    light_rig.group("5000", *everybody, policy="simultaneous")
    light_rig.phones(*everybody, everybody[-2])
    light_rig.switch.registrations.phones_of(everybody[-1], DOMAIN)[0].behaviour = answers(0.0, talks=0.0)
    light_rig.switch.registrations.phones_of(everybody[0], DOMAIN)[0].behaviour = answers(0.1, talks=0.0)
    record = light_rig.call()
    assert record.answered_by == everybody[0]
    assert passed(record) == [(everybody[-1], "switch-limit")]
    assert [offer.phones for offer in record.offers[-2:]] == [1, 2]


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
    assert call.listener.filters == [("Unique-ID", call.uuid)]


def test_all_members_phones_are_asked_for_in_one_round_trip(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    light_rig.group("5000", *extensions(MANY), policy="simultaneous")
    light_rig.phones(*extensions(MANY), behaviour=refuses(486))
    asked = recorded(monkeypatch, Connection, "ask")
    assert len(light_rig.call().offers) == MANY
    assert [[command.name for command in args[1]] for args, _ in asked] == [["connect"], ["api"] * MANY]
