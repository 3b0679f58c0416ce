"""A key of a phone that watches an address: it subscribes (RFC 6665), and notes what it is told."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.live.sipmessage import Message, request, sequence, token

if TYPE_CHECKING:
    from tests.live.sip_phones import Address, Lab


@dataclass(frozen=True)
class Told:
    """One NOTIFY."""

    at: float
    state: str
    """Of a dialog: confirmed, early, terminated; no dialog is terminated. Of presence: the note."""
    version: int
    body: str


class Watcher:
    """One subscription. ``event`` is ``dialog`` or ``presence``."""

    def __init__(self, lab: Lab, watched: str, extension: str, domain: str, event: str, to: Address | None) -> None:
        self.lab, self.watched, self.event, self.to = lab, watched, event, to
        self.call_id, self.tag = token(16), token()
        self.told: list[Told] = []
        self._last = 0
        self.accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._from = f"<sip:{extension}@{domain}>;tag={self.tag}"
        self._target = f"sip:{watched}@{domain}"
        self._to = f"<{self._target}>"
        self._contact = lab.contact_of(extension)
        lab.watchers[self.call_id] = self

    @property
    def state(self) -> str | None:
        """What it was told last."""
        return self.told[-1].state if self.told else None

    async def subscribe(self, expires: int = 600) -> Watcher:
        """Subscribe, or subscribe anew; wait until that is accepted."""
        self.accepted = asyncio.get_running_loop().create_future()
        accept = "application/dialog-info+xml" if self.event == "dialog" else "application/pidf+xml"
        headers = {"Via": self.lab.via(token()), "From": self._from, "To": self._to, "Call-ID": self.call_id}
        headers |= {"CSeq": f"{next(sequence)} SUBSCRIBE", "Contact": f"<{self._contact}>", "Event": self.event}
        headers |= {"Accept": accept, "Expires": str(expires)}
        self.lab.send(request("SUBSCRIBE", self._target, headers), self.to)
        code = await asyncio.wait_for(asyncio.shield(self.accepted), 5)
        assert code in (200, 202), code
        return self

    async def shows(self, state: str, seconds: float = 5.0) -> None:
        """Wait until it was told this last."""
        await self.lab.until(lambda: self.state == state, seconds)

    def responded(self, message: Message) -> None:
        """Take in the answer to SUBSCRIBE."""
        self._to = message.get("to")
        if not self.accepted.done():
            self.accepted.set_result(message.code)

    def notified(self, message: Message) -> None:
        """Take in a NOTIFY; one that comes again, since we were slow to answer it, is passed over."""
        count = int(message.get("cseq").split()[0])
        if count <= self._last:
            return
        self._last, body = count, message.body
        version = re.search(r'version="(-?\d+)"', body)
        self.told.append(Told(self.lab.now(), _state_of(self.event, body), int(version[1]) if version else 0, body))
        self.lab.note(self.watched, "LAMP", state=self.told[-1].state)


def _state_of(event: str, body: str) -> str:
    if event == "dialog":
        found = re.search(r"<state>(\w+)</state>", body)
        return found[1] if found else "terminated"
    found = re.search(r"<dm:note>([^<]*)</dm:note>", body)
    return found[1] if found else ""
