"""Finds groups by what a person remembers of them: the pilot, the name, the domain, or a member."""

from __future__ import annotations

from collections.abc import Sequence

from fshunt.hunting.group import Group


def matching(groups: Sequence[Group], words: str) -> list[Group]:
    """Return the groups that have each of the words in them somewhere, whatever the case; all for no words."""
    wanted = words.casefold().split()
    return [group for group in groups if all(word in _text(group) for word in wanted)]


def _text(group: Group) -> str:
    parts = (group.pilot, group.name, group.domain, *(member.extension for member in group.members))
    return "\n".join(parts).casefold()
