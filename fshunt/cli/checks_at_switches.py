"""Whether the switches let the daemon in, and have what its groups need: `config check` asks each of them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

from fshunt.cli.check_result import Check, failed, not_checked, passed
from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.services import first_calls
from fshunt.services.destination_checks import ask_for, places_of
from fshunt.services.feature_checks import features_at
from fshunt.services.findings import Finding
from fshunt.services.pilot_findings import pilots_at
from fshunt.services.switch_checks import NOT_CONFIGURED, Checked, Question, dial_strings, on_all
from fshunt.services.switch_lines import SwitchLines
from fshunt.settings import Settings, WatchedSwitch

GREETING = b"connect"
"""The first command of a daemon to FreeSWITCH, and so to any client that connects."""
GREETING_SECONDS = 2.0
"""How long a running daemon may take to send it: far more than it takes on a busy machine."""


MEND = (
    "Callers who are sent there are answered and then cut: name another one by `fshunt group set PILOT --voicemail "
    "BOX`."
)


class SwitchChecks:
    """Asks the watched switches, over one connection each; ``groups`` are those of all domains."""

    def __init__(self, settings: Settings, groups: Sequence[Group], lines: SwitchLines) -> None:
        self._settings, self._groups, self._lines = settings, groups, lines
        self._answering: Sequence[WatchedSwitch] = ()

    def all(self) -> list[Check]:
        """Check everything that groups need of the switches."""
        switches = [self.switch(each) for each in self._settings.switch]
        self._answering = [each for each, said in zip(self._settings.switch, switches, strict=True) if said.ok]
        if not switches:
            return [not_checked("destinations", NOT_CONFIGURED)]
        if not any(each.ok for each in switches):  # the reason stands beside each of them
            return [*switches, not_checked("destinations", "no switch answers")]
        domains = list(dict.fromkeys(group.domain for group in self._groups))
        missing = first_calls.domain_findings(domains, self._ask)
        theirs = [group for group in self._groups if group.domain not in missing]
        return [
            *switches,
            *([_of_findings("domains", list(missing.values()))] if missing else []),
            self.destinations(theirs),
            *self.directory(),
            *(self.first_calls(theirs) if self._groups else []),
        ]

    def switch(self, switch: WatchedSwitch) -> Check:
        """Whether a switch accepts the connection."""
        name = f"switch {switch.name}"
        try:
            with self._lines.line(switch):
                return passed(name, "It accepts the connection.")
        except FshuntError as error:
            return failed(name, str(error))

    def destinations(self, groups: Sequence[Group]) -> Check:
        """Whether the voicemail boxes and numbers exist that callers of these groups are sent to."""
        findings = ask_for(places_of(groups, self._settings), self._ask)
        others = "" if len(groups) == len(self._groups) else "of the other domains "
        fine = "" if findings.warnings else f"All boxes and numbers {others}are found."
        problems = tuple(f"{each} {MEND}" for each in findings.missing)
        return Check("destinations", fine, problems, findings.warnings)

    def directory(self) -> list[Check]:
        """What the directories say of the members, as far as hunts do not follow it; nothing if they do."""
        users = dict.fromkeys(
            (member.address.number, group.domain)
            for group in self._groups
            for member in group.members
            if not member.address.external
        )
        found: list[str] = []
        for switch in self._answering:
            try:
                found += dial_strings(switch, users, self._lines.line)
            except FshuntError as error:
                found.append(f"Not checked at switch {switch.name}: {error}")
        return [Check("directory", notes=tuple(found))] if found else []

    def first_calls(self, groups: Sequence[Group]) -> list[Check]:
        """Whether calls to all pilots reach fshunt, and those to ``groups`` ring phones."""
        settings = self._settings
        others = "" if len(groups) == len(self._groups) else " other"
        pilots = pilots_at(self._answering, self._groups, settings, self._lines.line)
        codes = features_at(self._answering, self._groups, settings, self._lines.line)
        codes_fine = "" if codes else "The loaded dialplan gives the feature codes to fshunt."
        found, not_asked = first_calls.switch_findings(self._groups, settings, self._lines.line)
        phones = _of_findings("phones", found, "" if not_asked else "There are phones in each domain.")
        return [
            _of_findings("pilots", pilots.findings, "The loaded dialplan gives the callers of all pilots to fshunt."),
            _of_findings("feature codes", codes, codes_fine),
            *check_controllers(settings, pilots.controllers),
            _of_findings(
                "members", first_calls.member_findings(groups, self._ask), f"The directory has all{others} members."
            ),
            replace(phones, notes=(*(f"{_without_reason(each, ': ')}." for each in not_asked), *phones.notes)),
        ]

    def _ask(self, questions: Sequence[Question]) -> list[Checked]:
        """Ask all switches; why one does not answer is told once, by its own check."""
        answers = on_all(self._settings.switch, questions, self._lines.line)
        return [replace(each, why=_without_reason(each.why, " did not answer: ")) for each in answers]


def check_controllers(settings: Settings, controllers: Sequence[str]) -> list[Check]:
    """Whether fshunt is where FreeSWITCH connects to; nothing where another host's FreeSWITCH does."""
    if not controllers or not all(_is_here(switch.host) for switch in settings.switch):
        return []
    found = {each: _greets(each) for each in controllers}
    if not any(found.values()):
        return [
            failed(
                "controllers",
                f"FreeSWITCH takes callers to {' and '.join(found)}, where no fshunt answers. They go to the "
                "fallback's voicemail. Start the daemon by `systemctl start fshunt`; if its addresses (`controllers`) "
                "are others, write the dialplan anew by `fshunt dialplan --out FILE --reload`.",
            )
        ]
    return [passed("controllers", f"FreeSWITCH finds fshunt at {', '.join(each for each in found if found[each])}.")]


def _of_findings(name: str, findings: Sequence[Finding], otherwise: str = "") -> Check:
    """``otherwise`` is told where all is known, and in order."""
    problems = tuple(str(each) for each in findings if each.is_problem)
    notes = tuple(str(each) for each in findings if not each.is_problem)
    return Check(name, otherwise, problems, notes)


def _without_reason(sentence: str, mark: str) -> str:
    """Leave out why a switch does not answer, which stands behind ``mark``: its own check tells it."""
    what, found, _ = sentence.partition(mark)
    return what + mark.rstrip(": ") if found else sentence


def _is_here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _greets(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=GREETING_SECONDS) as connection:
            return connection.recv(len(GREETING)) == GREETING
    except (OSError, ValueError):
        return False
