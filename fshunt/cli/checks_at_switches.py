"""Whether the switches let the daemon in, and have what its groups need: `config check` asks each of them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fshunt.cli.app import App
from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.settings import Settings, WatchedSwitch

if TYPE_CHECKING:
    from fshunt.services.first_calls import Finding

GREETING = b"connect"
"""The first command of a daemon to FreeSWITCH, and so to any client that connects."""
GREETING_SECONDS = 2.0
"""How long a running daemon may take to send it: far more than it takes on a busy machine."""


SWITCH_SECONDS = 3.0
"""How long a switch may take to accept the connection; normally it takes milliseconds."""


class Check(NamedTuple):
    """One check and its result."""

    name: str
    ok: bool
    message: str


def check_switch(switch: WatchedSwitch) -> Check:
    """Whether a switch to be watched accepts the connection."""
    from fshunt.esl.inbound import Inbound

    name = f"switch {switch.name}"
    try:
        Inbound.connect(switch.host, switch.port, switch.password(), SWITCH_SECONDS).close()
    except FshuntError as error:
        return Check(name, False, str(error))
    return Check(name, True, "It accepts the connection.")


def check_destinations(app: App) -> Check:
    """Whether the domains, voicemail boxes and numbers that callers of all groups are sent to exist on the switches."""
    from fshunt.services.destination_checks import ask_for, places_of
    from fshunt.services.switch_checks import NOT_CONFIGURED, on_all

    settings = app.settings
    if not settings.switch:
        return Check("destinations", True, f"Not checked: {NOT_CONFIGURED}.")
    findings = ask_for(places_of(all_groups(app)[1], settings), partial(on_all, settings.switch))
    words = [*findings.missing, *findings.warnings] or ["All domains, boxes and numbers are found."]
    return Check("destinations", not findings.missing, " ".join(words))


def check_directory(app: App) -> list[Check]:
    """What the directories of the switches say of the members, as far as hunts do not follow it; nothing if they do."""
    from fshunt.services.switch_checks import dial_strings

    users = dict.fromkeys(
        (member.address.number, group.domain)
        for group in all_groups(app)[1]
        for member in group.members
        if not member.address.external
    )
    found: list[str] = []
    for switch in app.settings.switch:
        try:
            found += dial_strings(switch, users)
        except FshuntError as error:
            found.append(f"Not checked at switch {switch.name}: {error}")
    return [Check("directory", True, " ".join(found))] if found else []


def check_first_calls(app: App) -> list[Check]:
    """Whether calls to the pilots reach fshunt and ring phones; nothing where no switch is configured."""
    from fshunt.services import first_calls
    from fshunt.services.switch_checks import on_all

    settings, groups = app.settings, all_groups(app)[1]
    if not settings.switch or not groups:
        return []
    ask = partial(on_all, settings.switch)
    pilots = first_calls.pilot_findings(groups, settings, ask)
    phones, not_asked = first_calls.switch_findings(groups, settings.switch)
    return [
        _of_findings("pilots", pilots.findings, "The loaded dialplan gives the callers of all pilots to fshunt."),
        *check_controllers(settings, pilots.controllers),
        _of_findings("members", first_calls.member_findings(groups, ask), "The directory has all members."),
        _of_findings("phones", phones, " ".join(not_asked) or "There are phones in each domain."),
    ]


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
                "are others, write the dialplan anew by `fshunt dialplan --out FILE`.",
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


def all_groups(app: App) -> tuple[list[str], list[Group]]:
    """Return the names of all domains, and the groups of them all."""
    from fshunt.db.queries.rows import domain_names
    from fshunt.services.groups import list_groups

    with app.store.reading() as session:
        domains = domain_names(session)
        return domains, [group for domain in domains for group in list_groups(session, domain)]
