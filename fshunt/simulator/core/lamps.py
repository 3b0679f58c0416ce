"""Keys of phones that watch an address, and what they are told, as mod_sofia keeps both (facts 75 to 78)."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass, field

from fshunt.simulator.core.bus import Bus
from fshunt.simulator.core.headers import event_head

PROBE, PRESENCE = "PRESENCE_PROBE", "PRESENCE_IN"
LASTS_SECONDS = 3600


@dataclass(slots=True)
class Key:
    """One subscription: the protocol, user and host of what it watches, and the states it was told, the oldest first.

    ``notes`` are the words with them, as a phone sees them that watches presence.
    """

    protocol: str
    user: str
    host: str
    call_id: str
    told: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def shows(self) -> str | None:
        """The state it was told last."""
        return self.told[-1] if self.told else None


class Keys:
    """All subscriptions of a switch."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._keys: dict[str, Key] = {}

    def watch(self, address: str, subscriber: str, *, presence: bool = False, call_id: str = "") -> Key:
        """A phone subscribes to an address, ``5000@DOMAIN``; so does it again with the same ``call_id``."""
        user, _, host = address.partition("@")
        protocol, mark, rest = user.partition("+")
        if mark and protocol:
            # What stands behind a second "+" takes the place of the host.
            user, _, other = rest.partition("+")
            key = Key(protocol, user, other or host, call_id or uuids.uuid4().hex)
        else:
            key = Key("sip", user, host, call_id or uuids.uuid4().hex)
        key = self._keys.setdefault(key.call_id, key)
        self._ask(key, subscriber, presence)
        return key

    def take(self, said: Mapping[str, str]) -> None:
        """Tell an event of presence to those whom it concerns."""
        user, _, host = said.get("from", "").partition("@")
        if said.get("proto", "sip") != "sip":
            user = user.partition("+")[2]
        for key in self._keys.values():
            place = (key.protocol, key.user, key.host) == (said.get("proto", "sip"), user, host)
            if key.call_id == said["call-id"] if "call-id" in said else place:
                key.told.append(said.get("answer-state", "terminated"))
                key.notes.append(said.get("force-status") or said.get("status", ""))

    def _ask(self, key: Key, subscriber: str, presence: bool) -> None:
        plus = "" if key.protocol == "sip" else f"{key.protocol}+"
        head = [("proto", key.protocol), ("login", "internal"), ("sip_profile", "internal"), ("from", subscriber)]
        tail = [("to", f"{plus}{key.user}@{key.host}"), ("expires", str(LASTS_SECONDS)), ("sub-call-id", key.call_id)]
        if key.protocol != "sip":
            self._tell(PROBE, [*head, *tail])
        elif presence:
            self._tell(PROBE, [*head, ("presence-source", "subscribe"), *tail])
            # Of a number that is no phone's the switch says by itself that there is none, and all keys of it go dark.
            self.take(_no_phone(key))
            self._tell(PRESENCE, list(_no_phone(key).items()))
        else:
            self._tell(PROBE, [*head, ("probe-type", "dialog"), *tail])
            self.take({"call-id": key.call_id})  # there is no dialog

    def _tell(self, name: str, said: list[tuple[str, str]]) -> None:
        at, sequence = self._bus.epoch(), self._bus.next_sequence()
        if self._bus.wanted(name, ""):
            self._bus.deliver(name, "", [*event_head(name, at, sequence, self._bus.core_uuid), *said])


def _no_phone(key: Key) -> dict[str, str]:
    where = {"login": "internal", "sip_profile": "internal", "from": f"{key.user}@{key.host}"}
    return {"proto": "sip", **where, "status": "Unregistered"}
