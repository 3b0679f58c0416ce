"""What a lamp shows, as mod_sofia is told of it and tells the phones that watch it (facts 75 to 79). Pure.

A lamp is watched under an address: ``5000@DOMAIN`` is a pilot's, ``block+1001@DOMAIN`` shows whether an extension is
blocked in all its groups, and ``block+1001+5000@DOMAIN`` whether it is blocked in one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from fshunt.esl.frames import Frame

BLOCK = "block"
"""What stands before the first ``+`` of a block's address: mod_sofia keeps it apart, as the protocol."""

SIP = "sip"
"""The protocol of an address without a ``+``."""

PROBE, PRESENCE = "PRESENCE_PROBE", "PRESENCE_IN"
"""The events that ask for a state, and that tell one."""

NO_PHONE = "Unregistered"
"""What mod_sofia itself says of an address that somebody has begun to watch and that is no phone's (fact 77)."""

MAX_ADDRESS_CHARS = 320
"""Of an address in a question: a longer one is none of ours."""

MAX_CALL_ID_CHARS = 256

_WATCHABLE = re.compile(r"\+?[A-Za-z0-9_.*#-]+")
"""A ``+`` inside would end the protocol, or the number."""


class LampState(Enum):
    """What a lamp shows: the state of a dialog (RFC 4235), and a word for phones that watch presence."""

    OFF = "terminated", "Available"
    """A member could be rung; the extension is not blocked. With this very word, and no other, mod_sofia does not add
    that the extension is on the phone (fact 78)."""
    RINGING = "early", "Ringing"
    NOBODY = "confirmed", "Nobody available"
    CLOSED = "confirmed", "Closed"
    BLOCKED = "confirmed", "Blocked"

    @property
    def dialog(self) -> str:
        """The state of the dialog: terminated is off, early blinks, confirmed is on."""
        return self.value[0]

    @property
    def word(self) -> str:
        """The note in a presence document."""
        return self.value[1]

    @property
    def is_off(self) -> bool:
        """Whether the lamp is dark."""
        return self.dialog == "terminated"


class Lamp(NamedTuple):
    """A lamp of a domain: that of a pilot, that of an extension, or that of an extension in the group of a pilot."""

    domain: str
    pilot: str | None
    extension: str | None = None

    @property
    def may_be_shared(self) -> bool:
        """Whether a lamp of another domain may have the same address, since its own has no domain (fact 75)."""
        return self.pilot is not None and self.extension is not None

    @property
    def can_be_watched(self) -> bool:
        """Whether mod_sofia would find it under its address."""
        parts = (self.pilot, self.extension)
        return all(each is None or (_WATCHABLE.fullmatch(each) and "+" not in each[1:]) for each in parts)


@dataclass(frozen=True, slots=True)
class Address:
    """Under which protocol, user and host mod_sofia keeps those who watch a lamp."""

    protocol: str
    user: str
    host: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.protocol == SIP else f"{self.protocol}+{self.user}@{self.host}"


def address_of(lamp: Lamp) -> Address:
    """Return the address of a lamp; for a block in one group the pilot takes the place of the domain (fact 75)."""
    if lamp.extension is None:
        return Address(SIP, lamp.pilot or "", lamp.domain)
    return Address(BLOCK, lamp.extension, lamp.pilot or lamp.domain)


@dataclass(frozen=True, slots=True)
class Watching:
    """Somebody watches an address, or asks for its state anew.

    ``subscription`` is the Call-ID of the SUBSCRIBE, which any subscriber may choose (None: all who watch the address
    are meant); ``domain`` is the subscriber's own, as the From says; ``seconds``: for how long, 0 at the end.
    """

    address: Address
    subscription: str | None = None
    domain: str = ""
    seconds: int = 0


def read_watching(event: Frame) -> Watching | None:
    """Read an event of mod_sofia; None: it is no question, or none that can be ours. It is text of subscribers."""
    name = event.get("Event-Name")
    if name == PROBE:
        address, call_id = _read_address(event, "to"), event.get("sub-call-id")
        if address is None or not call_id or len(call_id) > MAX_CALL_ID_CHARS:
            return None
        seconds = event.get("expires", "")
        domain = event.get("from", "").partition("@")[2]
        return Watching(address, call_id, domain, int(seconds) if re.fullmatch("[0-9]{1,9}", seconds) else 0)
    if name == PRESENCE and event.get("status") == NO_PHONE:
        address = _read_address(event, "from")
        return None if address is None else Watching(address, seconds=1)
    return None


def _read_address(event: Frame, header: str) -> Address | None:
    text, protocol = event.get(header, ""), event.get("proto") or SIP
    if len(text) > MAX_ADDRESS_CHARS or protocol not in (SIP, BLOCK):
        return None
    user, _, host = text.partition("@")
    if protocol == BLOCK:
        before, mark, user = user.partition("+")
        if (before, mark) != (BLOCK, "+"):
            return None
    return Address(protocol, user, host) if user and host and _WATCHABLE.fullmatch(user) else None


def told(lamp: Lamp, state: LampState, subscription: str | None = None) -> dict[str, str]:
    """Return the headers of the event that has mod_sofia tell a state to all who watch a lamp, or to one of them."""
    address = str(address_of(lamp))
    headers = {
        "proto": address_of(lamp).protocol,
        "login": address,
        "from": address,
        "event_type": "presence",
        "alt_event_type": "dialog",
        "rpid": "unknown",
        "force-status": state.word,
        "answer-state": state.dialog,
        "presence-call-direction": "outbound",
    }
    if not state.is_off:
        # Without an id there is no dialog. The end of one would be told as a call that goes on, while the extension
        # is in any call (fact 78). An id with a "-" would be looked for among the calls.
        headers["unique-id"] = "fshunt:" + address.replace("-", "_")
    return headers if subscription is None else headers | {"call-id": subscription}
