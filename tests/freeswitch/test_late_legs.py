"""How a phone that registers while its member is rung joins the ringing."""

from __future__ import annotations

import pytest

from fshunt.errors import FshuntError
from fshunt.esl import api
from fshunt.esl.commands import UnsafeText
from fshunt.freeswitch.dialstring import LegPlan
from fshunt.freeswitch.late_legs import Slot, can_be_called
from fshunt.freeswitch.leg_uuids import MAX_LATE_LEGS, is_leg_of, is_slot, leg_uuid
from fshunt.freeswitch.offers import Leg, Offer, StageLegs

SLOT = Slot("0123456789abcdef0123456789abcdef")
PLAN = LegPlan("a-1", "sofia/internal/sip:1001@10.0.0.2:5060", "1001@pbx.test", 18.0)


def test_the_slot_stands_beside_the_phones_and_ends_late_calls_when_it_ends() -> None:
    legs, _, slot = SLOT.among([PLAN]).rpartition(",[")
    assert "origination_uuid=a-1" in legs
    assert slot.endswith(f"]pickup/{SLOT.key}")
    assert f"origination_uuid={SLOT.uuid},leg_timeout=21," in slot
    assert f"api_hangup_hook=hupall LOSE_RACE fshunt_slot {SLOT.key}," in slot
    assert "execute_on_pickup=unset fshunt_rings]" in slot
    assert not is_leg_of(SLOT.uuid, {"a"})
    assert is_slot(SLOT.uuid)
    assert not is_slot(leg_uuid(SLOT.key, 1))
    assert not is_slot("52b1ddf5-0")


def test_a_late_phone_loses_its_mark_before_it_takes_the_slot() -> None:
    (line,) = SLOT.call(PLAN, "4155550100", None).lines
    assert line.startswith(f"api bgapi originate '{{fshunt_slot={SLOT.key},origination_caller_id_number=4155550100,")
    assert "sofia/internal/sip:1001@10.0.0.2:5060' " in line
    assert line.endswith(f" set:fshunt_slot=,pickup:{SLOT.key} inline")


def test_a_prefix_stands_in_quotes_and_a_caller_who_cannot_be_shown_is_not() -> None:
    (line,) = SLOT.call(PLAN, "4155550100", "Sales").lines
    assert "origination_caller_id_name=Sales 4155550100}" in line
    (line,) = SLOT.call(PLAN, None, "Sales").lines
    assert "caller_id" not in line


@pytest.mark.parametrize("caller", ["4155${x}", "41 55", "anonymous'"])
def test_nothing_else_of_a_caller_gets_into_the_command(caller: str) -> None:
    with pytest.raises(FshuntError):
        SLOT.call(PLAN, caller, None)


@pytest.mark.parametrize("text", ["a'b", "${x}", "a\\b"])
def test_a_dial_string_that_is_not_one_argument_is_refused(text: str) -> None:
    with pytest.raises(UnsafeText):
        api.originate(text, "park:")


def test_an_endpoint_that_would_be_read_twice_is_not_called() -> None:
    assert can_be_called("sofia/internal/sip:1001@10.0.0.2:5060;ob")
    assert not can_be_called("sofia/internal/sip:1001@10.0.0.2:5060;x=a,b")


def test_a_phone_that_joins_an_offer_has_its_own_time_to_ring_and_ends_with_the_others() -> None:
    offer = Offer("1", 1, "1001", [Leg("1-1", "sofia/x", 4.0)], 18.0, None, 100.0)
    stage = StageLegs([offer])
    offer.legs[0].rings(100.5)
    late = offer.add_leg("sofia/y", 4.0, 110.0)
    stage.add(offer, late)
    assert late.uuid == "1-2"
    assert offer.due(late) == 114.0, "dead if it does not ring within four seconds"
    late.rings(110.5)
    assert offer.due(late) == 118.5, "the ring time of the member counts from the first phone"
    assert not stage.all_ended


def test_one_phone_that_registers_ever_anew_is_not_rung_for_ever() -> None:
    offer = Offer("1", 1, "1001", [Leg("1-1", "sofia/x", 4.0)], 18.0, None, 100.0)
    for number in range(MAX_LATE_LEGS):
        assert offer.can_be_joined
        offer.add_leg(f"sofia/{number}", 4.0, 110.0)
    assert not offer.can_be_joined


def test_a_late_leg_that_the_switch_has_not_made_ends_when_it_was_told_to_end_it() -> None:
    offer = Offer("1", 1, "1001", [Leg("1-1", "sofia/x", 4.0)], 18.0, None, 100.0)
    stage = StageLegs([offer])
    offer.legs[0].rings(100.5)
    late = offer.add_leg("sofia/y", 4.0, 104.0)
    stage.add(offer, late)
    now = 100.0
    while late.outcome is None:
        now = stage.next_due()
        stage.orders(now, lambda: "mark")
    assert 108.0 < now < 118.5, "before the ring time of the other phone is over"
    assert offer.legs[0].outcome is None
    assert not offer.refused
