"""The simulated switch's dialplan: what happens to a number before and after the controllers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fshunt.freeswitch.dialplan import recipe, voicemail_fallback
from fshunt.simulator.core.actions import Action

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
