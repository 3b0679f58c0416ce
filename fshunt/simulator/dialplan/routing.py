"""The simulated switch's dialplan: what happens to a number before and after the controllers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fshunt.freeswitch.dialplan import recipe, voicemail_fallback

Action = tuple[str, str]
"""An application and its argument."""


@dataclass(frozen=True, slots=True)
class Message:
    """An application that the controller asked for."""

    application: str
    argument: str
    event_uuid: str
    lock: bool = False
    loops: int = 1
    controllers: bool = False
    """Whether a controller sent it, and not the dialplan."""


_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
MAX_EXPANSIONS = 100  # a variable that names itself would be expanded for ever
EXTENSION = re.compile(r"^1\d{3}$")
PILOT = re.compile(r"^5\d{3}$")


def shipped(controllers: Sequence[tuple[str, int]], domain: str, box: str) -> list[Action]:
    """The dialplan that fshunt ships for a pilot (fact 7), with a voicemail box as the fallback."""
    addresses = "|".join(f"{host}:{port}" for host, port in controllers)
    named: list[Action] = [("set", f"domain_name={domain}")]
    return named + recipe(addresses, voicemail_fallback("default", domain, box))


def route(number: str, domain: str, pilot_actions: Sequence[Action]) -> list[Action]:
    """What is done with a number: a pilot, an extension, or nothing that exists."""
    if PILOT.match(number):
        return list(pilot_actions)
    if EXTENSION.match(number):
        return [("set", "hangup_after_bridge=true"), ("bridge", f"user/{number}@{domain}")]
    return [("hangup", "NO_ROUTE_DESTINATION")]


def expand(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Puts variables into an argument, and into their values again, as FreeSWITCH does; and what it found to expand."""
    names: list[str] = []
    while len(names) < MAX_EXPANSIONS and (found := _VARIABLE.search(text)):
        names.append(found[0])
        text = text.replace(found[0], variables.get(found[1], ""))
    return text, names
