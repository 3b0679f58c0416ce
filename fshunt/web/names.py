"""The names of members, as the switch's directory has them, where a daemon can ask it. Kept for some minutes."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app

from fshunt.hunting.group import Group, Member
from fshunt.services.questions import MAX_NAMED, Questions

NAMES = "fshunt_names"
"""Under which an application has the names."""

ANSWER_SECONDS = 1.5
"""A page waits so long for names at most."""

KEPT_SECONDS, UNKNOWN_SECONDS = 300.0, 30.0
"""How long names count, and for how long nobody asks again where there was no answer."""

MAX_DOMAINS = 200

MAX_SEARCHED = 5_000
"""Of so many members a search knows the names at most: as many as are asked for in ten questions."""

Key = tuple[str, str]
"""Domain and extension."""


@dataclass(frozen=True, slots=True)
class Known:
    """Names by domain and extension. ``asked``: the directory has answered for all; else some names are not known."""

    names: Mapping[Key, str]
    asked: bool = True
    too_many: bool = False
    """There were too many members to ask for."""


class Names:
    """The names of the users of some domains; for any thread."""

    def __init__(self, questions: Questions, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._questions, self._monotonic = questions, monotonic
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[float, str]] = {}
        self._not_before: dict[str, float] = {}

    def of(self, group: Group) -> Mapping[str, str]:
        """Return the names of members by extension; those without a name, or whose name is not known, are left out."""
        return {extension: name for (_, extension), name in self.of_groups([group]).names.items()}

    def of_groups(self, groups: Iterable[Group]) -> Known:
        """Return the names of the members of groups; all domains are asked for at once."""
        wanted = {(each.domain, extension) for each in groups for extension in _extensions(each)}
        now = self._monotonic()
        with self._lock:
            if len(self._not_before) > MAX_DOMAINS:
                self._not_before, self._known = {}, {}
            missing = defaultdict[str, list[str]](list)
            for domain, extension in sorted(wanted):
                if self._is_old(domain, extension, now) and now >= self._not_before.get(domain, now):
                    missing[domain].append(extension)
            # Meanwhile no other page asks for the same.
            self._not_before |= dict.fromkeys(missing, now + UNKNOWN_SECONDS)
        if missing:
            self._ask(missing)
        with self._lock:
            found = {each: self._known[each][1] for each in wanted if each in self._known}
        return Known({each: name for each, name in found.items() if name}, asked=len(found) == len(wanted))

    def for_search(self, groups: Collection[Group], words: str) -> Known:
        """Return the names that a search may mean; where there are too many members, of the domains in it alone."""
        if all(word.isdigit() for word in words.split()):
            return Known({})
        if _is_too_many(groups):
            groups = [each for each in groups if any(word in each.domain for word in words.casefold().split())]
            if not groups or _is_too_many(groups):
                return Known({}, too_many=True)
        return self.of_groups(groups)

    def _is_old(self, domain: str, extension: str, now: float) -> bool:
        kept = self._known.get((domain, extension))
        return kept is None or now - kept[0] >= KEPT_SECONDS

    def _ask(self, missing: Mapping[str, list[str]]) -> None:
        parts = [
            (domain, extensions[begin : begin + MAX_NAMED])
            for domain, extensions in missing.items()
            for begin in range(0, len(extensions), MAX_NAMED)
        ]
        listings = self._questions.names(parts)
        now = self._monotonic()
        unknown = {domain for (domain, _), listing in zip(parts, listings, strict=True) if listing.unknown is not None}
        with self._lock:
            for (domain, extensions), listing in zip(parts, listings, strict=True):
                if listing.unknown is None:
                    said = {user.number: user.name for user in listing.users}
                    self._known |= {(domain, each): (now, said.get(each, "")) for each in extensions}
            for domain in missing.keys() - unknown:
                self._not_before.pop(domain, None)


def _extensions(group: Group) -> list[str]:
    return [each.extension for each in group.members if not each.address.external]


def _is_too_many(groups: Iterable[Group]) -> bool:
    return sum(len(group.members) for group in groups) > MAX_SEARCHED


def names() -> Names:
    """Return the names of the application that answers this request."""
    return cast("Names", current_app.extensions[NAMES])


def called(member: Member, known: Mapping[str, str]) -> str:
    """Return a member as a sentence has it: "Ana 1001", or the number alone."""
    name = known.get(member.extension)
    return f"{name} {member.extension}" if name else member.extension
