"""A caller who comes back to a pilot on the same channel is a new call to it: a new turn, and a record of its own."""

from __future__ import annotations

from typing import Any

import pytest

from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.simulator.core.phones import answers
from tests.support.rig import WAIT_SECONDS, Rig, cut, rang

MEMBERS = ("1001", "1002", "1003")
TALKS = answers(0.02, talks=0.02)


def hunts_of(rig: Rig, call: Any) -> list[CallRecord]:
    """The hunts of a call that has ended, the first first."""
    assert call.join(WAIT_SECONDS)
    rig.settle()
    with rig.store.reading() as s:
        return calls.show_call(s, call.uuid)[::-1]


def until_answered(rig: Rig, call: Any, count: int) -> None:
    """Wait until so many hunts of the call are answered, and the records say so."""

    def are_answered() -> bool:
        rig.daemon.deps.outbox.flush(WAIT_SECONDS)
        with rig.store.reading() as s:
            return len([each for each in calls.list_calls(s) if each.uuid == call.uuid and each.answered_at]) == count

    rig.until(are_answered, f"{count} hunts are answered")


def rung_by_another_call(rig: Rig) -> str:
    """Who rings first for the next caller."""
    (record,) = hunts_of(rig, rig.started())
    return record.offers[0].extension


@pytest.mark.parametrize("policy", ["round-robin", "circular"])
def test_a_caller_who_is_sent_back_to_the_pilot_moves_the_rotation_each_time(rig: Rig, policy: str) -> None:
    rig.group("5000", *MEMBERS, policy=policy)
    phones = rig.phones(*MEMBERS, behaviour=answers(0.02))
    call = rig.started()
    for count in (1, 2):
        until_answered(rig, call, count)
        call.send_away("5000")
    until_answered(rig, call, 3)
    call.hang_up()
    found = hunts_of(rig, call)
    assert [each.result for each in found] == ["answered"] * 3
    assert [rang(each) for each in found] == [[(extension, "answered")] for extension in MEMBERS]
    phones[0].behaviour = TALKS
    assert rung_by_another_call(rig) == "1001"


def test_a_caller_who_comes_back_while_a_phone_rings_moves_the_rotation_too(rig: Rig) -> None:
    rig.group("5000", *MEMBERS, policy="round-robin")
    rig.phones("1001")
    rig.phones("1002", "1003", behaviour=TALKS)
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    call.send_away("5000")
    first, second = hunts_of(rig, call)
    assert (first.result, second.result, second.answered_by) == ("transferred", "answered", "1002")
    assert rung_by_another_call(rig) == "1003"


def test_who_is_taken_over_after_coming_back_is_no_new_call(rig: Rig) -> None:
    rig.group("5000", *MEMBERS, policy="round-robin")
    first, second, third = rig.phones(*MEMBERS)
    first.behaviour, third.behaviour = answers(0.02), TALKS
    rings = rig.happens("rings", "1002")
    call = rig.started()
    until_answered(rig, call, 1)
    second.behaviour = TALKS
    call.send_away("5000")
    assert rings.wait(WAIT_SECONDS)
    cut(call)
    found = hunts_of(rig, call)
    assert [each.result for each in found] == ["answered", "failed", "answered"]
    assert [rang(each)[0][0] for each in found[1:]] == ["1002", "1002"], "the same turn"
    assert rung_by_another_call(rig) == "1003"
