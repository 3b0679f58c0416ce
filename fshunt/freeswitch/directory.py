"""How the directory of a switch has a user reached: by registered phones, by another endpoint, or not (fact 47). Pure.

What a ``dial-string`` says is only looked at; none of its text enters a dial string of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from fshunt.hunting import validation

MAX_KNOWN = 10_000
"""So many extensions are remembered: those of a large switch."""

DIRECTORY_SECONDS = 1.0
"""How long a hunt waits for the directory of a switch: a file takes less than a millisecond, HTTP some 50 ms."""

SLOW_SECONDS = 60.0
"""For so long hunts do without a directory that has not answered in time."""

SEVERAL = "the directory has several other endpoints for the user"
"""Why such a user is not dialled: all would be given the uuid of one leg, and the second might ring after its end."""

NO_DISTURB = ("user_busy", "call_rejected")
"""Causes of an ``error/`` endpoint that say so; any other one says that there is no phone."""

_TIMES = ("leg_timeout", "originate_timeout", "call_timeout", "leg_delay_start", "leg_progress_timeout")
_SET_TIME = re.compile(rf"\b({'|'.join(_TIMES)})=")
_OPEN, _CLOSED = "{[(<", "}])>"
_VARIABLES = re.compile(r"^(?:\s*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\[[^\]]*\]|<[^>]*>))+")
_VERTO = re.compile(r"verto\.rtc/u:[A-Za-z0-9-]{1,64}")


class Way(Enum):
    """How a user is reached."""

    CONTACTS = auto()
    """At the phones that are registered, as usual."""
    USER = auto()
    """As ``user/`` reaches the user: by one other endpoint, such as a loopback or a gateway."""
    DO_NOT_DISTURB = auto()
    NOBODY = auto()
    SEVERAL = auto()
    """By several other endpoints, which cannot be dialled as one leg."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a dial-string means for a hunt. ``not_honoured`` says in words what of it does not count."""

    way: Way = Way.CONTACTS
    sip: bool = True
    """Whether SIP registrations count, where contacts do."""
    verto: bool = False
    """Whether Verto clients count, too."""
    not_honoured: str | None = None
    answered: bool = True
    """Whether the directory has answered in time."""

    @property
    def by_contacts(self) -> bool:
        """Whether SIP registrations alone count."""
        return self.way is Way.CONTACTS and not self.verto


USUAL = Reach()
UNANSWERED = Reach(answered=False)
"""What counts where the directory has not answered in time, or was not asked because of that."""


def read_dial_string(said: str) -> Reach:
    """Return what a user's dial-string means; an error, or nothing, means the usual one."""
    text = said.strip()
    if not text or text.startswith("-ERR"):
        return USUAL
    parts = [part for each in _parts(text) if (part := _VARIABLES.sub("", each).strip())]
    sip = any("sofia_contact(" in part for part in parts)
    verto = any("verto_contact(" in part for part in parts)
    others = [part for part in parts if not re.search(r"(?:sofia|verto)_contact\(|^error/", part)]
    lost = [f"{name} in it" for name in dict.fromkeys(_SET_TIME.findall(text))]
    if sip or verto:
        lost += ["its endpoints besides the registered phones"] if others else []
        return Reach(Way.CONTACTS, sip, verto, " and ".join(lost) or None)
    if len(others) > 1:
        return Reach(Way.SEVERAL, not_honoured="its several endpoints")
    if others:
        return Reach(Way.USER, not_honoured=" and ".join(lost) or None)
    causes = [part.removeprefix("error/").lower() for part in parts]
    if not causes:
        return USUAL
    return Reach(Way.DO_NOT_DISTURB if causes[0] in NO_DISTURB else Way.NOBODY)


def _parts(text: str) -> list[str]:
    """Split at commas, ``|`` and ``:_:`` that stand in no brackets."""
    parts, depth, start, text = list[str](), 0, 0, text.replace(":_:", ",")
    for place, mark in enumerate(text):
        depth += (mark in _OPEN) - (mark in _CLOSED)
        if depth == 0 and mark in ",|":
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def user_endpoint(extension: str, domain: str) -> str:
    """Return the endpoint that has the directory decide."""
    return f"user/{validation.check_extension(extension)}@{validation.check_domain(domain)}"


def is_by_directory(endpoint: str) -> bool:
    """Whether an endpoint has the directory decide: what rings is not known before."""
    return endpoint.startswith("user/")


def verto_endpoints(said: str) -> tuple[str, ...]:
    """Return the Verto clients in an answer to ``verto_contact``; nothing where there are none, or no mod_verto."""
    return tuple(part for part in said.strip().split(",") if _VERTO.fullmatch(part))


class KnownUsers:
    """How the users were reached who were asked for last, of all switches.

    Only of those whose registered phones count does a missing registration say that there is no phone.
    """

    def __init__(self) -> None:
        self._reach: dict[tuple[str, str], Reach] = {}

    def note(self, domain: str, extension: str, reach: Reach) -> None:
        """Note a user; beyond ``MAX_KNOWN`` the one who was noted first is forgotten."""
        self._reach[domain, extension] = reach
        if len(self._reach) > MAX_KNOWN:
            del self._reach[next(iter(self._reach))]

    def is_by_contacts(self, domain: str, extension: str) -> bool | None:
        """Whether SIP registrations alone count; None: nobody has asked."""
        reach = self._reach.get((domain, extension))
        return None if reach is None else reach.by_contacts

    def is_by_directory(self, domain: str, extension: str) -> bool:
        """Whether an endpoint of the directory rings for the user."""
        return self._reach.get((domain, extension), USUAL).way is Way.USER


class SlowDirectories:
    """The switches whose directory has not answered in time, by Core-UUID: hunts do without it for a while.

    When the while is over, one hunt asks again.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ask_again_at: dict[str, float] = {}

    def seconds(self, switch: str) -> float:
        """How long a hunt waits for the directory of a switch; 0: it does not ask."""
        now, again_at = self._clock(), self._ask_again_at.get(switch)
        if again_at is None:
            return DIRECTORY_SECONDS
        if now < again_at:
            return 0.0
        self._ask_again_at[switch] = now + SLOW_SECONDS
        return DIRECTORY_SECONDS

    def note(self, switch: str, *, answered: bool) -> bool:
        """Note whether the directory that was asked has answered in time; tell whether that is a change."""
        was_slow = switch in self._ask_again_at
        if answered:
            self._ask_again_at.pop(switch, None)
        else:
            self._ask_again_at[switch] = self._clock() + SLOW_SECONDS
        return was_slow is answered
