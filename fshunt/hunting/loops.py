"""Groups that overflow into each other: found when a destination is set, and ended when a caller goes round.

A caller who overflows from group to group takes along the groups so far (``Overflows``). An answer, or a person who
transfers the caller, makes them forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from fshunt.hunting.destinations import DestinationKind
from fshunt.hunting.group import Group

MAX_ENTRIES = 2
"""How often a caller hunts in one group by overflow alone; the next entry goes to the group's box."""

_TEXT = re.compile(r"(?P<groups>[0-9]{1,18}(?:\.[0-9]{1,18})*)(?:@(?P<arrival>.+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Overflows:
    """The ids of the groups that a caller has overflowed from, one after the other, with nobody in between."""

    groups: tuple[int, ...] = ()

    def is_loop(self, group_id: int) -> bool:
        """Tell whether this group is entered once too often."""
        return self.groups.count(group_id) >= MAX_ENTRIES

    def leaving(self, group_id: int) -> str:
        """Return the text for a caller who overflows from this group, whichever arrival is the next."""
        return ".".join(map(str, (*self.groups, group_id)))

    def arrived(self, arrival: str) -> str:
        """Return the text for a caller who has arrived: it holds for the daemons that take this arrival over.

        If the caller then arrives anywhere else without having overflowed, a person has sent them there.
        """
        return f"{'.'.join(map(str, self.groups))}@{arrival}" if self.groups else ""


NO_OVERFLOWS = Overflows()
"""Of a caller whom a person, or nobody, has sent to the group."""


def overflows_of(text: str, arrival: str) -> Overflows:
    """Read what ``leaving`` or ``arrived`` has written, for a caller's arrival; any other text holds nothing."""
    found = _TEXT.fullmatch(text)
    if found is None or found["arrival"] not in (None, arrival):
        return NO_OVERFLOWS
    return Overflows(tuple(map(int, found["groups"].split("."))))


GroupsWith = Callable[[Collection[str]], Iterable[Group]]
"""Finds those groups of one domain that have one of these pilots."""


def loop_of(start: Group, groups_with: GroupsWith) -> tuple[str, ...]:
    """Return the shortest way by which callers of a group can overflow back into it, as pilots; empty if there is none.

    It begins and ends with the group's own pilot. ``groups_with`` is of its domain, and is asked once for each step.
    """
    found: list[tuple[tuple[str, ...], Group]] = [((start.pilot,), start)]
    seen = {start.pilot}
    while found:
        ways: dict[str, tuple[str, ...]] = {}
        for way, group in found:
            for number in _overflow_numbers(group):
                if number == start.pilot:
                    return (*way, number)
                if number not in seen:
                    ways.setdefault(number, (*way, number))
        seen |= ways.keys()
        found = [(ways[group.pilot], group) for group in groups_with(ways)] if ways else []
    return ()


def loop_warnings(group: Group, groups_with: GroupsWith) -> list[str]:
    """Return the warning for the administrator, if callers of this group can overflow back into it."""
    way = loop_of(group, groups_with)
    if not way:
        return []
    box = group.box()
    then = "the third time they are hung up, as it has no voicemail box"
    if box is not None:
        then = f"the third time they go to its voicemail box, {box}"
    return [f"Callers of group {group.pilot} can overflow back into it ({' to '.join(way)}): {then}."]


def _overflow_numbers(group: Group) -> list[str]:
    return [each.value for each in group.destinations if each.kind is DestinationKind.TRANSFER and each.value]
