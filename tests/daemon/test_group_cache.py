"""The group cache: the groups as last read, for calls without the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.db.queries.hunts import LoadedGroup
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.rotation import RotationPointer

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def group(domain: str, pilot: str, group_id: int, *extensions: str) -> LoadedGroup:
    members = tuple(Member(i, i, parse_member(text)) for i, text in enumerate(extensions, start=1))
    return LoadedGroup(Group(group_id, domain, pilot, members=members), None, None)


def calls(pilot: str, *, variable: str | None = None, name: str | None = None, host: str | None = None) -> Caller:
    return Caller("u", "u", "4155550100", "Lab", pilot, variable, name, host, "default", answered=False)


def found(group_cache: GroupCache, caller: Caller) -> int | None:
    loaded = group_cache.find(caller)
    return None if loaded is None else loaded.group.id


@pytest.fixture
def two() -> GroupCache:
    cache = GroupCache()
    cache.keep(group("One.test", "5000", 1, "1001", "1002"))
    cache.keep(group("two.test", "5000", 2, "1001"))
    return cache


def test_a_group_is_found_by_the_first_domain_that_is_named(two: GroupCache) -> None:
    assert found(two, calls("5000", variable="one.test", name="two.test")) == 1
    assert found(two, calls("5000", name="TWO.test", host="one.test")) == 2
    assert found(two, calls("5000", host="two.test")) == 2
    assert found(two, calls("5000", host="192.0.2.1")) is None, "its domain is ambiguous"
    assert found(two, calls("5001", host="one.test")) is None


def test_the_only_domain_takes_every_call_unless_the_dialplan_sets_another() -> None:
    cache = GroupCache()
    cache.keep(group("one.test", "5000", 1, "1001"))
    assert found(cache, calls("5000", host="192.0.2.1")) == 1
    assert found(cache, calls("5000", variable="other.test")) is None


def test_the_cache_follows_the_rotation_of_calls_except_for_removed_members(two: GroupCache) -> None:
    caller = calls("5000", variable="one.test")
    for member_id in (2, 99):
        two.first_moved(1, member_id)
        two.answered(1, member_id)
        two.idle_since(1, member_id, NOON)
    loaded = two.find(caller)
    assert loaded is not None
    assert (loaded.first, loaded.answerer) == (RotationPointer(2, 2), RotationPointer(2, 2))
    assert [m.idle_since for m in loaded.group.members] == [None, NOON]


def test_groups_that_have_changed_their_numbers_are_found_by_the_new_ones_alone(two: GroupCache) -> None:
    two.keep(group("one.test", "5001", 1, "1001"))
    assert found(two, calls("5000", variable="one.test")) is None
    two.keep(group("one.test", "5000", 3, "1001"))
    two.keep(group("one.test", "5001", 3, "1001"))  # the other one's, which is read in a moment
    two.keep(group("one.test", "5000", 1, "1001"))
    assert [found(two, calls(pilot, variable="one.test")) for pilot in ("5000", "5001")] == [1, 3]
    assert two.ids == {1, 2, 3}


def test_a_group_that_the_database_does_not_have_any_more_is_forgotten(two: GroupCache) -> None:
    caller = calls("5000", variable="one.test")
    two.forget(caller)
    two.forget(caller)
    assert found(two, caller) is None
    assert found(two, replace(caller, domain_variable="two.test")) == 2
