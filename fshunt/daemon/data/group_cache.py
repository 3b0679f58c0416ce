"""The group cache: the groups as last read, for calls when the database does not answer.

The rotation pointers and idle times in it follow the calls of this daemon, so that groups rotate without the database.
The same changes are written as soon as the database is back, and the database decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from fshunt.db.queries.hunts import LoadedGroup
from fshunt.hunting.group import Group
from fshunt.hunting.rotation import RotationPointer

GroupKey = tuple[str, str]
"""A domain in lower case, and a pilot."""


class Dialled(Protocol):
    """What the channel of a caller says of the group that was dialled."""

    @property
    def pilot(self) -> str:
        """The number that was dialled."""

    @property
    def domain_variable(self) -> str | None:
        """The domain that the dialplan sets for fshunt."""

    @property
    def domain_name(self) -> str | None:
        """The domain of the channel."""

    @property
    def dialled_host(self) -> str | None:
        """The host of the address that was dialled."""


class GroupCache:
    """All groups this daemon has read, by domain and pilot."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, LoadedGroup] = {}
        self._keys: dict[int, GroupKey] = {}
        """The key of each group, by its id."""

    @property
    def ids(self) -> set[int]:
        """The ids of all groups."""
        return set(self._keys)

    def keep(self, loaded: LoadedGroup) -> None:
        """Add a group that was just read; it is no longer found by an earlier pilot."""
        key, group_id = _key(loaded), loaded.group.id
        self.forget_ids([group_id])
        if key in self._groups:
            self.forget_ids([self._groups[key].group.id])
        self._groups[key], self._keys[group_id] = loaded, key

    def forget_ids(self, group_ids: Iterable[int]) -> None:
        """Remove these groups."""
        for group_id in group_ids:
            key = self._keys.pop(group_id, None)
            if key is not None:
                del self._groups[key]

    def forget(self, caller: Dialled) -> None:
        """Remove the caller's group: the database does not have it."""
        found = self.find(caller)
        if found is not None:
            self.forget_ids([found.group.id])

    def find(self, caller: Dialled) -> LoadedGroup | None:
        """Return the dialled group, by the rule of ``hunts.find_domain``; None if it is not cached."""
        named = (caller.domain_variable or caller.domain_name or caller.dialled_host or "").lower()
        found = self._groups.get((named, caller.pilot))
        if found is None and not caller.domain_variable:
            domains = {domain for domain, _ in self._groups}
            if len(domains) == 1:
                return self._groups.get((domains.pop(), caller.pilot))
        return found

    def of_member(self, domain: str, extension: str) -> list[Group]:
        """Return the cached groups of a domain that have an extension as a member: mostly one."""
        of_domain = [each.group for (named, _), each in self._groups.items() if named == domain.lower()]
        return [group for group in of_domain if any(member.extension == extension for member in group.members)]

    def first_moved(self, group_id: int, member_id: int) -> None:
        """Move the pointer ``first`` of a group, as a call has done."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            self.keep(replace(each, first=RotationPointer(member_id, each.group.member(member_id).position)))

    def answered(self, group_id: int, member_id: int) -> None:
        """Move the last answerer of a group."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            self.keep(replace(each, answerer=RotationPointer(member_id, each.group.member(member_id).position)))

    def idle_since(self, group_id: int, member_id: int, at: datetime) -> None:
        """Set when a member's call through the group's pilot was answered or ended."""
        each = self._with_member(group_id, member_id)
        if each is not None:
            members = tuple(replace(m, idle_since=at) if m.id == member_id else m for m in each.group.members)
            self.keep(replace(each, group=replace(each.group, members=members)))

    def _with_member(self, group_id: int, member_id: int) -> LoadedGroup | None:
        """Return the group, if it is cached and still has the member."""
        key = self._keys.get(group_id)
        found = None if key is None else self._groups[key]
        return found if found is not None and any(m.id == member_id for m in found.group.members) else None


def _key(loaded: LoadedGroup) -> GroupKey:
    return loaded.group.domain.lower(), loaded.group.pilot
