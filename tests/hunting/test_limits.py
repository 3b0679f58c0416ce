"""The limits of a group, as pure rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fshunt.errors import FshuntError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group, Member
from fshunt.hunting.limits import (
    DEFAULT_LIMITS,
    LIMIT_FIELDS,
    NO_LIMITS,
    Limits,
    beyond,
    beyond_now,
    limit_values,
    limits_of_json,
)
from fshunt.hunting.ringtime import RingTime

GROUP = Group(id=1, domain="pbx.test", pilot="5000")
SECONDS_PER_RING = 6.0


def of(*members: str) -> Group:
    made = [Member(id=i, position=i, address=parse_member(text)) for i, text in enumerate(members, 1)]
    return replace(GROUP, members=tuple(made))


def found(limits: Limits, before: Group, after: Group) -> dict[str, str]:
    return beyond(limits, before, after, SECONDS_PER_RING, lambda number: number == "6000")


def test_a_policy_that_is_not_allowed_is_beyond_unless_the_group_has_it() -> None:
    limits = Limits(policies=("regular", "circular"))
    weighted = replace(GROUP, policy="weighted")
    assert found(limits, GROUP, weighted) == {
        "policy": "This group may not have the policy weighted: its provider allows regular, circular."
    }
    assert found(limits, weighted, replace(weighted, name="Shop")) == {}
    assert found(limits, weighted, GROUP) == {}


@pytest.mark.parametrize(
    ("time", "column"),
    [(RingTime(rings=6), "rings"), (RingTime(seconds=30.5), "ring_seconds"), (RingTime(rings=5), "")],
)
def test_a_ring_time_of_the_group_or_a_member_has_a_longest(time: RingTime, column: str) -> None:
    limits = Limits(max_ring_seconds=30)
    with_members = of("1001")
    slow = replace(with_members, members=(replace(with_members.members[0], ring_time=time),))
    for before, after in ((GROUP, replace(GROUP, ring_time=time)), (with_members, slow)):
        assert list(found(limits, before, after)) == ([column] if column else [])
    assert found(limits, slow, slow) == {}, "what is there stays"


def test_external_members_are_counted_and_those_that_are_there_may_stay() -> None:
    one, two = of("1001", "+4930@carrier"), of("1001", "+4930@carrier", "+4940@carrier")
    assert found(Limits(max_external_members=1), of("1001"), one) == {}
    assert found(Limits(max_external_members=1), one, two) == {
        "extension": "The provider allows this group 1 external members at most, not 2."
    }
    refused = found(Limits(max_external_members=0), GROUP, one)["extension"]
    assert refused == "This group may have no external members: its provider has allowed none."
    assert found(Limits(max_external_members=0), two, one) == {}, "fewer than before"


def test_external_members_go_through_the_gateways_that_are_allowed() -> None:
    limits = Limits(gateways=("cheap", "other"))
    assert found(limits, GROUP, of("+4930@cheap")) == {}
    assert found(limits, GROUP, of("+4930@dear")) == {
        "extension": "No member of this group may be reached through dear: its provider allows cheap, other."
    }


@pytest.mark.parametrize(
    ("where", "is_beyond"), [("transfer:6000", False), ("transfer:0900", True), ("voicemail:1", False)]
)
def test_callers_go_on_to_pilots_alone(where: str, is_beyond: bool) -> None:
    limits = Limits(transfers_to_pilots=True)
    after = replace(GROUP, on_busy=parse_destination(where))
    assert ("on_busy" in found(limits, GROUP, after)) is is_beyond
    assert found(limits, after, after) == {}
    assert found(NO_LIMITS, GROUP, after) == {}


def test_what_is_beyond_by_now_is_said_once_each() -> None:
    limits = Limits(policies=("circular",), max_ring_seconds=10, max_external_members=0)
    sentences = beyond_now(limits, of("+4930@carrier"), SECONDS_PER_RING, lambda _number: True)
    assert len(sentences) == 3
    assert beyond_now(NO_LIMITS, of("+4930@carrier"), SECONDS_PER_RING, lambda _number: True) == []


def test_limits_are_the_same_after_json() -> None:
    limits = Limits(("regular", "weighted"), 30.0, 2, ("a", "b"), True)
    assert limits_of_json(limit_values(limits)) == limits
    assert limits_of_json({}) == DEFAULT_LIMITS
    assert limits_of_json(limit_values(NO_LIMITS)) == NO_LIMITS
    assert set(LIMIT_FIELDS) == set(limit_values(NO_LIMITS))


@pytest.mark.parametrize(
    "values",
    [
        {"policies": []},
        {"policies": ["quick"]},
        {"max_ring_seconds": 0.5},
        {"max_external_members": -1},
        {"gateways": ["a b"]},
        {"gateways": []},
    ],
)
def test_limits_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(FshuntError):
        limits_of_json(values)
