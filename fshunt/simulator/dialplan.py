"""The simulated switch's dialplan: what happens to a number before and after the controllers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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


EXTENSION = re.compile(r"^1\d{3}$")
PILOT = re.compile(r"^5\d{3}$")


def recipe(controllers: Sequence[tuple[str, int]], domain: str, box: str) -> list[Action]:
    """The dialplan that never leaves a caller behind (fact 7): two tries of the controllers, then voicemail."""
    sockets = "|".join(f"{host}:{port}" for host, port in controllers)
    return [
        ("set", f"domain_name={domain}"),
        ("set", "continue_on_fail=true"),
        ("set", "hangup_after_bridge=true"),
        ("set", "socket_resume=true"),
        ("set", "execute_on_answer=set socket_resume=false"),
        ("socket", f"{sockets} async full"),
        ("socket", f"{sockets} async full"),
        ("answer", ""),
        ("sleep", "1000"),
        ("voicemail", f"default {domain} {box}"),
        ("hangup", ""),
    ]


def route(number: str, domain: str, pilot_actions: Sequence[Action]) -> list[Action]:
    """What is done with a number: a pilot, an extension, or nothing that exists."""
    if PILOT.match(number):
        return list(pilot_actions)
    if EXTENSION.match(number):
        return [("set", "hangup_after_bridge=true"), ("bridge", f"user/{number}@{domain}")]
    return [("hangup", "NO_ROUTE_DESTINATION")]
