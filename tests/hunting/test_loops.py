"""Groups that overflow into each other, and a caller who goes round."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from fshunt.hunting.destinations import GROUP_BOX, Destination, parse_destination
from fshunt.hunting.group import Group, WhenBusy
from fshunt.hunting.hunt import Case, Hunt
from fshunt.hunting.loops import Overflows, loop_of, loop_warnings, overflows_of
from fshunt.hunting.policy_input import policy_input_of


def group(pilot: str, *numbers: str) -> Group:
    """A group that overflows to these numbers: if nobody answers, if all are busy, if nobody can be reached."""
    places = [parse_destination(f"transfer:{number}") if number else GROUP_BOX for number in numbers]
    no_answer, busy, unreachable = (*places, *[GROUP_BOX] * 3)[:3]
    return Group(id=0, domain="pbx.test", pilot=pilot, on_no_answer=no_answer, on_busy=busy, on_unreachable=unreachable)


@pytest.mark.parametrize(
    ("groups", "way"),
    [
        ([group("5000"), group("5001", "5000")], ()),
        ([group("5000", "5001"), group("5001", "", "5000")], ("5000", "5001", "5000")),
        ([group("5000", "5001"), group("5001", "5002"), group("5002", "5001")], ()),
        (
            [
                group("5000", "5001", "5002"),
                group("5001", "5003"),
                group("5002", "", "", "5000"),
                group("5003", "5000"),
            ],
            ("5000", "5002", "5000"),
        ),
        ([group("5000", "1005"), group("5001", "5000")], ()),
    ],
    ids=["none", "two", "two others", "the shortest", "an extension"],
)
def test_the_way_back_into_a_group(groups: list[Group], way: tuple[str, ...]) -> None:
    asked: list[str] = []

    def groups_with(pilots: Collection[str]) -> list[Group]:
        asked.extend(pilots)
        return [each for each in groups if each.pilot in pilots]

    assert loop_of(groups[0], groups_with) == way
    assert len(asked) == len(set(asked)), "no number is looked up twice"
    warnings = loop_warnings(groups[0], groups_with)
    assert len(warnings) == bool(way)
    assert all(" to ".join(way) in warning for warning in warnings)
    assert all("hung up, as it has no voicemail box" in warning for warning in warnings)
    with_box = replace(groups[0], voicemail="1009")
    assert all(warning.endswith("its voicemail box, 1009.") for warning in loop_warnings(with_box, groups_with))


def test_the_third_entry_into_a_group_is_one_too_many() -> None:
    caller = Overflows()
    for group_id, is_loop in ((5, False), (6, False), (5, False), (6, False), (5, True), (7, False)):
        assert caller.is_loop(group_id) is is_loop
        caller = overflows_of(caller.leaving(group_id), "whatever arrival")
    assert caller.groups == (5, 6, 5, 6, 5, 7)


def test_what_a_caller_has_overflowed_from_holds_for_one_arrival_only() -> None:
    arrived = Overflows((5, 6)).arrived("uuid#3")
    assert overflows_of(arrived, "uuid#3") == Overflows((5, 6)), "another daemon takes the same arrival over"
    assert overflows_of(arrived, "uuid#4") == Overflows(), "a person has sent the caller there"
    assert Overflows().arrived("uuid") == ""


@pytest.mark.parametrize("text", ["", "x", "5,6", "5.", ".5", "-5", "5@", "\N{ARABIC-INDIC DIGIT FIVE}", "5.6\n"])
def test_any_other_text_holds_nothing(text: str) -> None:
    assert overflows_of(text, "uuid") == Overflows()


@pytest.mark.parametrize(
    ("box", "destination"), [("1009", "voicemail:1009"), (None, "hangup:NO_ANSWER")], ids=["a box", "no box"]
)
def test_a_loop_ends_in_the_box_of_the_group_and_rings_nobody(box: str | None, destination: str) -> None:
    some = Group(
        id=5,
        domain="pbx.test",
        pilot="5000",
        voicemail=box,
        when_busy=WhenBusy.QUEUE,
        on_unreachable=Destination(parse_destination("transfer:5001").kind, "5001"),
    )
    hunt = Hunt("h", "u", some, policy_input_of(some, None, None, 0), overflows=Overflows((5, 6, 5)))
    assert list(hunt.stages()) == []
    assert not hunt.waits()
    assert (hunt.case(), str(hunt.destination())) == (Case.LOOP, destination)
    once = Hunt("h", "u", some, policy_input_of(some, None, None, 0), overflows=Overflows((5, 6)))
    assert (once.case(), str(once.destination())) == (Case.UNREACHABLE, "transfer:5001")
