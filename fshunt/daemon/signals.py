"""Tells several parts of one event: built first and handed to both sides, where two parts need each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Signal(Generic[P]):
    """Calls all that are connected, in their order, each time it is sent."""

    def __init__(self) -> None:
        self._receivers: list[Callable[P, object]] = []

    def connect(self, *receivers: Callable[P, object]) -> None:
        """Call these as well, from now on."""
        self._receivers.extend(receivers)

    def send(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call all that are connected."""
        for receiver in self._receivers:
            receiver(*args, **kwargs)
