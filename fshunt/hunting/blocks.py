"""A member's blocks: one for all groups of the domain, and one for a group alone (design, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Block:
    """A member is not rung from ``since`` on; ``until`` None: until the member is unblocked.

    ``automatic``: fshunt has blocked the member after unanswered calls. ``in_group``: in one group alone, and not in
    all groups of the domain.
    """

    since: datetime
    until: datetime | None = None
    automatic: bool = False
    in_group: bool = False

    def holds(self, now: datetime) -> bool:
        """Tell whether the block has not ended at a moment."""
        return self.until is None or now < self.until

    def longer(self, other: Block | None) -> Block:
        """Return the one of two blocks that ends later; this one, if they end together."""
        ends_first = other is not None and self.until is not None and (other.until is None or self.until < other.until)
        return other if ends_first and other is not None else self


@dataclass(frozen=True, slots=True)
class BlockState:
    """Where an extension is blocked at one moment: ``everywhere``, and of each of its groups, by pilot, there alone.

    ``groups`` has all groups of the extension, in order of pilot; None: there is no block of this group alone.
    """

    everywhere: Block | None
    groups: Mapping[str, Block | None]

    @property
    def pilots(self) -> tuple[str, ...]:
        """The pilots of all groups of the extension."""
        return tuple(self.groups)

    @property
    def blocked_in(self) -> tuple[str, ...]:
        """The pilots of the groups that do not ring the extension."""
        return tuple(pilot for pilot in self.groups if self.block_in(pilot) is not None)

    @property
    def in_all(self) -> bool:
        """Whether no group rings the extension."""
        return bool(self.groups) and len(self.blocked_in) == len(self.groups)

    def block_in(self, pilot: str) -> Block | None:
        """Return the block that holds in a group; None: there is none, or the extension is not in this group."""
        return (self.everywhere or self.groups[pilot]) if pilot in self.groups else None

    def blocked(self, pilot: str | None, now: datetime, until: datetime | None) -> BlockState:
        """Return the state after a block in a group, or in all (None). A block that holds has a new end.

        Where the extension is blocked in all groups, a block of one changes nothing.
        """
        if pilot is None:
            since = now if self.everywhere is None else self.everywhere.since
            return BlockState(Block(since, until), dict.fromkeys(self.groups))
        if self.everywhere is not None:
            return self
        before = self.groups[pilot]
        return self._with(pilot, Block(now if before is None else before.since, until, in_group=True))

    def unblocked(self, pilot: str | None) -> BlockState:
        """Return the state after the end of the block in a group, or of all blocks (None).

        Where the extension is blocked in all groups, it stays so in the others, each of which has a block of its own.
        """
        if pilot is None:
            return BlockState(None, dict.fromkeys(self.groups))
        if self.everywhere is None:
            return self._with(pilot, None)
        stays = replace(self.everywhere, automatic=False, in_group=True)
        others = {each: None if each == pilot else stays.longer(block) for each, block in self.groups.items()}
        return BlockState(None, others)

    def _with(self, pilot: str, block: Block | None) -> BlockState:
        return replace(self, groups={**self.groups, pilot: block})
