"""The caller, read from the variables of the channel."""

from __future__ import annotations

import pytest

from fshunt.daemon.call.caller import caller_of
from fshunt.esl.frames import Frame


def test_an_arrival_is_one_for_all_daemons_and_another_after_a_transfer() -> None:
    def arrival(more: str) -> str:
        return caller_of(Frame(f"Unique-ID: u\n{more}".encode()), "u").arrival

    assert arrival("Caller-Profile-Index: 1\n") == arrival("") == arrival("Caller-Profile-Index: x\n") == "u"
    assert arrival("Caller-Profile-Index: 2\n") == "u#2"
    assert arrival("Caller-Profile-Index: 3\n") == "u#3"


LOGIN = "variable_user_name: 1009\nvariable_domain_name: Pbx.test\n"


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ("Call-Direction: inbound\nChannel-Presence-ID: 1002@PBX.test\n" + LOGIN, {"1009@pbx.test"}),
        ("Call-Direction: inbound\nChannel-Presence-ID: 1002@PBX.test\n", {"1002@pbx.test"}),
        ("Call-Direction: outbound\nChannel-Presence-ID: 1002@PBX.test\n" + LOGIN, {"1002@pbx.test"}),
        ("Call-Direction: inbound\n", set()),
    ],
    ids=["the login, whatever the From says", "the From where nobody logged in", "a phone that was called", "unknown"],
)
def test_the_caller_is_identified_as_by_the_monitor(headers: str, who: set[str]) -> None:
    assert caller_of(Frame(f"Unique-ID: u\n{headers}".encode()), "u").presence_ids == who


@pytest.mark.parametrize(
    ("headers", "withheld"),
    [
        ("Caller-Privacy-Hide-Number: false\nCaller-Privacy-Hide-Name: false\n", False),
        ("Caller-Privacy-Hide-Number: true\nCaller-Privacy-Hide-Name: false\n", True),
        ("Caller-Privacy-Hide-Number: false\nCaller-Privacy-Hide-Name: true\n", True),
    ],
)
def test_the_caller_may_be_withheld(headers: str, withheld: bool) -> None:
    assert caller_of(Frame(f"Unique-ID: u\n{headers}".encode()), "u").withheld is withheld


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550100", "+14155550100"),
        ("0100", "0100"),
        ("anonymous", None),
        ("1%5D", None),
        ("%D9%A4", None),
        ("", None),
    ],
)
def test_only_a_number_of_digits_is_shown_elsewhere(number: str, shown: str | None) -> None:
    assert caller_of(Frame(f"Unique-ID: u\nCaller-Caller-ID-Number: {number}\n".encode()), "u").shown_number == shown
