"""Finds groups by what a person remembers of them: the pilot, the name, the domain, or a member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fshunt.hunting.group import Group

Names = Mapping[tuple[str, str], str]
"""Names of members by domain and extension."""


def matching(groups: Sequence[Group], words: str, names: Names | None = None) -> list[Group]:
    """Return the groups that have each of the words in them somewhere, whatever the case; all for no words.

    ``names`` are those of members, as far as they are known.
    """
    wanted = words.casefold().split()
    return [group for group in groups if all(word in text_of(group, names or {}) for word in wanted)]


def text_of(group: Group, names: Names) -> str:
    """Return what a search looks at, without regard to the case."""
    extensions = [member.extension for member in group.members]
    called = [names[group.domain, each] for each in extensions if (group.domain, each) in names]
    return "\n".join((group.pilot, group.name, group.domain, *extensions, *called)).casefold()
