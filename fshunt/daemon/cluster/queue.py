"""The callers of this daemon who wait for a busy member, in the order in which they began to wait (section 4).

The database holds the line of all daemons (``store.waiting``). This is the part of it that is here: it says whom to
wake when a member may be free, and keeps the order also while the database is away.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

Key = tuple[str, str]
"""A member: the domain and the extension."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller who waits; ``wake`` is called when one of the members may be free.

    ``place`` is the place in the line of all daemons, None until the database has given one; ``number`` is the order in
    which callers of this daemon began to wait, and counts among those without a place.
    """

    hunt_id: str
    group_id: int
    wake: Callable[[], None]
    number: int = 0
    place: int | None = None
    keys: frozenset[Key] = field(default_factory=frozenset)
    """The members who are kept for this caller, and for whom he is woken."""
    others: frozenset[Key] = field(default_factory=frozenset)
    """Members who cannot be rung for him now, and for whom he is only woken."""
    known_in: int = 0
    """The age of the line in which the database was told of his place; 0: it was not."""

    @property
    def order(self) -> tuple[bool, int, int]:
        """What tells who is before whom."""
        return self.place is None, self.place or 0, self.number


class Line:
    """All who wait here."""

    def __init__(self) -> None:
        self._waiting: list[Waiter] = []
        self._numbers = itertools.count(1)
        self.age = 1
        """Counts how often the database may have lost the line: what it was told in an earlier age is told again."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts of those who wait."""
        return [waiter.hunt_id for waiter in self._waiting]

    def count(self, keys: Collection[Key]) -> int:
        """Return how many wait here for any of these members."""
        return sum(1 for waiter in self._waiting if not waiter.keys.isdisjoint(keys))

    def join(self, waiter: Waiter, keys: Collection[Key], others: Collection[Key] = ()) -> None:
        """Wait for these members; who was in the line before has the same place again."""
        waiter.number = waiter.number or next(self._numbers)
        waiter.keys, waiter.others = frozenset(keys), frozenset(others)
        if waiter not in self._waiting:
            self._waiting.append(waiter)
            self._sort()

    def give_place(self, waiter: Waiter, place: int) -> None:
        """Note the place that the database has given: callers who came at one moment stand as it says."""
        waiter.place = place
        self._sort()

    def begin_again(self) -> None:
        """Have all tell the database of their places again, which it may have taken for those of a dead daemon."""
        self.age += 1
        for waiter in self._waiting[:]:
            waiter.wake()

    def leave(self, waiter: Waiter) -> None:
        """Wait no more; whoever is now first for one of the members is woken."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._wake_first(waiter.keys)

    def is_kept_for_another(self, key: Key, waiter: Waiter | None) -> bool:
        """Whether somebody who began to wait earlier waits for this member; ``waiter`` None: one who just came."""
        first = self._first(key)
        if first is None or first is waiter:
            return False
        return waiter is None or not waiter.number or first.order < waiter.order

    def member_may_be_free(self, key: Key) -> None:
        """Wake who is first for this member."""
        self._wake_first({key})

    def presence_changed(self, presence_id: str) -> None:
        """Wake who is first for the member whom the switch calls so: ``user@domain`` in lower case."""
        self._wake_first({key for key in self._all_keys() if f"{key[1]}@{key[0]}".lower() == presence_id})

    def something_changed(self, domain: str | None = None) -> None:
        """Wake whoever is first for any member, of one domain if it is known of which."""
        self._wake_first({key for key in self._all_keys() if domain is None or key[0].lower() == domain.lower()})

    def _all_keys(self) -> set[Key]:
        return {key for waiter in self._waiting for key in waiter.keys | waiter.others}

    def _sort(self) -> None:
        self._waiting.sort(key=lambda each: each.order)

    def _wake_first(self, keys: Collection[Key]) -> None:
        firsts = {self._first(key) for key in keys}
        firsts |= {next((waiter for waiter in self._waiting if key in waiter.others), None) for key in keys}
        for waiter in self._waiting[:]:
            if waiter in firsts:
                waiter.wake()

    def _first(self, key: Key) -> Waiter | None:
        return next((waiter for waiter in self._waiting if key in waiter.keys), None)
