"""The rotation pointer of circular and round-robin, and how it follows the members (design, section 2).

The pointer is a member and its position. It follows the member; if the member is gone, the position counts: the member
who moved up into it comes next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class RotationPointer:
    """The remembered member, or only its position (from 1) if it is gone (``member_id`` None)."""

    member_id: int | None
    position: int

    def removed(self, member_id: int, position: int) -> RotationPointer:
        """Return the pointer after the member at ``position`` was removed."""
        if member_id == self.member_id:
            return RotationPointer(None, position)
        return replace(self, position=self.position - 1) if position < self.position else self

    def added(self, position: int) -> RotationPointer:
        """Return the pointer after a member was added at ``position``.

        A member added at the position of the one who is gone comes next: the position does not move.
        """
        pushed = position < self.position or (position == self.position and self.member_id is not None)
        return replace(self, position=self.position + 1) if pushed else self

    def moved(self, member_id: int, old: int, new: int) -> RotationPointer:
        """Return the pointer after a member was moved from position ``old`` to ``new``."""
        if member_id == self.member_id:
            return replace(self, position=new)
        without = replace(self, position=self.position - 1) if old < self.position else self
        return without.added(new)

    def reordered(self, to: Mapping[int, int]) -> RotationPointer:
        """Return the pointer after members got a new order: ``to`` has the new position of each by the old one.

        If the remembered member is gone, whoever comes next by the old order does so by the new one.
        """
        next_if_gone = to.get(1, self.position)
        return replace(self, position=to.get(self.position, next_if_gone))


def next_index(pointer: RotationPointer | None, member_ids: Sequence[int]) -> int:
    """Return the index in ``member_ids`` of the member after the remembered one; 0 if nothing is remembered.

    ``member_ids`` is in order of position and not empty.
    """
    if pointer is None:
        return 0
    if pointer.member_id in member_ids:
        return (member_ids.index(pointer.member_id) + 1) % len(member_ids)
    return (pointer.position - 1) % len(member_ids) if pointer.position <= len(member_ids) else 0
