"""What circular and round-robin remember, and how it follows the members (design, section 2).

The memory is a member and its place. It follows the member, not the number of the place; if the member is gone,
the place counts: whoever moved up into it comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Memory:
    """The remembered member, or only the place (from 1) where it stood if it is gone (``member_id`` None)."""

    member_id: int | None
    place: int

    def removed(self, member_id: int, place: int) -> Memory:
        """Return the memory after the member at ``place`` was removed."""
        if member_id == self.member_id:
            return Memory(None, place)
        return replace(self, place=self.place - 1) if place < self.place else self

    def added(self, place: int) -> Memory:
        """Return the memory after a member was put in at ``place``.

        Put in right at the place of a member who is gone, the new member comes next: the place does not move.
        """
        pushed = place < self.place or (place == self.place and self.member_id is not None)
        return replace(self, place=self.place + 1) if pushed else self

    def moved(self, member_id: int, old: int, new: int) -> Memory:
        """Return the memory after a member went from place ``old`` to ``new``."""
        if member_id == self.member_id:
            return replace(self, place=new)
        without = replace(self, place=self.place - 1) if old < self.place else self
        return without.added(new)


def next_index(memory: Memory | None, member_ids: Sequence[int]) -> int:
    """Return the index in ``member_ids`` of the member after the remembered one; 0 if nothing is remembered.

    ``member_ids`` is in order of position and not empty.
    """
    if memory is None:
        return 0
    if memory.member_id in member_ids:
        return (member_ids.index(memory.member_id) + 1) % len(member_ids)
    return (memory.place - 1) % len(member_ids) if memory.place <= len(member_ids) else 0
