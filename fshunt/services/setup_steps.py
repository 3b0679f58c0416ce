"""The steps of `fshunt setup` as values: how each is, why that matters, and what would be changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from fshunt.services.setup_facts import SwitchFacts
from fshunt.settings.switches import SHIPPED_PASSWORD

USER = "fshunt"
HOME = "/var/lib/fshunt"
PUBLIC_PASSWORDS = (SHIPPED_PASSWORD, "CHANGE-ME")
"""FreeSWITCH's own, and that of our example file."""
MOST_MEMBERS = 5
"""Of the first group: on a host with many phones setup does not have them all ring."""
PILOTS = [str(number) for number in range(5000, 5100)]
SECRET_MODE, SHARED_SECRET_MODE, OPEN_MODE = 0o600, 0o640, 0o644
AGAIN = "run `fshunt setup` again"

UNITS = ("fshunt.socket", "fshunt.service")


class State(StrEnum):
    """How a step is."""

    DONE = "done"
    TO_DO = "to do"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a file; what was there is copied beside it."""

    path: Path
    content: bytes = field(repr=False)
    secret: bool = False
    mode: int | None = None
    """None: as it is."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program of this host."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class AddGroup:
    """Add a group with members."""

    domain: str
    pilot: str
    members: tuple[str, ...]


class Do(StrEnum):
    """Changes without arguments."""

    RELOAD_EVENT_SOCKET = "reload mod_event_socket"
    RELOAD_XML = "reloadxml"
    FILL_TABLE = "fshunt dialplan --table --reload"
    UPGRADE_DATABASE = "fshunt db upgrade"
    CALL = "test call"


Action = WriteFile | Run | AddGroup | Do


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how it is, why that matters, what would be changed. Sentences, but for the name."""

    name: str
    state: State
    what: str
    why: str = ""
    change: str = ""
    actions: tuple[Action, ...] = ()
    needs: tuple[str, ...] = ()
    """Steps without which it is not tried."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the administrator has said, and a password that was drawn for this run."""

    new_password: str = field(repr=False)
    domain: str | None = None
    pilot: str | None = None
    members: tuple[str, ...] = ()


def done(name: str, what: str) -> Step:
    """A step that is done."""
    return Step(name, State.DONE, what)


def problem(name: str, what: str, needs: tuple[str, ...] = ()) -> Step:
    """A step that cannot be done, and the sentence with what to do."""
    return Step(name, State.PROBLEM, what, needs=needs)


def calls_up(switch: SwitchFacts) -> str:
    """Say how many calls are up."""
    if switch.calls is None:
        return "it does not say how many calls are up"
    return {0: "no call is up", 1: "1 call is up"}.get(switch.calls, f"{switch.calls} calls are up")
