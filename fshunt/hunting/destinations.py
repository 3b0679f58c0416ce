"""Where a caller goes when nobody takes the call (design, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fshunt.errors import BadValue
from fshunt.hunting import validation

FORMS = "voicemail:EXT, transfer:NUMBER or hangup:CAUSE"


class DestinationKind(StrEnum):
    """The three kinds of destination."""

    VOICEMAIL = "voicemail"
    TRANSFER = "transfer"
    HANGUP = "hangup"


_KINDS = {each.value: each for each in DestinationKind}
"""As each call reads four destinations, and to look for an enumeration's member takes longer."""

_CHECKS = {
    DestinationKind.VOICEMAIL: validation.check_extension,
    DestinationKind.TRANSFER: validation.check_transfer_number,
    DestinationKind.HANGUP: validation.check_cause,
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A kind and its value; ``voicemail`` without a value is the group's voicemail box."""

    kind: DestinationKind
    value: str | None = None

    def check(self) -> Destination:
        """Return the destination if its value fits its kind; raise BadValue if not."""
        if self.value is not None:
            _CHECKS[self.kind](self.value)
        elif self.kind is not DestinationKind.VOICEMAIL:
            raise BadValue(f"'{self.kind}:' needs a value: a destination is {FORMS}.")
        return self

    def __str__(self) -> str:
        return self.kind.value if self.value is None else f"{self.kind.value}:{self.value}"


GROUP_BOX = Destination(DestinationKind.VOICEMAIL)
"""The default of all three cases: the voicemail box of the group."""


def parse_destination(text: str) -> Destination:
    """Read ``voicemail:EXT``, ``transfer:NUMBER``, ``hangup:CAUSE`` or ``voicemail``; raise BadValue if it is none."""
    kind, colon, value = text.partition(":")
    known = _KINDS.get(kind)
    if known is None:
        raise BadValue(f"'{text}' is not a destination: use {FORMS}.")
    return Destination(known, value if colon else None).check()
