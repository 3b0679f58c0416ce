"""The callers of this daemon who wait for a busy member, in the order in which they began to wait (section 4).

The database holds the queue of all daemons (``db.queries.queue``). This is the part of it that is here: it says whom to
wake when a member may be free, and keeps the order also while the database is away.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

MemberKey = tuple[str, str]
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
    keys: frozenset[MemberKey] = field(default_factory=frozenset)
    """The members who are kept for this caller, and for whom they are woken."""
    others: frozenset[MemberKey] = field(default_factory=frozenset)
    """Members who cannot be rung for the caller now, and for whom they are only woken."""
    joined: bool = False
    """Whether the database was told of the caller's entries, and nothing says that it has lost them."""

    @property
    def order(self) -> tuple[bool, int, int]:
        """What tells who is before whom."""
        return self.ticket is None, self.ticket or 0, self.number


class CallerIndex:
    """Queued callers by member, each member's in order: a change costs what the callers of that member cost."""

    def __init__(self) -> None:
        self._callers: defaultdict[MemberKey, list[QueuedCaller]] = defaultdict(list)

    def add(self, caller: QueuedCaller, keys: Iterable[MemberKey]) -> None:
        """Have the caller found under these members."""
        for key in keys:
            self._callers[key].append(caller)
            self._callers[key].sort(key=lambda each: each.order)

    def remove(self, caller: QueuedCaller, keys: Iterable[MemberKey]) -> None:
        """Have the caller found under these members no more."""
        for key in keys:
            self._callers[key].remove(caller)
            if not self._callers[key]:
                del self._callers[key]

    def first(self, key: MemberKey) -> QueuedCaller | None:
        """Return who is first for a member."""
        return next(iter(self._callers.get(key, ())), None)

    def all(self, key: MemberKey) -> Collection[QueuedCaller]:
        """Return all who wait for a member."""
        return self._callers.get(key, ())


class CallQueue:
    """All who wait here."""

    def __init__(self) -> None:
        self._waiting: dict[str, QueuedCaller] = {}
        self._kept, self._others = CallerIndex(), CallerIndex()
        self._named: defaultdict[str, dict[MemberKey, int]] = defaultdict(dict)
        """Members for whom somebody waits, by the name of their domain and by that of their phones, in lower case."""
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts of those who wait."""
        return list(self._waiting)

    @property
    def joined(self) -> frozenset[str]:
        """The hunts of those whose entries the database was told of, and has."""
        return frozenset(hunt_id for hunt_id, caller in self._waiting.items() if caller.joined and caller.keys)

    def count(self, keys: Collection[MemberKey]) -> int:
        """Return how many wait here for any of these members."""
        return len({caller.hunt_id for key in keys for caller in self._kept.all(key)})

    def length(self, group_id: int) -> int:
        """Return how many callers of a group wait here; the database says it of all daemons."""
        return sum(caller.group_id == group_id for caller in self._waiting.values())

    def join(self, caller: QueuedCaller, keys: Collection[MemberKey], others: Collection[MemberKey] = ()) -> None:
        """Wait for these members; whoever was queued before has the same ticket again."""
        if caller.hunt_id in self._waiting and (caller.keys, caller.others) == (frozenset(keys), frozenset(others)):
            return
        self._remove(caller)
        caller.number = caller.number or next(self._numbers)
        caller.keys, caller.others = frozenset(keys), frozenset(others)
        self._add(caller)

    def give_ticket(self, caller: QueuedCaller, ticket: int) -> None:
        """Note the ticket that the database has given with the entries: it orders callers who came at one moment."""
        caller.joined = True
        if caller.ticket == ticket:
            return
        is_queued = self._remove(caller)
        caller.ticket = ticket
        if is_queued:
            self._add(caller)

    def join_again(self, hunt_ids: Iterable[str]) -> None:
        """Have these hunts tell the database of their tickets again, which has no entries of them any more."""
        for hunt_id in hunt_ids:
            caller = self._waiting.get(hunt_id)
            if caller is not None and caller.joined:
                caller.joined = False
                caller.wake()

    def leave(self, caller: QueuedCaller) -> None:
        """Wait no more; whoever is now first for one of the members is woken."""
        caller.joined = False
        if self._remove(caller):
            self._wake_first(caller.keys)

    def is_kept_for_another(self, key: MemberKey, caller: QueuedCaller | None) -> bool:
        """Whether somebody who began to wait earlier waits for this member; ``caller`` None: one who just came."""
        first = self._kept.first(key)
        if first is None or first is caller:
            return False
        return caller is None or not caller.number or first.order < caller.order

    def member_may_be_free(self, key: MemberKey) -> None:
        """Wake who is first for this member."""
        self._wake_first({key})

    def presence_changed(self, presence_id: str) -> None:
        """Wake who is first for the member whom the switch calls so: ``user@domain`` in lower case."""
        self._wake_first(self._named.get(presence_id, ()))

    def domain_changed(self, domain: str) -> None:
        """Wake whoever is first for any member of a domain."""
        self._wake_first(self._named.get(domain.lower(), ()))

    def something_changed(self) -> None:
        """Wake whoever is first for any member: nobody knows what has changed."""
        self._wake_first({key for caller in self._waiting.values() for key in caller.keys | caller.others})

    def _add(self, caller: QueuedCaller) -> None:
        self._waiting[caller.hunt_id] = caller
        self._kept.add(caller, caller.keys)
        self._others.add(caller, caller.others)
        for key, name in _names(caller):
            self._named[name][key] = self._named[name].get(key, 0) + 1

    def _remove(self, caller: QueuedCaller) -> bool:
        """Take a caller out; tell whether they were queued."""
        if self._waiting.pop(caller.hunt_id, None) is None:
            return False
        self._kept.remove(caller, caller.keys)
        self._others.remove(caller, caller.others)
        for key, name in _names(caller):
            self._named[name][key] -= 1
            if not self._named[name][key]:
                del self._named[name][key]
                if not self._named[name]:
                    del self._named[name]
        return True

    def _wake_first(self, keys: Iterable[MemberKey]) -> None:
        firsts = {caller for key in keys for caller in (self._kept.first(key), self._others.first(key)) if caller}
        for caller in sorted(firsts, key=lambda each: each.order):
            caller.wake()


def _names(caller: QueuedCaller) -> list[tuple[MemberKey, str]]:
    keys = caller.keys | caller.others
    return [(key, name.lower()) for key in keys for name in (key[0], f"{key[1]}@{key[0]}")]
