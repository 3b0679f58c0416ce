"""TOTP: the codes of RFC 6238, appendix B (its last six digits), and the window of time."""

import base64
from datetime import UTC, datetime

import pytest

from fshunt.services.one_time_codes import code_at, new_totp_secret, step_at, step_of, totp_uri

SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_vectors_of_the_standard(seconds, code):
    assert code_at(SECRET, seconds // 30) == code
    assert step_of(SECRET, code, at(seconds)) == seconds // 30


def test_a_phone_whose_clock_is_a_step_off_is_right_and_two_are_not():
    for off, right in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        code = code_at(SECRET, step_at(at(1111111111 + off)))
        assert (step_of(SECRET, code, at(1111111111)) is not None) is right, off


@pytest.mark.parametrize(
    "code", ["", "28708", "2870821", "abcdef", "\N{FULLWIDTH DIGIT TWO}87082", "\ud800", "287082\0", "-87082"]
)
def test_what_is_no_code_is_wrong(code):
    assert step_of(SECRET, code, at(59)) is None


def test_a_code_may_be_typed_with_a_space():
    assert step_of(SECRET, " 287 082\n", at(59)) == 1


def test_a_secret_is_new_each_time_and_what_apps_take():
    first, second = new_totp_secret(), new_totp_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20
    assert totp_uri("ana@x", first, "fshunt pbx") == (
        f"otpauth://totp/fshunt%20pbx:ana%40x?secret={first}&issuer=fshunt%20pbx"
    )
