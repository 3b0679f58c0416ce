"""The calls by which a caller is called back, as FreeSWITCH is told to make them."""

import pytest

from fshunt.errors import FshuntError
from fshunt.esl.frames import Frame, encode
from fshunt.freeswitch.callbacks import SERVES, Serving, call_in_place, dial_caller, serving_of, was_answered

SERVING = Serving(12, "a1b2-c3")
PLACE = {"domain": "pbx.test", "pilot": "5000", "context": "default", "number": "1005", "daemons": ["127.0.0.1:8084"]}
CALLER = {"number": "1005", "internal": True, "domain": "pbx.test", "dial_context": "default", "shown": "5000"}


def channel(value):
    return Frame(f"variable_{SERVES}: {encode(value)}".encode())


@pytest.mark.parametrize(
    "text", ["", "12", "12:", ":a1", "x:a1", "12:a b", "12:${x}", "-1:a1", "1234567890:a1", "12:a;b"]
)
def test_what_names_no_request_serves_none(text):
    assert serving_of(channel(text)) is None


def test_a_channel_names_its_request_as_it_was_told_to():
    assert serving_of(channel(str(SERVING))) == SERVING


def test_the_call_in_the_callers_place_comes_to_the_pilot_and_then_to_a_daemon():
    (wire,) = call_in_place(SERVING, **PLACE).lines
    assert wire.startswith("api bgapi originate '{origination_uuid=a1b2-c3,fshunt_callback=12:a1b2-c3,")
    assert "}loopback/5000/default' 'set:fshunt_callback_member=12:a1b2-c3," in wire
    assert wire.endswith(",socket:127.0.0.1:8084 async full,hangup:NORMAL_CLEARING' inline")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1005,a=b"),
        ("number", "10 05"),
        ("number", "}sofia/gateway/x/00"),
        ("pilot", "5000/x y"),
        ("context", "a'b"),
        ("domain", "pbx.test}"),
    ],
)
def test_what_is_no_number_is_dialled_nowhere(field, value):
    with pytest.raises(FshuntError):
        call_in_place(SERVING, **PLACE | {field: value})


def test_an_extension_is_called_at_its_phones_and_a_number_by_the_dialplan():
    assert dial_caller(SERVING, **CALLER).endswith("}user/1005@pbx.test")
    outside = dial_caller(SERVING, **CALLER | {"internal": False, "number": "+4930123", "dial_context": "public"})
    assert outside.endswith("}loopback/+4930123/public/XML")
    assert "execute_on_answer=db insert/fshunt_callbacks/a1b2-c3/answered" in outside


@pytest.mark.parametrize("number", ["", "x", "00;49", "1005@other.test", "1005,1006", "1005|1006", "${x}", "4930*"])
@pytest.mark.parametrize("internal", [True, False])
def test_no_other_text_than_a_number_is_dialled(number, internal):
    with pytest.raises(FshuntError):
        dial_caller(SERVING, **CALLER | {"number": number, "internal": internal})


@pytest.mark.parametrize(
    ("reply", "answered"),
    [("answered", True), ("", False), ("-ERR no reply\n", False), ("-ERR db Command not found!\n", None)],
)
def test_the_switch_says_whether_the_caller_has_answered(reply, answered):
    assert was_answered(reply) is answered
