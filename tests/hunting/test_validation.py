"""What fits its kind is returned unchanged; what does not is refused, never repaired (design, section 9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import BadValue
from fshunt.hunting import validation
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.destinations import GROUP_BOX, parse_destination
from fshunt.hunting.hangup_causes import HANGUP_CAUSES
from fshunt.hunting.ringtime import RingTime

SENT = [
    validation.check_extension,
    validation.check_pilot,
    validation.check_transfer_number,
    validation.check_external_number,
    validation.check_gateway,
    validation.check_domain,
    validation.check_cause,
    validation.check_music,
    validation.check_prompt,
    validation.check_context,
    validation.check_profile,
    validation.check_uuid,
    validation.check_prefix,
    validation.check_name,
    validation.check_caller_name,
]
GOOD = {
    validation.check_extension: ["1001", "anna.b", "1_0-0", "+1001", "+" + "1" * 31],
    validation.check_pilot: ["5000", "*77", "+14155550100"],
    validation.check_external_number: ["+14155550123", "0049301234"],
    validation.check_gateway: ["carrier", "sip.carrier-1"],
    validation.check_domain: ["pbx.test", "10.0.0.1", "a"],
    validation.check_cause: ["USER_BUSY", "NO_ANSWER"],
    validation.check_music: ["local_stream://moh", "tone_stream://%(2000,4000,440,480);loops=-1", "/var/sounds/a.wav"],
    validation.check_prefix: ["Sales", "Büro Süd -", "R&D #2"],
    validation.check_name: ["Sales", "Büro & Co. (Süd)"],
    validation.check_caller_name: ["O'Brien, J.", "Анна"],
    validation.check_call_uuid: ["3f2a9c41-0000", "a.b!%*_+`'~()<>:\\\"/[]?{}@host", "x" * 256, "a:_:b"],
    validation.check_contact: ["sofia/internal/sip:1001@10.0.0.2:5060;transport=tcp;fs_path=sip%3A10.0.0.9"],
}


@pytest.mark.parametrize(("check", "value"), [(c, v) for c, values in GOOD.items() for v in values])
def test_good_values_are_returned_as_they_are(check: Callable[[str], str], value: str) -> None:
    assert check(value) == value


@pytest.mark.parametrize(
    "value", ["", "two words", "a\nb", "a\x7f", "x" * 257, "\N{LATIN SMALL LETTER U WITH DIAERESIS}"]
)
def test_a_callers_uuid_is_one_word_of_what_can_be_printed(value: str) -> None:
    with pytest.raises(BadValue):
        validation.check_call_uuid(value)


@pytest.mark.parametrize("check", SENT)
@given(
    good=st.text("ab1", min_size=2, max_size=5), bad=st.sampled_from('${}[]<>|^\\"`\n\r\0\x7f'), at=st.integers(0, 5)
)
def test_no_kind_lets_a_character_of_the_dial_string_through(
    check: Callable[[str], str], good: str, bad: str, at: int
) -> None:
    with pytest.raises(BadValue):
        check(good[:at] + bad + good[at:])


@pytest.mark.parametrize("check", SENT)
@given(value=st.text(max_size=40))
def test_no_accepted_value_expands_breaks_a_line_or_enables_enterprise_dialling(
    check: Callable[[str], str], value: str
) -> None:
    if validation.fits(check, value):
        assert not set(value) & set('$\n\r\0{}[]|<>\\"')
        assert ":_:" not in value


@pytest.mark.parametrize(
    "text",
    ["", "10 01", "1001@", "@carrier", "1001@a b", "+1@carrier@x", "abc@carrier", "-1", "1,2", "+", "++1", "1+1"],
)
def test_what_is_no_member_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_member(text)


def test_members_are_written_as_they_are_read() -> None:
    assert parse_member("+14155550123@carrier") == MemberAddress("+14155550123", "carrier")
    assert [str(parse_member(text)) for text in ("1001", "+14155550123@carrier")] == ["1001", "+14155550123@carrier"]


@pytest.mark.parametrize(
    "text",
    ["", "mail:1001", "transfer", "transfer:", "hangup:busy", "hangup:USER_BUZY", "voicemail:10 01", "voicemail:"],
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_destination(text)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("USER_BUZY", "'USER_BUZY' is not a hang-up cause of FreeSWITCH: did you mean USER_BUSY?"),
        ("no_answer", "'no_answer' is not a hang-up cause of FreeSWITCH: did you mean NO_ANSWER?"),
        ("17", "'17' is not a hang-up cause of FreeSWITCH: use one such as USER_BUSY or NO_ANSWER."),
        ("NONE", "'NONE' is not a hang-up cause of FreeSWITCH: "),
        ("SUCCESS", "'SUCCESS' is not a hang-up cause of FreeSWITCH: "),
    ],
)
def test_a_cause_that_freeswitch_does_not_know_names_the_nearest(said: str, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        validation.check_cause(said)
    assert str(refused.value).startswith(sentence)


def test_every_cause_of_the_list_is_taken() -> None:
    assert {validation.check_cause(cause) for cause in HANGUP_CAUSES} == HANGUP_CAUSES


def test_destinations_are_written_as_they_are_read() -> None:
    for text in ("voicemail", "voicemail:1001", "transfer:5001", "hangup:USER_BUSY"):
        assert str(parse_destination(text)) == text
    assert parse_destination("voicemail") == GROUP_BOX


def test_ring_times_show_both_forms() -> None:
    assert RingTime(rings=3).describe(6) == "3 rings (18 s)"
    assert RingTime(rings=1).describe(6) == "1 ring (6 s)"
    assert RingTime(seconds=20).describe(6) == "20 s (3.3 rings)"
    assert RingTime(seconds=20).in_seconds(6) == 20
    assert RingTime(rings=2).in_seconds(5) == 10


@pytest.mark.parametrize(
    "wrong", [{}, {"rings": 1, "seconds": 1.0}, {"rings": 0}, {"rings": 101}, {"seconds": 0.5}, {"seconds": 601.0}]
)
def test_ring_times_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadValue):
        RingTime(**wrong)  # type: ignore[arg-type]
