"""Whether a number that a caller shows is that of an external member."""

from __future__ import annotations

import pytest

from fshunt.hunting.addresses import parse_member


@pytest.mark.parametrize("shown", ["+4915155512345", "4915155512345", "004915155512345", "015155512345", "15155512345"])
def test_a_number_is_the_members_in_each_form_that_a_carrier_shows(shown: str) -> None:
    for member in ("+4915155512345@carrier", "004915155512345@carrier", "015155512345@carrier"):
        assert parse_member(member).has_number(shown)


@pytest.mark.parametrize(
    "shown", ["", "12345", "5512345", "+4915155512346", "+494915155512345", "anonymous", "1001", "+", "0", "+49 151"]
)
def test_another_number_is_not(shown: str) -> None:
    assert not parse_member("+4915155512345@carrier").has_number(shown)


def test_an_extension_has_no_number_of_the_world() -> None:
    assert not parse_member("15155512345").has_number("15155512345")
