"""Subscriptions that are told one by one, each by its Call-ID: the address of their lamp does not lead to them alone.

That of a block in one group has no domain, and a phone may watch its lamp under another name of the domain (fact 75).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fshunt.freeswitch.presence import Lamp

MAX_OWN = 20_000
"""The one that was heard of first is forgotten for a further one."""


class OwnSubscriptions:
    """Of one switch. They are known from when they were heard, until their time is over."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lamps: dict[str, tuple[Lamp, float, bool]] = {}
        self._of_lamp: dict[Lamp, set[str]] = {}

    def __len__(self) -> int:
        return len(self._lamps)

    def add(self, subscription: str, lamp: Lamp, seconds: float, *, at_address: bool) -> None:
        """Note a subscription, or that it was renewed; ``at_address``: the address of the lamp leads to it, too."""
        self.remove(subscription)
        if len(self._lamps) >= MAX_OWN:
            self.remove(next(iter(self._lamps)))
        self._lamps[subscription] = lamp, self._monotonic() + seconds, at_address
        self._of_lamp.setdefault(lamp, set()).add(subscription)

    def remove(self, subscription: str) -> None:
        """Forget a subscription, if it is known."""
        lamp, _, _ = self._lamps.pop(subscription, (None, 0.0, False))
        if lamp is not None:
            self._of_lamp[lamp].discard(subscription)
            if not self._of_lamp[lamp]:
                del self._of_lamp[lamp]

    def of(self, lamp: Lamp, *, at_address: bool) -> Iterator[str]:
        """Yield the subscriptions to a lamp that have not ended; those at its address, too, or without them."""
        now = self._monotonic()
        for subscription in sorted(self._of_lamp.get(lamp, ())):
            _, until, is_at_address = self._lamps[subscription]
            if until < now:
                self.remove(subscription)
            elif at_address or not is_at_address:
                yield subscription
