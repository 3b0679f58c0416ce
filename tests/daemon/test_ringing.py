"""One stage being rung, where the switch does not say what it is asked."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import cast

import pytest

from fshunt.daemon.call.ringing import Ringing, StageEnd
from fshunt.errors import FshuntError
from fshunt.esl.session import Session, SwitchLost, TimedOut
from fshunt.freeswitch.late_legs import Slot
from fshunt.freeswitch.offers import Leg, Offer, StageLegs
from fshunt.hunting.states import Outcome


@pytest.mark.parametrize("error", [TimedOut, SwitchLost])
def test_phones_ring_on_where_the_switch_does_not_say_who_has_a_new_phone(error: type[FshuntError]) -> None:
    asked, told = [], []

    def look(ringing: Ringing) -> None:
        asked.append(ringing)
        raise error("the switch has not answered")

    def next_event(deadline: float, *, wakeable: bool) -> None:
        time.sleep(max(0.0, min(deadline, time.monotonic() + 1.0) - time.monotonic()))

    idle = SimpleNamespace(
        taken=False, replaced=False, gone=False, wake=lambda: None, next_event=next_event, post=told.append
    )
    offer = Offer("1", 1, "1001", [Leg("a", "sofia/x/sip:y@z", 4.0)], 18.0, None, time.monotonic())
    ringing = Ringing(
        cast(Session, idle), StageLegs([offer]), lambda _offer: None, time.monotonic, Slot("0123abcd"), look
    )
    ringing.phones_changed()
    ringing.stop()
    assert ringing.until_end() is StageEnd.LEFT_RINGING
    assert (asked, offer.outcome) == ([ringing], None)


@pytest.mark.parametrize(
    ("gone", "replaced", "outcome"),
    [
        (False, False, Outcome.ANSWERED_ELSEWHERE),
        (True, False, Outcome.CALLER_GONE),
        (False, True, Outcome.CALLER_GONE),
    ],
)
def test_who_leaves_or_is_replaced_has_not_been_picked_up_elsewhere(
    gone: bool, replaced: bool, outcome: Outcome
) -> None:
    """The end of the channel ends our action too, as a pick-up does; who comes in the place is offered to the same."""

    def nothing(_deadline: float, *, wakeable: bool) -> None:
        assert wakeable

    left = SimpleNamespace(taken=True, replaced=replaced, gone=gone, next_event=nothing)
    offer = Offer("1", 1, "1001", [Leg("a", "sofia/x/sip:y@z", 4.0)], 18.0, None, time.monotonic())
    ringing = Ringing(cast(Session, left), StageLegs([offer]), lambda _offer: None, time.monotonic)
    assert ringing.until_end() is StageEnd.CALLER_TAKEN
    assert offer.outcome is outcome
