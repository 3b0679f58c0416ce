"""Answers the questions to switches that other processes write into the database (``services.questions``).

The list of questions is fixed, each only reads, and the arguments are checked again before one is sent. So many at a
time are answered on connections of their own: no hunt waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event

from fshunt.daemon.data.database import Database
from fshunt.daemon.switches.line import open_line
from fshunt.daemon.switches.monitor import Monitor
from fshunt.db.notifications import ASKED, Changed
from fshunt.db.queries import questions as stored
from fshunt.db.queries.questions import Asked
from fshunt.errors import BadValue, DatabaseError, FshuntError
from fshunt.esl.inbound import Inbound
from fshunt.freeswitch import directory_list
from fshunt.freeswitch.dialplan_contexts import Lookups
from fshunt.freeswitch.directory_list import DirectoryUser
from fshunt.services.questions import (
    MAX_LISTED,
    MAX_NAMED,
    MAX_QUESTIONS,
    Listing,
    ListKind,
    check_search,
    checked_to_json,
)
from fshunt.services.switch_checks import NOT_CONFIGURED, Question, QuestionKind, on_all
from fshunt.settings import WatchedSwitch

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often it is looked for questions, also without a notice."""

AT_ONCE, PAUSE_SECONDS = 20, 0.5
"""Questions that are answered together, and the pause after them: some forty a second at most."""

KEPT_SECONDS = 60.0
"""A question that is still there after so long has been given up by who asked it."""

LISTED_SECONDS, MAX_LISTS = 60.0, 20
"""How long the list of a domain's users counts, and of how many domains: a search asks again with each letter."""

ANSWER_SECONDS = 3.0
"""How long a switch may take to list its users: each costs it some 0.1 ms (fact 72)."""


def _breathe() -> None:
    gevent.sleep(0)


class SwitchAnswers:
    """A service."""

    def __init__(
        self,
        run_id: str,
        database: Database,
        monitor: Monitor,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._run_id, self._database, self._monitor = run_id, database, monitor
        self._now, self._monotonic = now, monotonic
        self._asked = Event()
        self._first_seen: dict[int, float] = {}
        """The questions that are there, and when this daemon saw each first."""
        self._lists: dict[str, tuple[float, list[DirectoryUser]]] = {}
        self._lookups = Lookups(_breathe)

    def database_changed(self, changed: Collection[Changed] | None) -> None:
        """Something has changed in the database; None: nobody knows what."""
        if changed is None or any(domain == ASKED for domain, _ in changed):
            self._asked.set()

    def run(self) -> None:
        """Answer questions until killed."""
        while True:
            self._asked.wait(LOOK_SECONDS)
            self._asked.clear()
            try:
                if self._database.away is None and self._answer_some():
                    self._asked.set()
                    gevent.sleep(PAUSE_SECONDS)
            except DatabaseError as error:
                log.debug("questions to switches not answered: %s", error)

    def _answer_some(self) -> bool:
        """Answer those that nobody has taken; tell whether there may be more."""
        there = self._database.run(lambda s: stored.listed(s, MAX_QUESTIONS))
        self._forget_old(there)
        open_now = {each.id: each for each in there if each.run_id is None}
        ids = list(open_now)[:AT_ONCE]
        if not ids:
            return False
        taken = self._database.run(lambda s: stored.take(s, ids, self._run_id), write=True)
        answers = self._answers([open_now[each] for each in sorted(taken)])
        if answers:
            at = self._now()
            self._database.run(lambda s: stored.answer(s, answers, at), write=True)
        return True

    def _forget_old(self, there: Sequence[Asked]) -> None:
        now = self._monotonic()
        self._first_seen = {each.id: self._first_seen.get(each.id, now) for each in there}
        old = [each for each, seen in self._first_seen.items() if now - seen >= KEPT_SECONDS]
        if old:
            self._database.run(lambda s: stored.forget(s, old), write=True)

    def _answers(self, asked: Sequence[Asked]) -> dict[int, dict[str, Any]]:
        answers = dict[int, dict[str, Any]]()
        checks = dict[int, Question]()
        for each in asked:
            try:
                if each.kind in list(ListKind):
                    answers[each.id] = self._listing(ListKind(each.kind), each.arguments).to_json()
                else:
                    checks[each.id] = _question(each)
            except FshuntError as error:
                answers[each.id] = {"error": str(error)}
        switches = [each.switch for each in self._monitor.switches] if checks else []
        found = on_all(switches, list(checks.values()), self._connected, self._lookups)
        return answers | {each: checked_to_json(said) for each, said in zip(checks, found, strict=True)}

    @contextmanager
    def _connected(self, switch: WatchedSwitch) -> Iterator[Inbound]:
        (monitor,) = [each for each in self._monitor.switches if each.switch is switch]
        with open_line(monitor, self._monotonic) as line:
            yield line

    def _listing(self, kind: ListKind, arguments: Sequence[str]) -> Listing:
        if not self._monitor.configured:
            return Listing(unknown=NOT_CONFIGURED)
        match kind, arguments:
            case ListKind.DIRECTORY, [domain, text]:
                return _first(_found(self._users_of(domain), check_search(text)))
            case ListKind.NAMES, [domain, *extensions]:
                wanted = set(extensions[:MAX_NAMED])
                return Listing(tuple(user for user in self._users_of(domain) if user.number in wanted))
            case ListKind.REGISTRATIONS, [domain]:
                why_not = self._monitor.why_not()
                if why_not is not None:
                    return Listing(unknown=why_not)
                return _first([DirectoryUser(number) for number in self._monitor.registered_in(domain, _breathe)])
        raise BadValue(f"The question {kind.value} has other arguments.")

    def _users_of(self, domain: str) -> list[DirectoryUser]:
        """The users of a domain at all switches. Raises FshuntError if no switch lists them."""
        now, key = self._monotonic(), domain.lower()
        self._lists = {each: kept for each, kept in self._lists.items() if now - kept[0] < LISTED_SECONDS}
        if key not in self._lists:
            if len(self._lists) >= MAX_LISTS:
                del self._lists[min(self._lists, key=lambda each: self._lists[each][0])]
            self._lists[key] = now, self._ask_for_users(domain)
        return self._lists[key][1]

    def _ask_for_users(self, domain: str) -> list[DirectoryUser]:
        found: dict[str, DirectoryUser] = {}
        errors: list[FshuntError] = []
        for monitor in self._monitor.switches:
            try:
                with open_line(monitor, self._monotonic) as line:
                    users = directory_list.ask(line, domain, ANSWER_SECONDS, _breathe)
                found = {user.number: user for user in users} | found
            except FshuntError as error:
                errors.append(error)
        if len(errors) == len(self._monitor.switches):
            raise errors[0]
        return sorted(found.values())


def _question(asked: Asked) -> Question:
    try:
        kind = QuestionKind(asked.kind)
    except ValueError:
        raise BadValue(f"This version of fshunt cannot ask a switch for {asked.kind[:40]!a}.") from None
    return Question(kind, tuple(asked.arguments)).check()


def _found(users: Sequence[DirectoryUser], text: str) -> list[DirectoryUser]:
    """Those with a text in the number or the name, those whose number begins with it first."""
    wanted = text.casefold()
    found = [user for user in users if wanted in user.number.casefold() or wanted in user.name.casefold()]
    return sorted(found, key=lambda user: (not user.number.startswith(text), user.number))


def _first(users: Sequence[DirectoryUser]) -> Listing:
    return Listing(tuple(users[:MAX_LISTED]), len(users) > MAX_LISTED)
