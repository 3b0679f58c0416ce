import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries import hunts
from fshunt.hunting.rotation import RotationPointer, next_index
from fshunt.services import groups, members
from tests.support.small_office import DOMAIN, NOON, PILOT, addresses, after, look, make_office

ONE, TWO, THREE, FOUR = addresses("1001", "1002", "1003", "1004")
MEMBERS = ("1001", "1002", "1003", "1004")


def turn_of(store: Store, group_id: int) -> RotationPointer | None:
    with store.reading() as s:
        return hunts.rotation_pointers(s, group_id)[1]


def answerer_of(store: Store, group_id: int) -> RotationPointer | None:
    with store.reading() as s:
        return hunts.rotation_pointers(s, group_id)[0]


def take(store: Store, group, uuid: str) -> RotationPointer | None:
    """Take the turn as round-robin does: the first is the one after the remembered member."""
    ids = [m.id for m in group.members]
    with store.writing() as s:
        return hunts.move_first(s, group.id, uuid, lambda memory: ids[next_index(memory, ids)])


def answer(store: Store, group, position: int, uuid: str, at=NOON, moves=True) -> None:
    with store.writing() as s:
        hunts.note_answer(s, group.id, group.members[position - 1].id, call_uuid=uuid, at=at, moves_answerer=moves)


def test_a_new_group_remembers_nothing(store):
    group = make_office(store, *MEMBERS)
    with store.reading() as s:
        assert hunts.rotation_pointers(s, group.id) == (None, None)


def test_the_turn_moves_once_a_call(store):
    group = make_office(store, *MEMBERS)
    first, second = group.members[:2]
    assert take(store, group, "a") is None
    assert take(store, group, "b") == RotationPointer(first.id, 1)
    assert turn_of(store, group.id) == RotationPointer(second.id, 2)


def test_a_step_tried_twice_moves_nothing_and_decides_the_same(store):
    group = make_office(store, *MEMBERS)
    take(store, group, "a")
    before = take(store, group, "b")
    now = turn_of(store, group.id)
    assert take(store, group, "b") == before
    assert turn_of(store, group.id) == now


def test_a_step_tried_again_after_other_calls_moves_nothing_and_decides_the_same(store):
    group = make_office(store, *MEMBERS)
    before = {uuid: take(store, group, uuid) for uuid in "abcde"}
    now = turn_of(store, group.id)
    assert {uuid: take(store, group, uuid) for uuid in "abcde"} == before
    assert turn_of(store, group.id) == now


def test_a_group_without_members_moves_nothing(store):
    group = make_office(store)
    with store.writing() as s:
        assert hunts.move_first(s, group.id, "a", lambda _pointer: None) is None
    assert turn_of(store, group.id) is None


def test_a_removed_member_moves_nothing(store):
    group = make_office(store, *MEMBERS)
    take(store, group, "a")
    with store.writing() as s:
        members.remove_member(s, DOMAIN, PILOT, TWO)
    assert take(store, group, "b") == RotationPointer(group.members[0].id, 1)
    assert turn_of(store, group.id) == RotationPointer(group.members[0].id, 1)


def test_a_group_that_was_removed_meanwhile_is_no_fault(store):
    group = make_office(store, *MEMBERS)
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    assert take(store, group, "a") is None
    answer(store, group, 1, "a")


def test_a_member_of_another_group_is_never_remembered(store):
    group = make_office(store, *MEMBERS)
    other = make_office(store, "2001", pilot="5001")
    with store.writing() as s:
        hunts.move_first(s, group.id, "a", lambda _pointer: other.members[0].id)
    assert turn_of(store, group.id) is None


def test_the_answerer_moves_once_a_call_whatever_else_is_answered(store):
    group = make_office(store, *MEMBERS)
    answer(store, group, 1, "a")
    answer(store, group, 3, "b")
    answer(store, group, 1, "a")
    assert answerer_of(store, group.id) == RotationPointer(group.members[2].id, 3)
    assert turn_of(store, group.id) is None


