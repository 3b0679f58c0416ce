"""Questions to the switches, asked through the daemons: for a process that has no password of an event socket.

The list of questions is fixed, and each only reads: whether a domain, a user, a voicemail box or a number exists
(``switch_checks``), which extensions of a domain are registered, and which users the directory has. A daemon that
watches switches answers within a second or so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fshunt.db.engine import Store
from fshunt.db.notifications import ask_daemons
from fshunt.db.queries import daemons
from fshunt.db.queries import questions as stored
from fshunt.errors import BadValue
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.directory_list import DirectoryUser
from fshunt.hunting import validation
from fshunt.services.switch_checks import Checked, Question

ANSWER_SECONDS = 6.0
"""How long an answer is waited for: a switch may take 2 s to connect to, and 3 s to answer."""

LOOK_SECONDS = 0.1
"""Between two looks whether there is an answer."""

MAX_QUESTIONS = 100
"""Beyond so many questions without an answer no more are asked: the daemons are behind."""

MAX_LISTED = 50
"""Users or extensions in one answer: a page that searches shows no more."""

MAX_SEARCH_CHARS = 64

MAX_NAMED = 500
"""Users whose names are asked for together: more than a group has."""

NO_DAEMON = "no daemon watches a switch"
NO_ANSWER = f"no daemon answered within {ANSWER_SECONDS:g} s"
TOO_MANY = "too many questions wait for the daemons"


class ListKind(StrEnum):
    """The questions whose answer is a list."""

    DIRECTORY = "directory"
    """The users of a domain whose number or name has a text in it; arguments: domain, text."""
    NAMES = "names"
    """The names of users of a domain; arguments: domain, extensions."""
    REGISTRATIONS = "registrations"
    """The extensions of a domain that have a phone; argument: domain."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Users, at most ``MAX_LISTED`` of them; ``more``: there are others. ``unknown``: why nothing is known."""

    users: tuple[DirectoryUser, ...] = ()
    more: bool = False
    unknown: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the answer as it is written."""
        if self.unknown is not None:
            return {"error": self.unknown}
        return {"users": [list(user) for user in self.users], "more": self.more}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Listing:
        """Read what a daemon has written."""
        if "error" in said:
            return cls(unknown=said["error"])
        return cls(tuple(DirectoryUser(number, name) for number, name in said["users"]), said["more"])


def checked_to_json(checked: Checked) -> dict[str, Any]:
    """Return the answer to a check as it is written."""
    return {
        "answer": checked.answer.value,
        "why": checked.why,
        "everywhere": checked.everywhere,
        "controlled": checked.controlled,
        "after_the_table": checked.after_the_table,
    }


def checked_from_json(said: Mapping[str, Any]) -> Checked:
    """Read what a daemon has written."""
    if "error" in said:
        return Checked(Answer.UNKNOWN, said["error"])
    after_the_table = said.get("after_the_table", False)  # an older daemon does not say it
    return Checked(
        Answer(said["answer"]), said["why"], said["everywhere"], said["controlled"], after_the_table=after_the_table
    )


def check_search(text: str) -> str:
    """Return a text to search the directory for; raise BadValue if it is too long or cannot be shown."""
    if len(text) > MAX_SEARCH_CHARS or not text.isprintable():
        raise BadValue(f"A search has at most {MAX_SEARCH_CHARS} characters that can be printed.")
    return text


class Questions:
    """Asks through the database. One for a process; any thread may use it. ``pause`` waits so many seconds.

    ``answer_seconds`` is how long an answer is waited for.
    """

    def __init__(
        self,
        store: Store,
        pause: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._store, self._pause, self._monotonic = store, pause, monotonic
        self._answer_seconds = answer_seconds

    def check(self, questions: Sequence[Question]) -> list[Checked]:
        """Ask whether things exist (an ``Ask``). What cannot be asked is UNKNOWN, and says why. Raises BadValue."""
        asked = [(each.check().kind.value, each.arguments) for each in questions]
        answers = self._ask(asked)
        return [checked_from_json(each) for each in answers]

    def directory(self, domain: str, text: str) -> Listing:
        """Return the users of a domain whose number or name has ``text`` in it. Raises BadValue."""
        return self._listed(ListKind.DIRECTORY, validation.check_domain(domain), check_search(text))

    def names(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[Listing]:
        """Return users with their names, for each domain and its extensions; unknown to the directory: left out.

        At most ``MAX_NAMED`` of each domain are asked for. Raises BadValue.
        """
        asked = [
            (
                ListKind.NAMES.value,
                [validation.check_domain(domain), *map(validation.check_extension, extensions[:MAX_NAMED])],
            )
            for domain, extensions in wanted
        ]
        return [Listing.from_json(said) for said in self._ask(asked)]

    def registrations(self, domain: str) -> Listing:
        """Return the extensions of a domain that have a phone. Raises BadValue."""
        return self._listed(ListKind.REGISTRATIONS, validation.check_domain(domain))

    def _listed(self, kind: ListKind, *arguments: str) -> Listing:
        (said,) = self._ask([(kind.value, arguments)])
        return Listing.from_json(said)

    def _ask(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[Mapping[str, Any]]:
        if not asked:
            return []
        why_not = self._why_not(len(asked))
        if why_not is not None:
            return [{"error": why_not}] * len(asked)
        with self._store.writing() as s:
            ids = [stored.ask(s, kind, arguments, datetime.now(UTC)) for kind, arguments in asked]
            ask_daemons(s)
        try:
            found = self._wait(ids)
        finally:
            with self._store.writing() as s:
                stored.forget(s, ids)
        return [found.get(each, {"error": NO_ANSWER}) for each in ids]

    def _why_not(self, many: int) -> str | None:
        with self._store.reading() as s:
            if not any(row.status.get("switches") for row in daemons.list_daemons(s) if not row.lost):
                return NO_DAEMON
            return TOO_MANY if stored.count(s) + many > MAX_QUESTIONS else None

    def _wait(self, ids: Collection[int]) -> dict[int, dict[str, Any]]:
        until = self._monotonic() + self._answer_seconds
        while True:
            with self._store.reading() as s:
                found = stored.answers(s, ids)
            if len(found) == len(ids) or self._monotonic() >= until:
                return found
            self._pause(LOOK_SECONDS)
