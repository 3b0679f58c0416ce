"""The groups as they were last read: what a call goes on with when the database does not answer.

The memories and the stamps in them move with the calls of this daemon, so that turns still go round meanwhile. What
moved them is also written, as soon as the database can be, and that is what counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from fshunt.daemon.call.caller import Caller
from fshunt.db.queries.hunts import Loaded
from fshunt.hunting.group import Group
from fshunt.hunting.rotation import RotationPointer

Key = tuple[str, str]
"""A domain in lower case, and a pilot."""


class GroupCache:
    """All groups this daemon has read, by domain and pilot."""

    def __init__(self) -> None:
        self._groups: dict[Key, Loaded] = {}
        self._keys: dict[int, Key] = {}
        """Where each group is, by its id."""

    @property
    def ids(self) -> set[int]:
        """The ids of all of them."""
        return set(self._keys)

    def keep(self, loaded: Loaded) -> None:
        """Take in a group that was just read; by a number that it does not have any more it is not found."""
        key, group_id = _key(loaded), loaded.group.id
        self.forget_ids([group_id])
        if key in self._groups:
            self.forget_ids([self._groups[key].group.id])
        self._groups[key], self._keys[group_id] = loaded, key

    def forget_ids(self, group_ids: Iterable[int]) -> None:
        """These groups are not there any more."""
        for group_id in group_ids:
            key = self._keys.pop(group_id, None)
            if key is not None:
                del self._groups[key]

    def forget(self, caller: Caller) -> None:
        """The database says that no such group is there."""
        found = self.find(caller)
        if found is not None:
            self.forget_ids([found.group.id])

    def find(self, caller: Caller) -> Loaded | None:
        """Return the group that was dialled, by the rule of ``store.hunts.find_domain``; None if it is not known."""
        named = (caller.domain_variable or caller.domain_name or caller.dialled_host or "").lower()
        found = self._groups.get((named, caller.pilot))
        if found is None and not caller.domain_variable:
            domains = {domain for domain, _ in self._groups}
            if len(domains) == 1:
                return self._groups.get((domains.pop(), caller.pilot))
        return found

    def of_member(self, domain: str, extension: str) -> list[Group]:
        """Return the groups of a domain that an extension is in, as far as they are known: mostly one."""
        of_domain = [each.group for (named, _), each in self._groups.items() if named == domain.lower()]
        return [group for group in of_domain if any(member.extension == extension for member in group.members)]

    def turn_taken(self, group_id: int, member_id: int) -> None:
        """A call has moved the turn of a group."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            self.keep(replace(each, turn=RotationPointer(member_id, each.group.member(member_id).position)))

    def answered(self, group_id: int, member_id: int) -> None:
        """A member has answered a call of a group."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            self.keep(replace(each, answerer=RotationPointer(member_id, each.group.member(member_id).position)))

    def idle_since(self, group_id: int, member_id: int, at: datetime) -> None:
        """A member's call through the group's pilot was answered, or has ended."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            members = tuple(replace(m, idle_since=at) if m.id == member_id else m for m in each.group.members)
            self.keep(replace(each, group=replace(each.group, members=members)))

    def _with_member(self, group_id: int, member_id: int) -> Loaded | None:
        """The group, if it is known and the member has not been removed from it since."""
        key = self._keys.get(group_id)
        found = None if key is None else self._groups[key]
        return found if found is not None and any(m.id == member_id for m in found.group.members) else None


def _key(loaded: Loaded) -> Key:
    return loaded.group.domain.lower(), loaded.group.pilot
