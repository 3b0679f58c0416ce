"""Gateways to other networks: which number external legs show, where the caller stands, and how keys come back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fshunt.hunting import validation


class CallerIn(StrEnum):
    """Where the caller stands in an INVITE whose From has another number: the member still wants to know who calls."""

    NAME = "name"
    """In the display name of the From."""
    DIVERSION = "diversion"
    """In a Diversion header (RFC 5806)."""
    P_ASSERTED_IDENTITY = "p-asserted-identity"
    """In a P-Asserted-Identity header (RFC 3325)."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway of FreeSWITCH, by its name there.

    ``caller_id_number`` is the number that its external legs show if neither member nor group has one of its own; None:
    the caller's. ``inband_dtmf`` says that keys come back as tones in the sound, and not by RFC 2833 or INFO.
    """

    name: str
    caller_id_number: str | None = None
    caller_in: CallerIn = CallerIn.NAME
    inband_dtmf: bool = False

    def check(self) -> Gateway:
        """Return the gateway if its parts fit their kinds; raise BadValue if not."""
        validation.check_gateway(self.name)
        if self.caller_id_number is not None:
            validation.check_external_number(self.caller_id_number)
        return self


def gateway_named(name: str, known: Iterable[Gateway]) -> Gateway:
    """Return the gateway with this name; one with nothing set if none is known by it."""
    return next((gateway for gateway in known if gateway.name == name), Gateway(name))
