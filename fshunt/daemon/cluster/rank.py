"""Where daemons cannot agree in the database, one lets the other go first: by their rank."""

from __future__ import annotations


class Rank:
    """How many daemons were before this one at its last heartbeat, which notes it here."""

    def __init__(self) -> None:
        self._value = 0

    def __call__(self) -> int:
        """Return the rank."""
        return self._value

    def note(self, value: int) -> None:
        """Note what the last heartbeat has found."""
        self._value = value