def test_one_call_may_move_both_memories(store):
    group = make_office(store, *MEMBERS)
    take(store, group, "a")
    answer(store, group, 3, "a")
    with store.reading() as s:
        assert hunts.rotation_pointers(s, group.id) == (
            RotationPointer(group.members[2].id, 3),
            RotationPointer(group.members[0].id, 1),
        )


def test_a_policy_that_does_not_remember_the_answerer_moves_nothing(store):
    group = make_office(store, *MEMBERS)
    answer(store, group, 2, "a", moves=False)
    assert answerer_of(store, group.id) is None
    assert look(store).members[1].idle_since == NOON


def test_each_group_remembers_for_itself(store):
    here, there = make_office(store, *MEMBERS), make_office(store, "2001", pilot="5001")
    take(store, here, "a")
    assert turn_of(store, there.id) is None
    assert take(store, there, "a") is None
    assert turn_of(store, there.id) == RotationPointer(there.members[0].id, 1)


def test_the_rotation_pointer_survives_a_restart(database_url):
    from fshunt.db.engine import open_store

    first = open_store(database_url)
    group = make_office(first, *MEMBERS)
    take(first, group, "a")
    first.close()
    second = open_store(database_url)
    assert turn_of(second, group.id) == RotationPointer(group.members[0].id, 1)
    second.close()


def test_old_moves_are_forgotten_and_new_ones_are_not(store, monkeypatch):
    monkeypatch.setattr(hunts, "KEPT_MOVES", 10)
    monkeypatch.setattr(hunts, "FORGET_EVERY", 5)
    group = make_office(store, *MEMBERS)
    before = {n: take(store, group, f"call {n}") for n in range(40)}
    with store.reading() as s:
        kept = s.connection().exec_driver_sql("SELECT count(*) FROM rotation_moves").scalar_one()
    assert 10 <= kept < 15
    now = turn_of(store, group.id)
    assert {n: take(store, group, f"call {n}") for n in range(30, 40)} == {n: before[n] for n in range(30, 40)}
    assert turn_of(store, group.id) == now


def test_calls_at_once_take_their_turns_one_after_the_other(store):
    """Round-robin with members who are always free differs by at most one (invariant I8), also under load."""
    group = make_office(store, *MEMBERS)
    ids = [m.id for m in group.members]
    start = threading.Barrier(6)

    def rush(caller: int) -> list[int]:
        start.wait()
        return [ids[next_index(take(store, group, f"{caller}.{n}"), ids)] for n in range(7)]

    with ThreadPoolExecutor(6) as pool:
        firsts = Counter(first for each in pool.map(rush, range(6)) for first in each)
    assert sum(firsts.values()) == 42
    assert max(firsts.values()) - min(firsts.values()) <= 1


def test_two_daemons_take_their_turns_one_after_the_other(store, database_url):
    from fshunt.db.engine import open_store

    other = open_store(database_url)
    group = make_office(store, *MEMBERS)
    ids = [m.id for m in group.members]
    inside, go_on = threading.Event(), threading.Event()

    def slowly(memory: RotationPointer | None) -> int:
        inside.set()
        assert go_on.wait(10)
        return ids[next_index(memory, ids)]

    def take_slowly() -> None:
        with store.writing() as s:
            hunts.move_first(s, group.id, "slow", slowly)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(take_slowly)
        assert inside.wait(10)
        quick = pool.submit(take, other, group, "quick")
        assert not quick.done()
        go_on.set()
        slow.result(10)
        assert quick.result(10) == RotationPointer(ids[0], 1)
    other.close()


@pytest.mark.parametrize("at", [NOON, after(-60), after(-0.000001)])
def test_a_stamp_never_goes_back(store, at):
    group = make_office(store, "1001")
    answer(store, group, 1, "a", at=NOON)
    answer(store, group, 1, "b", at=at)
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=at)
    assert look(store).members[0].idle_since == NOON


def test_a_stamp_goes_forward_by_a_microsecond(store):
    group = make_office(store, "1001")
    answer(store, group, 1, "a", at=NOON)
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=after(0.000001))
    assert look(store).members[0].idle_since == after(0.000001)
