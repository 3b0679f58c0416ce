"""What holds deliveries back: one host gets one message at a time, and none for a while after it has failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fshunt.backoff import Backoff
from fshunt.db.queries.notice_deliveries import Delivery
from fshunt.errors import BadValue
from fshunt.notices.notice import Channel
from fshunt.notices.targets import parse_webhook_url

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 300.0
"""Pauses of a host, or of a receiver, that fails. Each message has pauses of its own besides."""

MAIL = "mail"
"""The lane of all mails: they go to one server."""


def lane_of(delivery: Delivery) -> str:
    """Return what a delivery shares with others: the mail server, or the host of the webhook."""
    if delivery.channel is Channel.MAIL:
        return MAIL
    try:
        url = parse_webhook_url(delivery.target)
    except BadValue:  # stored by hand; the try says so
        return delivery.target
    return f"{url.host}:{url.port}"


@dataclass(slots=True)
class _Pause:
    until: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))


class Pauses:
    """Which lanes and notices are not tried now, in seconds of the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pauses: dict[str | int, _Pause] = {}

    def failed(self, what: str | int) -> None:
        """Leave a lane, or a notice, alone for a while, each time for longer."""
        pause = self._pauses.setdefault(what, _Pause())
        pause.until = self._monotonic() + pause.backoff.next()

    def succeeded(self, *what: str | int) -> None:
        """They work."""
        for each in what:
            self._pauses.pop(each, None)

    def holds(self, what: str | int) -> bool:
        """Tell whether a lane or a notice is left alone now."""
        pause = self._pauses.get(what)
        return pause is not None and self._monotonic() < pause.until

    @property
    def notices(self) -> list[int]:
        """The notices that are left alone now."""
        return [each for each in self._pauses if isinstance(each, int) and self.holds(each)]
