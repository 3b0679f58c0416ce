"""The rotation pointer follows the member; if the member is gone, its position counts (design, section 2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fshunt.hunting.rotation import RotationPointer, next_index


class MemoryMachine(RuleBasedStateMachine):
    """Compares RotationPointer with a list in which the remembered member leaves a bookmark when it goes."""

    @initialize(count=st.integers(1, 6), data=st.data())
    def begin(self, count: int, data: st.DataObject) -> None:
        self.members = list(range(1, count + 1))
        self.fresh = count + 1
        remembered = data.draw(st.sampled_from(self.members))
        self.pointer = RotationPointer(remembered, self.members.index(remembered) + 1)
        self.gap: list[int] | None = None  # when the remembered member is gone: the members after the gap, in order

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if len(self.members) < 2:
            return
        gone = data.draw(st.sampled_from(self.members))
        position = self.members.index(gone) + 1
        if gone == self.pointer.member_id:
            self.gap = self.members[position:] + self.members[: position - 1]
        elif self.gap is not None:
            self.gap.remove(gone)
        self.members.remove(gone)
        self.pointer = self.pointer.removed(gone, position)

    @rule(data=st.data())
    def add_at_the_end(self, data: st.DataObject) -> None:
        self.members.append(self.fresh)
        if self.gap is not None:
            in_front = self.members[: self.pointer.position - 1]
            self.gap.insert(len(self.gap) - len(in_front), self.fresh)
        self.pointer = self.pointer.added(len(self.members))
        self.fresh += 1

    @rule(data=st.data())
    def move_another(self, data: st.DataObject) -> None:
        moving = data.draw(st.sampled_from(self.members))
        old, new = self.members.index(moving) + 1, data.draw(st.integers(1, len(self.members)))
        if self.gap is not None:
            return
        self.members.remove(moving)
        self.members.insert(new - 1, moving)
        self.pointer = self.pointer.moved(moving, old, new)

    @invariant()
    def the_next_member_is_right(self) -> None:
        expected = (
            self.gap[0]
            if self.gap is not None
            else self.members[(self.members.index(self.pointer.member_id) + 1) % len(self.members)]
        )
        assert self.members[next_index(self.pointer, self.members)] == expected

    @invariant()
    def a_living_members_place_is_where_it_stands(self) -> None:
        if self.pointer.member_id is not None:
            assert self.members[self.pointer.position - 1] == self.pointer.member_id


TestMemory = MemoryMachine.TestCase


def test_the_member_who_moved_up_comes_next() -> None:
    pointer = RotationPointer(2, 2).removed(2, 2)
    assert [1, 3, 4][next_index(pointer, [1, 3, 4])] == 3


def test_after_the_last_one_is_gone_the_first_comes_next() -> None:
    pointer = RotationPointer(3, 3).removed(3, 3)
    assert next_index(pointer, [1, 2]) == 0


def test_a_member_added_at_the_position_of_a_removed_one_comes_next() -> None:
    pointer = RotationPointer(2, 2).removed(2, 2).added(2)
    assert [1, 9, 3][next_index(pointer, [1, 9, 3])] == 9


def test_nothing_remembered_begins_with_the_first() -> None:
    assert next_index(None, [4, 5]) == 0


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_moving_the_remembered_member_moves_the_pointer(position: int, new: int, other: int) -> None:
    assert RotationPointer(1, position).moved(1, position, new) == RotationPointer(1, new)
