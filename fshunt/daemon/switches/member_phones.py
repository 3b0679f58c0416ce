"""What the switches say of the phones of watched members, besides what their events tell.

Whether a phone can be dialled, and whether the directory has the member reached otherwise, only the switch's answer
says (``contacts.ask``). It is asked when a registration comes or goes, and else once a minute: a directory may be
behind HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import gevent

from fshunt.daemon.switches.line import open_line
from fshunt.daemon.switches.monitor import SwitchMonitor
from fshunt.errors import FshuntError
from fshunt.esl.inbound import Inbound
from fshunt.freeswitch import contacts
from fshunt.freeswitch.contacts import MemberPhones, SipProfiles
from fshunt.freeswitch.directory import SlowDirectories
from fshunt.services.switch_phones import SeenPhones, SeenSwitch, WatchedNow, seen_phones

log = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""How long an answer counts, as long as no registration of the member comes or goes."""

ASKED_AT_ONCE, ASKED_TOGETHER = 20, 10
"""Members of whom a switch is asked in one go, and in one write: some milliseconds of a connection of its own."""

ANSWER_SECONDS = 2.0

Extension = tuple[str, str]
"""A domain and a number."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a switch has said of an extension, whether its events had a phone registered then, and when that was."""

    phones: MemberPhones
    registered: bool
    at: float


class SwitchMemberPhones:
    """The phones of watched members at one switch."""

    def __init__(self, monitor: SwitchMonitor, monotonic: Callable[[], float]) -> None:
        self._monitor, self._monotonic = monitor, monotonic
        self._profiles, self._slow = SipProfiles(), SlowDirectories(monotonic)
        self._answers: dict[Extension, _Answer] = {}
        self._core_uuid = ""
        self._pause_until = 0.0

    def ask(self, extensions: Iterable[Extension]) -> list[Extension]:
        """Ask the switch for those whose answer is old, some at a time; return of whom there is a new answer."""
        wanted = set(extensions)
        if self._core_uuid != self._monitor.core_uuid:
            self._core_uuid, self._answers = self._monitor.core_uuid, {}
        self._answers = {each: answer for each, answer in self._answers.items() if each in wanted}
        due = sorted((each for each in wanted if self._is_due(each)), key=self._asked_at)[:ASKED_AT_ONCE]
        if not due or not self._monitor.watched or self._monotonic() < self._pause_until:
            return []
        try:
            return self._ask(due)
        except FshuntError as error:
            log.debug("switch %s not asked for phones of watched members: %s", self._monitor.switch.name, error)
            self._pause_until = self._monotonic() + ANSWER_SECONDS
            return []

    def seen(self, domain: str, numbers: Sequence[str], since: Callable[[str, str], float | None]) -> WatchedNow:
        """Return what is known of the extensions of a domain now."""
        monitor, switch = self._monitor, self._monitor.switch
        if not monitor.watched:
            error = monitor.error or "it was not reached yet"
            return WatchedNow(SeenSwitch(switch.name, switch.dial is not None), monitor.core_uuid, error)
        phones = {number: self._phones(domain, number, since(number, domain)) for number in numbers}
        return WatchedNow(SeenSwitch(switch.name, switch.dial is not None, phones), monitor.core_uuid)

    def _phones(self, domain: str, number: str, since: float | None) -> SeenPhones:
        table = self._monitor.table
        registered, calls = table.is_registered(number, domain), table.calls_of(f"{number}@{domain}")
        answer = self._answers.get((domain, number))
        if answer is None or (answer.registered is not registered and answer.phones.reach.by_contacts):
            return SeenPhones(registered, calls=calls, since=since)
        return seen_phones(answer.phones, calls, since)

    def _ask(self, due: Sequence[Extension]) -> list[Extension]:
        by_domain: dict[str, list[str]] = {}
        for domain, number in due:
            by_domain.setdefault(domain, []).append(number)
        with open_line(self._monitor, self._monotonic) as line:
            for domain, numbers in by_domain.items():
                for first in range(0, len(numbers), ASKED_TOGETHER):
                    self._ask_together(line, domain, numbers[first : first + ASKED_TOGETHER])
                    gevent.sleep(0)
        return list(due)

    def _ask_together(self, line: Inbound, domain: str, numbers: Sequence[str]) -> None:
        before = {number: self._monitor.table.is_registered(number, domain) for number in numbers}
        patience = self._slow.seconds(self._core_uuid)
        found = contacts.ask(line, domain, numbers, ANSWER_SECONDS, self._profiles, patience)
        if patience:
            self._slow.note(self._core_uuid, answered=all(phones.reach.answered for phones in found.values()))
        for number, phones in found.items():
            self._answers[domain, number] = _Answer(phones, before[number], self._monotonic())

    def _is_due(self, each: Extension) -> bool:
        answer = self._answers.get(each)
        if answer is None or self._monotonic() - answer.at >= FRESH_SECONDS:
            return True
        domain, number = each
        return answer.registered is not self._monitor.table.is_registered(number, domain)

    def _asked_at(self, each: Extension) -> float:
        """Those first whose registration has changed, or who were never asked."""
        answer = self._answers.get(each)
        domain, number = each
        if answer is None or answer.registered is not self._monitor.table.is_registered(number, domain):
            return 0.0
        return answer.at
