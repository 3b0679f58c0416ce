"""The groups as they were last read: what a call goes on with when the database does not answer.

The memories and the stamps in them move with the calls of this daemon, so that turns still go round meanwhile. What
moved them is also written, as soon as the database can be, and that is what counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from fshunt.daemon.caller import Caller
from fshunt.hunting.group import Group
from fshunt.hunting.memory import Memory
from fshunt.store.hunts import Loaded

Key = tuple[str, str]
"""A domain in lower case, and a pilot."""


class KnownGroups:
    """All groups this daemon has read, by domain and pilot."""

    def __init__(self) -> None:
        self._groups: dict[Key, Loaded] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def replace_all(self, loaded: Iterable[Loaded]) -> None:
        """Take these as all groups there are."""
        self._groups = {_key(each): each for each in loaded}

    def keep(self, loaded: Loaded) -> None:
        """Take in a group that was just read."""
        self._groups[_key(loaded)] = loaded

    def forget(self, caller: Caller) -> None:
        """The database says that no such group is there."""
        found = self.find(caller)
        if found is not None:
            del self._groups[_key(found)]

    def find(self, caller: Caller) -> Loaded | None:
        """Return the group that was dialled, by the rule of ``store.hunts.find_domain``; None if it is not known."""
        named = (caller.domain_variable or caller.domain_name or caller.dialled_host or "").lower()
        found = self._groups.get((named, caller.pilot))
        domains = {domain for domain, _ in self._groups}
        if found is None and not caller.domain_variable and named not in domains and len(domains) == 1:
            found = self._groups.get((domains.pop(), caller.pilot))
        return found

    def of_domain(self, domain: str) -> list[Group]:
        """Return the groups of a domain that are known."""
        return [loaded.group for (named, _), loaded in self._groups.items() if named == domain.lower()]

    def turn_taken(self, group_id: int, member_id: int) -> None:
        """A call has moved the turn of a group."""
        for key, each in self._with_member(group_id, member_id):
            self._groups[key] = replace(each, turn=Memory(member_id, each.group.member(member_id).position))

    def answered(self, group_id: int, member_id: int) -> None:
        """A member has answered a call of a group."""
        for key, each in self._with_member(group_id, member_id):
            self._groups[key] = replace(each, answerer=Memory(member_id, each.group.member(member_id).position))

    def idle_since(self, group_id: int, member_id: int, at: datetime) -> None:
        """A member's call through the group's pilot was answered, or has ended."""
        for key, each in self._with_member(group_id, member_id):
            members = tuple(replace(m, idle_since=at) if m.id == member_id else m for m in each.group.members)
            self._groups[key] = replace(each, group=replace(each.group, members=members))

    def _with_member(self, group_id: int, member_id: int) -> list[tuple[Key, Loaded]]:
        """The group, if it is known and the member has not been removed from it since."""
        of_group = [(key, each) for key, each in self._groups.items() if each.group.id == group_id]
        return [(key, each) for key, each in of_group if any(m.id == member_id for m in each.group.members)]


def _key(loaded: Loaded) -> Key:
    return loaded.group.domain.lower(), loaded.group.pilot
