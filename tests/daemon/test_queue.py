"""When a member may be free, the first queued caller of that member is woken (design, section 4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.daemon.cluster.queue import CallQueue, MemberKey, QueuedCaller

A, B = ("pbx.test", "1001"), ("pbx.test", "1002")


class Row:
    """A queue, and the callers that were woken."""

    def __init__(self) -> None:
        self.queue, self.woken = CallQueue(), list[str]()

    def caller(self, name: str, group_id: int = 1) -> QueuedCaller:
        return QueuedCaller(name, group_id, lambda: self.woken.append(name))

    def joined(self, name: str, *keys: MemberKey) -> QueuedCaller:
        caller = self.caller(name)
        self.queue.join(caller, keys)
        return caller


@pytest.fixture
def row() -> Row:
    return Row()


def test_the_longest_waiting_caller_of_the_member_is_woken(row: Row) -> None:
    row.joined("declined 1001 before", B)
    row.joined("first", A, B)
    row.joined("second", A)
    row.queue.member_may_be_free(A)
    assert row.woken == ["first"]


def test_a_switch_names_the_member_in_small_letters(row: Row) -> None:
    row.joined("first", ("PBX.test", "Alice"))
    row.queue.presence_changed("alice@pbx.test")
    row.queue.presence_changed("bob@pbx.test")
    assert row.woken == ["first"]


def test_when_somebody_leaves_the_next_is_woken(row: Row) -> None:
    first = row.joined("first", A)
    row.joined("second", A)
    row.queue.leave(first)
    row.queue.leave(first)
    assert row.woken == ["second"]


def test_a_new_caller_is_behind_all_queued_callers(row: Row) -> None:
    first, second = row.joined("first", A), row.joined("second", A)
    newcomer = row.caller("newcomer")
    kept = [row.queue.is_kept_for_another(A, who) for who in (first, second, newcomer, None)]
    assert kept == [False, True, True, True]
    assert not row.queue.is_kept_for_another(B, None)


def test_a_caller_who_returns_has_the_same_ticket(row: Row) -> None:
    first, second = row.joined("first", A), row.joined("second", A)
    row.queue.leave(first)
    row.queue.join(first, [A])
    assert not row.queue.is_kept_for_another(A, first)
    assert row.queue.is_kept_for_another(A, second)


def test_any_change_wakes_the_first_caller_of_each_member_and_nobody_else(row: Row) -> None:
    for name, keys in (("first", [A]), ("second", [A]), ("third", [A, B])):
        row.joined(name, *keys)
    row.queue.domain_changed("other.test")
    row.queue.member_may_be_free(("other.test", "1001"))
    assert row.woken == []
    row.queue.domain_changed("PBX.test")
    assert row.woken == ["first", "third"]
    row.queue.something_changed()
    assert row.woken == ["first", "third"] * 2


def test_callers_whose_entries_the_database_has_lost_join_again(row: Row) -> None:
    known, unknown = row.joined("known", A), row.joined("unknown", A)
    known.joined = True
    assert row.queue.joined == {"known"}
    row.queue.join_again(["known", "unknown", "gone"])
    assert (row.woken, known.joined, unknown.joined) == (["known"], False, False)


@given(st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 5), st.sets(st.sampled_from([A, B])))))
def test_first_come_first_served_whatever_is_done(steps: list[tuple[str, int, Any]]) -> None:
    row = Row()
    callers = [row.caller(str(number)) for number in range(6)]
    arrived: list[QueuedCaller] = []
    for what, number, keys in steps:
        caller = callers[number]
        if what == "join":
            row.queue.join(caller, keys)
            arrived += [caller] if caller not in arrived else []
        else:
            row.queue.leave(caller)
    there = [w for w in arrived if w.hunt_id in row.queue.hunt_ids]
    for key in (A, B):
        row.woken.clear()
        row.queue.member_may_be_free(key)
        assert row.woken == [w.hunt_id for w in there if key in w.keys][:1]
