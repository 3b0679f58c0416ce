"""The phones of members as switches see them, whoever delivers them: a switch that is asked, or a daemon that watches.

Pure. What several switches say is taken together here, so that a member's state is made in one way
(``member_states.states``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fshunt.db.types import UNSTORABLE
from fshunt.freeswitch.phones import PhoneCall, PhoneState

if TYPE_CHECKING:
    from fshunt.freeswitch.contacts import MemberPhones

MAX_SHOWN_CHARS = 64
"""Of a text from a switch that is published, such as the number of a caller: a page shows no more."""


@dataclass(frozen=True, slots=True)
class SeenPhones:
    """The phones of one extension at one switch, and their calls, the oldest first."""

    registered: bool = False
    undialable: str | None = None
    """Why no phone can be dialled; None where one can be, or there is none."""
    do_not_disturb: bool = False
    """Whether the switch's directory says so."""
    calls: tuple[PhoneCall, ...] = ()
    since: float | None = None
    """Since when the extension is free, or has no phone, in seconds since 1970; None where that is not known."""


def seen_phones(phones: MemberPhones, calls: tuple[PhoneCall, ...], since: float | None = None) -> SeenPhones:
    """Return what a switch has said of the phones of an extension, and their calls."""
    return SeenPhones(phones.registered, phones.why_not, phones.do_not_disturb, calls, since)


@dataclass(frozen=True, slots=True)
class SeenSwitch:
    """One switch, and the phones that it has of each extension that was looked for.

    ``has_route``: calls of other switches can be led there (``dial`` of its ``[[switch]]``).
    """

    name: str
    has_route: bool = False
    phones: Mapping[str, SeenPhones] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchedNow:
    """What a daemon knows of a switch that it is to watch.

    ``core_uuid`` tells the switch from others that may have the same name on another host; it is empty for one that was
    never reached. ``error``: why it is not watched now; None: it is.
    """

    seen: SeenSwitch
    core_uuid: str
    error: str | None = None


def published(switches: Sequence[WatchedNow]) -> dict[str, Any]:
    """Return what a daemon publishes of the members of a group, as JSON; what is as usual is left out."""
    return {"switches": [_switch_to_json(each) for each in switches]}


def read_published(data: Mapping[str, Any]) -> list[WatchedNow]:
    """Read the output of ``published``; what a newer daemon has added is passed over."""
    return [_switch_from_json(each) for each in data.get("switches", ())]


def _switch_to_json(switch: WatchedNow) -> dict[str, Any]:
    known = {"name": switch.seen.name, "core": switch.core_uuid, "route": switch.seen.has_route, "error": switch.error}
    phones = {number: _phones_to_json(phones) for number, phones in switch.seen.phones.items()}
    return {name: value for name, value in known.items() if value} | {"phones": phones}


def _switch_from_json(data: Mapping[str, Any]) -> WatchedNow:
    phones = {number: _phones_from_json(each) for number, each in data["phones"].items()}
    seen = SeenSwitch(data["name"], data.get("route", False), phones)
    return WatchedNow(seen, data.get("core", ""), data.get("error"))


def _phones_to_json(phones: SeenPhones) -> dict[str, Any]:
    known = {
        "registered": phones.registered,
        "undialable": None if phones.undialable is None else _shown(phones.undialable, 4 * MAX_SHOWN_CHARS),
        "do_not_disturb": phones.do_not_disturb,
        "calls": [[call.state.value, call.since, _shown(call.other)] for call in phones.calls],
        "since": phones.since,
    }
    return {name: value for name, value in known.items() if value}


def _phones_from_json(data: Mapping[str, Any]) -> SeenPhones:
    calls = tuple(PhoneCall("", PhoneState(state), since, other) for state, since, other in data.get("calls", ()))
    return SeenPhones(
        data.get("registered", False),
        data.get("undialable"),
        data.get("do_not_disturb", False),
        calls,
        data.get("since"),
    )


def _shown(text: str, chars: int = MAX_SHOWN_CHARS) -> str:
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:chars])


class SwitchPhones:
    """The phones of all switches that are seen. ``complete``: none is missing, so what is not seen does not exist."""

    def __init__(self, switches: Sequence[SeenSwitch], complete: bool) -> None:
        self.complete = complete
        self._switches = switches

    def registered(self, number: str) -> bool | None:
        """Whether an extension has a phone; None where that is not known."""
        found = self._found(number)
        if any(each.registered for each in found):
            return True
        return False if self.complete and len(found) == len(self._switches) else None

    def undialable(self, number: str) -> str | None:
        """Why no phone of an extension can be dialled; None where one can be, or there is none."""
        found = self._found(number)
        if any(each.registered and each.undialable is None for each in found):
            return None
        return next((each.undialable for each in found if each.undialable is not None), None)

    def do_not_disturb(self, number: str) -> bool:
        """Whether the directory of each switch says so."""
        found = self._found(number)
        return bool(found) and all(each.do_not_disturb for each in found)

    def at_some_switches(self, number: str) -> str | None:
        """Return the switches that have all phones of an extension, if other switches have no route to any of them."""
        having = [each for each in self._switches if number in each.phones and each.phones[number].registered]
        if len(having) == len(self._switches) or any(switch.has_route for switch in having):
            return None
        return ", ".join(switch.name for switch in having) or None

    def calls(self, number: str) -> list[PhoneCall]:
        """The calls of an extension, those of one switch after another, the oldest first."""
        return [call for each in self._found(number) for call in each.calls]

    def since(self, number: str) -> float | None:
        """Since when an extension is free, or has no phone: what the last switch to change says."""
        return max((each.since for each in self._found(number) if each.since is not None), default=None)

    def _found(self, number: str) -> Collection[SeenPhones]:
        return [each.phones[number] for each in self._switches if number in each.phones]
