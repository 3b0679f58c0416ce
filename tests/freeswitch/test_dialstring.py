"""Dial strings: what rings the phones of a stage, and what is never let into one (design, section 9; invariant I10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.freeswitch.dialstring import (
    BACKSTOP_SECONDS,
    FEW_LEGS,
    Confirm,
    LegPlan,
    contact_query,
    contacts_of,
    dial_string,
    external_endpoint,
)
from fshunt.hunting.addresses import MemberAddress, parse_member


def leg(uuid: str = "a-1", endpoint: str = "sofia/internal/sip:1001@10.0.0.2:5060", **more: object) -> LegPlan:
    values = {"presence_id": "1001@pbx.test", "longest": 18.2, **more}
    return LegPlan(uuid, endpoint, **values)  # type: ignore[arg-type]


def test_each_leg_is_named_and_has_a_backstop_longer_than_its_ring_time() -> None:
    text = dial_string([leg("a-1"), leg("b-2")])
    assert text.startswith("{ignore_early_media=true,outbound_redirect_fatal=true,originate_timeout=")
    for uuid in ("a-1", "b-2"):
        assert f"[origination_uuid={uuid},leg_timeout={19 + BACKSTOP_SECONDS}," in text
    assert text.count("sofia/internal/sip:1001@10.0.0.2:5060") == 2


def test_the_switch_does_not_end_the_whole_stage_before_a_leg_and_its_confirmation_are_over() -> None:
    text = dial_string([leg(longest=100.0, confirm=Confirm("ivr/accept.wav", 30.0))])
    whole = int(text.partition("originate_timeout=")[2].partition("}")[0])
    assert whole > 130


def test_only_many_phones_pass_the_limits_of_the_switch() -> None:
    few, many = ([leg(f"a-{number}") for number in range(count)] for count in (FEW_LEGS, FEW_LEGS + 1))
    assert "no_throttle_limits" not in dial_string(few)
    assert "no_throttle_limits=true" in dial_string(many).partition("}")[0]


def test_members_who_must_confirm_hear_the_prompt_and_press_one() -> None:
    text = dial_string([leg(confirm=Confirm("ivr/accept.wav", 10.0))])
    assert "group_confirm_key=1,group_confirm_file=ivr/accept.wav,group_confirm_timeout=13" in text
    assert "group_confirm" not in dial_string([leg()])


def test_an_external_number_goes_through_its_gateway() -> None:
    assert external_endpoint(parse_member("+14155550123@carrier")) == "sofia/gateway/carrier/+14155550123"


@pytest.mark.parametrize(
    "wrong",
    [
        leg(uuid="a,b"),
        leg(presence_id="1001@pbx.test]"),
        leg(presence_id="${system(x)}@pbx.test"),
        leg(confirm=Confirm("say it, now", 5.0)),
    ],
)
def test_a_part_that_does_not_fit_its_kind_is_refused_when_it_is_sent(wrong: LegPlan) -> None:
    with pytest.raises(BadValue):
        dial_string([wrong])


@pytest.mark.parametrize("address", [MemberAddress("+1415", "a b"), MemberAddress("12;3", "carrier")])
def test_an_external_number_is_checked_again_when_it_is_sent(address: MemberAddress) -> None:
    with pytest.raises(BadValue):
        external_endpoint(address)


MARK = "5f0c"


def test_an_extension_is_checked_again_when_the_switch_is_asked_for_its_phones() -> None:
    assert contact_query(MemberAddress("1001"), "pbx.test", MARK).lines == ("api sofia_contact */1001@pbx.test/5f0c",)
    with pytest.raises(BadValue):
        contact_query(MemberAddress("1001 x"), "pbx.test", MARK)


def test_all_phones_of_a_user_are_taken() -> None:
    contacts = ["sofia/internal/sip:1001@10.0.0.2:5060", "sofia/internal/sip:1001@[2001:db8::2]:5060;transport=tcp"]
    assert contacts_of(",".join(MARK + contact for contact in contacts), MARK) == (contacts, [])


@pytest.mark.parametrize("answer", ["error/user_not_registered", "", "-ERR no such command"])
def test_an_unregistered_extension_has_no_phones(answer: str) -> None:
    assert contacts_of(answer, MARK) == ([], [])


@pytest.mark.parametrize(
    "registered",
    [
        "sofia/internal/sip:a@10.0.0.2;x=,sofia/internal/sip:1003@10.0.0.3",
        "sofia/internal/sip:a$@10.0.0.2;x=,[execute_on_answer=set:x]loopback/1003",
        "sofia/internal/sip:a@10.0.0.2|sofia/internal/sip:1003@10.0.0.3",
        "sofia/internal/sip:a@10.0.0.2:_:sofia/internal/sip:1003@10.0.0.3",
    ],
)
def test_a_contact_that_would_be_two_is_refused_as_a_whole_and_the_others_ring(registered: str) -> None:
    good = "sofia/internal/sip:1001@10.0.0.9:5060"
    assert contacts_of(f"{MARK}{registered},{MARK}{good}", MARK) == ([good], [registered])


@given(st.text(max_size=60))
def test_what_a_phone_registered_never_changes_the_dial_string(text: str) -> None:
    for contact in contacts_of(f"{MARK}sofia/internal/sip:1001@{text}", MARK)[0]:
        assert not set(contact) & set("{}|<>^$'\"\\ ,\r\n")
        assert ":_:" not in contact
