"""Numbers of changes, boards and tokens as they stand in forms and addresses."""

from __future__ import annotations

MAX_DIGITS = 9
"""What has more is the number of nothing, and would fit into no column."""


def number_of(text: str | None) -> int | None:
    """Return the number that a text is; None: it is the number of nothing."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        return None
    return int(text)
