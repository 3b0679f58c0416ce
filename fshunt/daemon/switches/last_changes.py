"""Since when an extension is free, or has no phone: the monitor knows what is, and here stands when it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fshunt.daemon.switches.monitor import SeenPhone
from fshunt.freeswitch.phones import Change

MAX_KNOWN = 20_000
"""So many extensions are remembered: those of two large switches."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Whether an extension has a phone and a call, and since when in seconds since 1970; None: as it was found."""

    registered: bool | None
    in_call: bool
    since: float | None


class LastChanges:
    """Hears of each change of a phone; ``look`` is the monitor's. What was so when the daemon began has no time."""

    def __init__(self, look: Callable[[str, str], SeenPhone], now: Callable[[], datetime]) -> None:
        self._look, self._now = look, now
        self._known: dict[str, _Condition] = {}
        self._has_begun = False

    def begun(self) -> None:
        """The state of a switch was taken: from now on, who is heard of for the first time has changed just now."""
        self._has_begun = True

    def changed(self, change: Change) -> None:
        """Note the extensions whose calls or registrations have changed."""
        for presence_id in change.presence_ids:
            number, _, domain = presence_id.partition("@")
            self._note(presence_id, self._look(domain, number))

    def since(self, number: str, domain: str) -> float | None:
        """Since when an extension is free or has no phone, in seconds since 1970; None where that is not known."""
        known = self._known.get(f"{number}@{domain}".lower())
        return None if known is None or known.in_call else known.since

    def _note(self, presence_id: str, seen: SeenPhone) -> None:
        before = self._known.pop(presence_id, None)
        registered, in_call = seen.registered, bool(seen.calls)
        if before is not None and (before.registered, before.in_call) == (registered, in_call):
            since = before.since
        else:
            since = self._now().timestamp() if before is not None or self._has_begun else None
        self._known[presence_id] = _Condition(registered, in_call, since)
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
