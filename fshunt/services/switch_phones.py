"""The phones of members as switches see them, whoever delivers them: a switch that is asked, or a daemon that watches.

Pure. What several switches say is taken together here, so that a member's state is made in one way
(``member_states.states``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fshunt.freeswitch.contacts import MemberPhones
    from fshunt.freeswitch.phones import PhoneCall


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
