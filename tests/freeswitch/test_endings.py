"""How a leg is ended so that a pick-up at the same moment is a pick-up."""

from __future__ import annotations

from itertools import count

import pytest

from fshunt.esl.frames import Frame
from fshunt.freeswitch.endings import LOOK_SECONDS, SETTLE_SECONDS, TRIES, Ending, Order, Step, said_of
from fshunt.freeswitch.offers import Leg, Offer, StageLegs
from fshunt.hunting.states import Outcome
from tests.freeswitch.test_offers import event, hangup

LATEST_END_SECONDS = 0.5


def test_a_ringing_leg_is_marked_and_a_moment_later_ended_if_the_mark_is_still_there() -> None:
    ending = Ending("NO_ANSWER", 10.0)
    assert ending.next_order("a", 10.0, "one", picked_up=False, confirms=False).step is Step.MARK
    assert ending.due == 10.0 + SETTLE_SECONDS
    order = ending.next_order("a", ending.due, "two", picked_up=False, confirms=False)
    assert order == Order("a", Step.END_IF_MARKED, "one", "NO_ANSWER")


def test_a_leg_whose_phone_spoke_meanwhile_is_tried_again_and_ended_in_time() -> None:
    ending, marks = Ending("NO_ANSWER", 0.0), count()
    steps: list[tuple[Step, float]] = []
    while (now := ending.due) < float("inf"):
        steps.append((ending.next_order("a", now, str(next(marks)), picked_up=False, confirms=False).step, now))
    assert [step for step, _ in steps] == [Step.MARK, Step.END_IF_MARKED] * TRIES + [Step.END]
    assert steps[3][1] <= LATEST_END_SECONDS, "the second try is in time"
    assert now == float("inf")
    assert 1.0 < steps[-1][1] < 3.0, "a pick-up is reported by then, even on a busy machine"


def test_a_leg_that_must_confirm_is_ended_if_it_has_not() -> None:
    ending = Ending("NO_ANSWER", 0.0)
    order = ending.next_order("a", 0.0, "one", picked_up=True, confirms=True)
    assert order == Order("a", Step.END_IF_UNCONFIRMED, "one", "NO_ANSWER")
    assert ending.due == LOOK_SECONDS


def test_a_leg_that_was_picked_up_and_is_never_connected_is_just_ended() -> None:
    ending = Ending("NO_ANSWER", 0.0)
    assert ending.next_order("a", 0.0, "one", picked_up=True, confirms=False).step is Step.END
    assert ending.due == float("inf")


def test_legs_that_end_together_are_ended_by_one_command() -> None:
    orders = [
        *(Order(leg, Step.MARK, "new", "NO_ANSWER") for leg in ("a", "b")),
        *(Order(leg, Step.END_IF_MARKED, "old", "LOSE_RACE") for leg in ("c", "d")),
        Order("e", Step.END_IF_UNCONFIRMED, "third", "NO_ANSWER"),
        Order("f", Step.END, "", "NO_ANSWER"),
    ]
    assert [command.lines[0] for command in said_of(orders, "1")] == [
        "api uuid_setvar_multi a sip_local_network_addr=new",
        "api uuid_setvar_multi b sip_local_network_addr=new",
        "api uuid_setvar_multi e sip_local_network_addr=third",
        "api hupall LOSE_RACE sip_local_network_addr old fshunt_rings true",
        "api hupall NO_ANSWER sip_local_network_addr third group_confirm_key 1",
        "api uuid_kill f NO_ANSWER",
    ]


def stage_of(*legs: str, confirm: float | None = None) -> StageLegs:
    made = [Leg(uuid, "sofia/x/sip:y@z", 4.0) for uuid in legs]
    return StageLegs([Offer("1", 1, "1", made, 18.0, confirm, 100.0)])


def orders(stage: StageLegs, now: float) -> list[tuple[str, Step]]:
    marks = count()
    return [(order.leg_uuid, order.step) for order in stage.orders(now, lambda: f"mark{next(marks)}")]


def test_a_pick_up_as_the_time_ends_ends_nothing() -> None:
    stage = stage_of("a")
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 100.0)
    assert orders(stage, 118.0) == [("a", Step.MARK)]
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 118.05)
    assert orders(stage, 118.1) == []
    stage.on_bridge("a")
    assert [o.outcome for o in stage.settled()] == [Outcome.ANSWERED]


def test_a_phone_that_rings_as_it_is_given_up_for_dead_is_rung() -> None:
    stage = stage_of("a")
    assert orders(stage, 104.0) == [("a", Step.MARK)]
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 104.05)
    assert orders(stage, 104.1) == []
    assert stage.next_due() == 104.0 + 18.0


@pytest.mark.parametrize("way", ["hangup", "complete", "bridge"])
def test_what_is_recorded_of_a_leg_that_was_withdrawn_is_why(way: str) -> None:
    stage = stage_of("a", "b")
    (offer,) = stage.offers
    offer.legs[0].call_off("LOSE_RACE", 101.0, "CALL_REJECTED")
    assert orders(stage, 101.0) == [("a", Step.MARK)]
    if way == "hangup":
        stage.on_leg_event(hangup("a", "LOSE_RACE"), 101.1)
    elif way == "bridge":
        stage.on_bridge("b")
    else:
        stage.on_complete(Frame(b"variable_originate_disposition: LOSE_RACE"))
    assert (offer.legs[0].outcome, offer.legs[0].cause) == (Outcome.DECLINED, "CALL_REJECTED")


def test_legs_with_different_causes_have_different_marks() -> None:
    stage = stage_of("a", "b")
    first, second = stage.offers[0].legs
    first.call_off("NO_ANSWER", 101.0)
    second.call_off("LOSE_RACE", 101.0, "CALL_REJECTED")
    marks = count()
    found = stage.orders(101.0, lambda: f"mark{next(marks)}")
    assert len({order.mark for order in found}) == 2
