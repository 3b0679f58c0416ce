"""Dial strings: what rings the phones of a stage, and what is never let into one (design, section 9; invariant I10)."""

from __future__ import annotations

import re
import string
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.esl import commands
from fshunt.freeswitch.dialstring import (
    BACKSTOP_SECONDS,
    CONFIRM_TONE,
    FEW_LEGS,
    Confirm,
    LegPlan,
    as_dialled,
    dial_string,
    external_endpoint,
)
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.simulator.dialplan.dialstring import parse


def leg(uuid: str = "a-1", endpoint: str = "sofia/internal/sip:1001@10.0.0.2:5060", **more: object) -> LegPlan:
    values = {"presence_id": "1001@pbx.test", "longest": 18.2, **more}
    return LegPlan(uuid, endpoint, **values)  # type: ignore[arg-type]


def test_each_leg_is_named_and_has_a_backstop_longer_than_its_ring_time() -> None:
    text = dial_string([leg("a-1"), leg("b-2")])
    assert text.startswith("{ignore_early_media=true,outbound_redirect_fatal=true,")
    assert ",originate_timeout=" in text.partition("}")[0]
    assert ",fshunt_rings=true,execute_on_answer_fshunt_rings=unset fshunt_rings" in text.partition("}")[0]
    for uuid in ("a-1", "b-2"):
        assert f"[origination_uuid={uuid},leg_timeout={19 + BACKSTOP_SECONDS}," in text
    assert text.count("sofia/internal/sip:1001@10.0.0.2:5060") == 2


def test_the_switch_does_not_end_the_whole_stage_before_a_leg_and_its_confirmation_are_over() -> None:
    text = dial_string([leg(longest=100.0, confirm=Confirm("ivr/accept.wav", 30.0))])
    whole = int(re.findall(r"originate_timeout=(\d+)", text)[0])
    assert whole > 130


def test_only_many_phones_pass_the_limits_of_the_switch() -> None:
    few, many = ([leg(f"a-{number}") for number in range(count)] for count in (FEW_LEGS, FEW_LEGS + 1))
    assert "no_throttle_limits" not in dial_string(few)
    assert "no_throttle_limits=true" in dial_string(many).partition("}")[0]


def test_members_who_must_confirm_hear_the_prompt_and_press_one() -> None:
    text = dial_string([leg(confirm=Confirm("ivr/accept.wav", 10.0))])
    prompt = f"file_string://ivr/accept.wav!{CONFIRM_TONE}"
    assert f"~group_confirm_key=1~group_confirm_file={prompt}~group_confirm_timeout=13~" in text
    assert "start_dtmf" not in text
    assert "group_confirm" not in dial_string([leg()])


@pytest.mark.parametrize("prompt", ["tone_stream://%(100,50,440);loops=3", "silence_stream://200"])
def test_a_prompt_that_needs_no_file_is_played_alone(prompt: str) -> None:
    assert f"~group_confirm_file={prompt}~" in dial_string([leg(confirm=Confirm(prompt, 10.0))])


def test_the_simulator_reads_the_commas_of_a_tone_as_freeswitch_does() -> None:
    dialled = parse(dial_string([leg(confirm=Confirm("ivr/accept.wav", 10.0, inband_dtmf=True)), leg("b-2")]))
    asked, plain = (target.variables for target in dialled.groups[0])
    assert asked["group_confirm_file"].endswith(CONFIRM_TONE)
    assert (asked["origination_uuid"], plain["origination_uuid"]) == ("a-1", "b-2")
    assert (asked["execute_on_answer"], asked["bridge_pre_execute_app"]) == ("start_dtmf", "stop_dtmf")
    assert "group_confirm_key" not in plain


def test_an_external_number_goes_through_its_gateway() -> None:
    assert external_endpoint(parse_member("+14155550123@carrier")) == "sofia/gateway/carrier/+14155550123"


@pytest.mark.parametrize(
    "wrong",
    [
        leg(uuid="a,b"),
        leg(presence_id="1001@pbx.test]"),
        leg(presence_id="${system(x)}@pbx.test"),
        leg(confirm=Confirm("say it, now", 5.0)),
        leg(confirm=Confirm("a.wav~group_confirm_key=exec", 5.0)),
        leg(confirm=Confirm("a.wav!local_stream://x", 5.0)),
        leg(confirm=Confirm("tone_stream://%(1,1,1)]", 5.0)),
    ],
)
def test_a_part_that_does_not_fit_its_kind_is_refused_when_it_is_sent(wrong: LegPlan) -> None:
    with pytest.raises(BadValue):
        dial_string([wrong])


@pytest.mark.parametrize("address", [MemberAddress("+1415", "a b"), MemberAddress("12;3", "carrier")])
def test_an_external_number_is_checked_again_when_it_is_sent(address: MemberAddress) -> None:
    with pytest.raises(BadValue):
        external_endpoint(address)


LEGAL = string.ascii_letters + string.digits + "-_.!~*'();/?:@&=+$,[]"
PARTS = st.sampled_from([*LEGAL, "%41", ":_:", "[::1]", "mod_event_socket"])
ODD = st.lists(PARTS, min_size=1, max_size=30).map("".join)


@given(st.lists(ODD, min_size=1, max_size=4))
@example(["mod_event_socket"])
@example([":_:_:", "a,b'c'd$", "[", "]", "[,]"])
def test_every_legal_address_reaches_its_phone_and_no_other(addresses: list[str]) -> None:
    """Invariant I10: the dial string parses back to exactly the legs that were meant, and it can be sent."""
    registered = [f"sofia/internal/sip:1001@10.0.0.2;x={address}" for address in addresses]
    text = dial_string([leg(f"a-{number}", endpoint) for number, endpoint in enumerate(registered)])
    commands.execute("bridge", text, "u-1")
    ((*targets,),) = parse(text).groups
    assert [unquote(target.endpoint) for target in targets] == [unquote(endpoint) for endpoint in registered]
    assert [target.variables["origination_uuid"] for target in targets] == [f"a-{n}" for n in range(len(targets))]


def test_an_ordinary_contact_is_dialled_as_it_is() -> None:
    for contact in (
        "sofia/internal/sip:1001@10.0.0.2:5060;transport=tcp",
        "sofia/internal/sip:1001@[2001:db8::2]:5060",
    ):
        assert as_dialled(contact) == contact


@pytest.mark.parametrize(
    "wrong", ["sofia/internal/sip:a|b", "sofia/internal/sip:a{b}", "sofia/internal/sip:a b", "1001"]
)
def test_what_is_no_address_is_refused_when_it_is_sent(wrong: str) -> None:
    with pytest.raises(BadValue):
        dial_string([leg(endpoint=wrong)])
