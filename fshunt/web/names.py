"""The names of members, as the switch's directory has them, where a daemon can ask it. Kept for some minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

from flask import current_app

from fshunt.hunting.group import Group, Member
from fshunt.services.questions import Questions

NAMES = "fshunt_names"
"""Under which an application has the names."""

ANSWER_SECONDS = 1.5
"""A page waits so long for names at most."""

KEPT_SECONDS, UNKNOWN_SECONDS = 300.0, 30.0
"""How long names count, and for how long nobody asks again where there was no answer."""

MAX_DOMAINS = 200


class Names:
    """The names of the users of some domains; for any thread."""

    def __init__(self, questions: Questions, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._questions, self._monotonic = questions, monotonic
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, str]] = {}
        self._not_before: dict[str, float] = {}

    def of(self, group: Group) -> Mapping[str, str]:
        """Return the names of members by extension; those without a name, or whose name is not known, are left out."""
        extensions = [each.extension for each in group.members if not each.address.external]
        now = self._monotonic()
        with self._lock:
            if len(self._not_before) > MAX_DOMAINS:
                self._not_before, self._known = {}, {}
            missing = [each for each in extensions if self._is_old(group.domain, each, now)]
            asks = bool(missing) and now >= self._not_before.get(group.domain, now)
            if asks:  # meanwhile no other page asks for the same
                self._not_before[group.domain] = now + UNKNOWN_SECONDS
        if asks:
            self._ask(group.domain, missing)
        with self._lock:
            found = {each: self._known.get((group.domain, each), (0.0, ""))[1] for each in extensions}
        return {each: name for each, name in found.items() if name}

    def _is_old(self, domain: str, extension: str, now: float) -> bool:
        kept = self._known.get((domain, extension))
        return kept is None or now - kept[0] >= KEPT_SECONDS

    def _ask(self, domain: str, extensions: list[str]) -> None:
        listing = self._questions.names(domain, extensions)
        if listing.unknown is not None:
            return
        said = {user.number: user.name for user in listing.users}
        now = self._monotonic()
        with self._lock:
            self._known |= {(domain, each): (now, said.get(each, "")) for each in extensions}
            self._not_before.pop(domain, None)


def names() -> Names:
    """Return the names of the application that answers this request."""
    return cast("Names", current_app.extensions[NAMES])


def called(member: Member, known: Mapping[str, str]) -> str:
    """Return a member as a sentence has it: "Ana 1001", or the number alone."""
    name = known.get(member.extension)
    return f"{name} {member.extension}" if name else member.extension
