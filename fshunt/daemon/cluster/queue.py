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
class QueuedCaller:
    """One caller who waits; ``wake`` is called when one of the members may be free.

    ``ticket`` orders the queue of all daemons; None until the database has given one. ``number`` is the order in which
    callers of this daemon began to wait; it orders those without a ticket.
    """

    hunt_id: str
    group_id: int
    wake: Callable[[], None]
    number: int = 0
    ticket: int | None = None
    keys: frozenset[Key] = field(default_factory=frozenset)
    """The members who are kept for this caller, and for whom he is woken."""
    others: frozenset[Key] = field(default_factory=frozenset)
    """Members who cannot be rung for him now, and for whom he is only woken."""
    known_in: int = 0
    """The age of the line in which the database was told of his ticket; 0: it was not."""

    @property
    def order(self) -> tuple[bool, int, int]:
        """What tells who is before whom."""
        return self.ticket is None, self.ticket or 0, self.number


class CallQueue:
    """All who wait here."""

    def __init__(self) -> None:
        self._waiting: list[QueuedCaller] = []
        self._numbers = itertools.count(1)
        self.age = 1
        """Counts how often the database may have lost the line: what it was told in an earlier age is told again."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts of those who wait."""
        return [caller.hunt_id for caller in self._waiting]

    def count(self, keys: Collection[Key]) -> int:
        """Return how many wait here for any of these members."""
        return sum(1 for caller in self._waiting if not caller.keys.isdisjoint(keys))

    def join(self, caller: QueuedCaller, keys: Collection[Key], others: Collection[Key] = ()) -> None:
        """Wait for these members; who was in the line before has the same ticket again."""
        caller.number = caller.number or next(self._numbers)
        caller.keys, caller.others = frozenset(keys), frozenset(others)
        if caller not in self._waiting:
            self._waiting.append(caller)
            self._sort()

    def give_ticket(self, caller: QueuedCaller, ticket: int) -> None:
        """Note the ticket that the database has given: callers who came at one moment stand as it says."""
        caller.ticket = ticket
        self._sort()

    def begin_again(self) -> None:
        """Have all tell the database of their tickets again, which it may have taken for those of a dead daemon."""
        self.age += 1
        for caller in self._waiting[:]:
            caller.wake()

    def leave(self, caller: QueuedCaller) -> None:
        """Wait no more; whoever is now first for one of the members is woken."""
        if caller in self._waiting:
            self._waiting.remove(caller)
            self._wake_first(caller.keys)

    def is_kept_for_another(self, key: Key, caller: QueuedCaller | None) -> bool:
        """Whether somebody who began to wait earlier waits for this member; ``caller`` None: one who just came."""
        first = self._first(key)
        if first is None or first is caller:
            return False
        return caller is None or not caller.number or first.order < caller.order

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
        return {key for caller in self._waiting for key in caller.keys | caller.others}

    def _sort(self) -> None:
        self._waiting.sort(key=lambda each: each.order)

    def _wake_first(self, keys: Collection[Key]) -> None:
        firsts = {self._first(key) for key in keys}
        firsts |= {next((caller for caller in self._waiting if key in caller.others), None) for key in keys}
        for caller in self._waiting[:]:
            if caller in firsts:
                caller.wake()

    def _first(self, key: Key) -> QueuedCaller | None:
        return next((caller for caller in self._waiting if key in caller.keys), None)
