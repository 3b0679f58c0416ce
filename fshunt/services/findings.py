"""What a check has found: what is so, why it matters, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_NAMED = 8
"""Numbers in one sentence; of more only the count is told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so, why it matters, and what mends it: a sentence each. ``is_problem``: callers will notice it."""

    what: str
    why: str
    mend: str
    is_problem: bool = True

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.mend}"


def named(numbers: Sequence[str]) -> str:
    """Return numbers as a part of a sentence, the first few of many."""
    if len(numbers) > MAX_NAMED:
        return f"{', '.join(numbers[:MAX_NAMED])} and {len(numbers) - MAX_NAMED} more"
    return ", ".join(numbers)
