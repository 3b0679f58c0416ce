"""Calls and registrations of a switch that can hardly be true. Pure.

A channel that a switch has lost track of is listed for ever, and its member is passed over as long as it is. A
registration that has expired is listed as long as nothing takes it out (fact 67), and a phone that is gone is rung.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from html import unescape

from fshunt.freeswitch.channels import Channel

LONGEST_CALL_SECONDS = 24 * 3600.0
"""A call that is older is named; fshunt itself follows no call for longer."""

LATE_REGISTRATION_SECONDS = 600
"""A registration that expired so long ago is named: the switch takes it out within a minute or two."""

NEVER_SECONDS = 10 * 365 * 86400
"""FreeSWITCH writes a registration that never expires as one that expired in 1970."""

MAX_NAMED = 10
"""Of one switch: it is for people to read, and goes into the database with each heartbeat."""

_EXPIRED = re.compile(r"^ {8}<status>.{0,200} expsecs\((-\d{1,12})\)</status>$", re.MULTILINE)
_USER, _END = "        <user>", "</user>\n"


class Kind(StrEnum):
    """What it is that can hardly be true."""

    CALL = "call"
    REGISTRATION = "registration"


@dataclass(frozen=True, slots=True)
class Implausible:
    """A call that lasts for so many seconds, or a registration that expired so long ago.

    ``who`` is ``user@domain`` or, of a call that is no phone's, empty; ``uuid`` is of a call alone.
    """

    kind: Kind
    who: str
    seconds: float
    uuid: str = ""


def long_calls(channels: Iterable[Channel], now: float) -> list[Implausible]:
    """The channels that live for too long, the oldest first; ``now`` in seconds since 1970."""
    found = [channel for channel in channels if channel.created and now - channel.created > LONGEST_CALL_SECONDS]
    found.sort(key=lambda channel: channel.created)
    return [
        Implausible(Kind.CALL, min(channel.ids, default=""), now - channel.created, channel.uuid)
        for channel in found[:MAX_NAMED]
    ]


def late_registrations(text: str) -> list[Implausible]:
    """The registrations in sofia's lists that expired long ago, in their order."""
    return [late for late, _ in zip(_late(text), range(MAX_NAMED), strict=False)]


def _late(text: str) -> Iterator[Implausible]:
    for found in _EXPIRED.finditer(text):
        seconds = -int(found[1])
        start = text.rfind(_USER, 0, found.start())
        if start >= 0 and LATE_REGISTRATION_SECONDS < seconds < NEVER_SECONDS:
            start += len(_USER)
            user = unescape(text[start : text.find(_END, start)])
            yield Implausible(Kind.REGISTRATION, user.lower(), float(seconds))
