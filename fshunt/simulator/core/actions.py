"""Execution on a channel: an application, its argument, and the variables expanded in the argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Action = tuple[str, str]
"""An application and its argument."""

MAX_EXPANSIONS = 100  # a variable that refers to itself would be expanded forever
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


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


def expand(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Expands variables in an argument and in their values, as FreeSWITCH does; also returns what it expanded."""
    names: list[str] = []
    while len(names) < MAX_EXPANSIONS and (found := _VARIABLE.search(text)):
        names.append(found[0])
        text = text.replace(found[0], variables.get(found[1], ""))
    return text, names
