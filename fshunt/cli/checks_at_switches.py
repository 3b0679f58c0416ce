"""Whether the switches let the daemon in, and have what its groups need: `config check` asks each of them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.settings import Settings, WatchedSwitch

if TYPE_CHECKING:
    from fshunt.services.findings import Finding
    from fshunt.services.switch_checks import Checked, Question
    from fshunt.services.switch_lines import SwitchLines

GREETING = b"connect"
"""The first command of a daemon to FreeSWITCH, and so to any client that connects."""
GREETING_SECONDS = 2.0
"""How long a running daemon may take to send it: far more than it takes on a busy machine."""


MEND = (
    "Callers who are sent there are answered and then cut: `fshunt group set PILOT --voicemail BOX` names another box, "
    "`fshunt domain rename OLD NEW` another domain."
)


class Check(NamedTuple):
    """One check and its result."""

    name: str
    ok: bool
    message: str


class SwitchChecks:
    """Asks the watched switches, over one connection each; ``groups`` are those of all domains."""

    def __init__(self, settings: Settings, groups: Sequence[Group], lines: SwitchLines) -> None:
        self._settings, self._groups, self._lines = settings, groups, lines

    def all(self) -> list[Check]:
        """Check everything that groups need of the switches."""
        switches = [self.switch(each) for each in self._settings.switch]
        if switches and not any(each.ok for each in switches):  # the reason stands beside each of them
            return [*switches, Check("destinations", True, "Not checked: no switch answers.")]
        return [*switches, self.destinations(), *self.directory(), *self.first_calls()]

    def switch(self, switch: WatchedSwitch) -> Check:
        """Whether a switch accepts the connection."""
        name = f"switch {switch.name}"
        try:
            with self._lines.line(switch):
                return Check(name, True, "It accepts the connection.")
        except FshuntError as error:
            return Check(name, False, str(error))

    def destinations(self) -> Check:
        """Whether the domains, voicemail boxes and numbers that callers of all groups are sent to exist."""
        from fshunt.services.destination_checks import ask_for, places_of
        from fshunt.services.switch_checks import NOT_CONFIGURED

        if not self._settings.switch:
            return Check("destinations", True, f"Not checked: {NOT_CONFIGURED}.")
        findings = ask_for(places_of(self._groups, self._settings), self._ask)
        mend = [MEND] if findings.missing else []
        words = [*findings.missing, *mend, *findings.warnings] or ["All domains, boxes and numbers are found."]
        return Check("destinations", not findings.missing, " ".join(words))

    def directory(self) -> list[Check]:
        """What the directories say of the members, as far as hunts do not follow it; nothing if they do."""
        from fshunt.services.switch_checks import dial_strings

        users = dict.fromkeys(
            (member.address.number, group.domain)
            for group in self._groups
            for member in group.members
            if not member.address.external
        )
        found: list[str] = []
        for switch in self._settings.switch:
            try:
                found += dial_strings(switch, users, self._lines.line)
            except FshuntError as error:
                found.append(f"Not checked at switch {switch.name}: {error}")
        return [Check("directory", True, " ".join(found))] if found else []

    def first_calls(self) -> list[Check]:
        """Whether calls to the pilots reach fshunt and ring phones; nothing where there is nothing to ask."""
        from fshunt.services import first_calls

        settings, groups = self._settings, self._groups
        if not settings.switch or not groups:
            return []
        pilots = first_calls.pilot_findings(groups, settings, self._ask)
        found, not_asked = first_calls.switch_findings(groups, settings, self._lines.line)
        return [
            _of_findings("pilots", pilots.findings, "The loaded dialplan gives the callers of all pilots to fshunt."),
            *check_controllers(settings, pilots.controllers),
            _of_findings("members", first_calls.member_findings(groups, self._ask), "The directory has all members."),
            _of_findings("phones", found, " ".join(not_asked) or "There are phones in each domain."),
        ]

    def _ask(self, questions: Sequence[Question]) -> list[Checked]:
        from fshunt.services.switch_checks import on_all

        return on_all(self._settings.switch, questions, self._lines.line)


def check_controllers(settings: Settings, controllers: Sequence[str]) -> list[Check]:
    """Whether fshunt is where FreeSWITCH connects to; nothing where another host's FreeSWITCH does."""
    if not controllers or not all(_is_here(switch.host) for switch in settings.switch):
        return []
    found = {each: _greets(each) for each in controllers}
    if not any(found.values()):
        return [
            Check(
                "controllers",
                False,
                f"FreeSWITCH takes callers to {' and '.join(found)}, where no fshunt answers. They go to the "
                "fallback's voicemail. Start the daemon by `systemctl start fshunt`; if its addresses (`controllers`) "
                "are others, write the dialplan anew by `fshunt dialplan --out FILE --reload`.",
            )
        ]
    return [
        Check("controllers", True, f"FreeSWITCH finds fshunt at {', '.join(each for each in found if found[each])}.")
    ]


def _of_findings(name: str, findings: Sequence[Finding], otherwise: str) -> Check:
    ok = not any(each.is_problem for each in findings)
    return Check(name, ok, " ".join(map(str, findings)) or otherwise)


def _is_here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _greets(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=GREETING_SECONDS) as connection:
            return connection.recv(len(GREETING)) == GREETING
    except (OSError, ValueError):
        return False
