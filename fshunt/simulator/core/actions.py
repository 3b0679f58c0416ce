"""What a channel executes: an application with its argument, and the variables that are put into the argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Action = tuple[str, str]
"""An application and its argument."""

MAX_EXPANSIONS = 100  # a variable that names itself would be expanded for ever
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
    """Puts variables into an argument, and into their values again, as FreeSWITCH does; and what it found to expand."""
    names: list[str] = []
    while len(names) < MAX_EXPANSIONS and (found := _VARIABLE.search(text)):
        names.append(found[0])
        text = text.replace(found[0], variables.get(found[1], ""))
    return text, names
