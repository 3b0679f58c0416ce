"""Addresses of members: an extension of the domain, or an external number and its gateway."""

from __future__ import annotations

from dataclasses import dataclass

from fshunt.hunting import validation


@dataclass(frozen=True, slots=True)
class MemberAddress:
    """An extension (``gateway`` is None), or an external number with the gateway that carries it."""

    number: str
    gateway: str | None = None

    @property
    def external(self) -> bool:
        """Tell whether the member is external; external members must confirm (design, section 4)."""
        return self.gateway is not None

    def is_same_phone(self, other: MemberAddress) -> bool:
        """Tell whether both ring the same phone: an external number is one phone, whichever gateway carries it."""
        return self.number == other.number and self.external == other.external

    def check(self) -> MemberAddress:
        """Return the address if its parts fit their kinds; raise BadValue if not."""
        if self.gateway is None:
            validation.check_extension(self.number)
        else:
            validation.check_external_number(self.number)
            validation.check_gateway(self.gateway)
        return self

    def __str__(self) -> str:
        return self.number if self.gateway is None else f"{self.number}@{self.gateway}"


def parse_member(text: str) -> MemberAddress:
    """Read ``1001`` or ``+14155550123@carrier``; raise BadValue for anything else."""
    number, at, gateway = text.partition("@")
    return MemberAddress(number, gateway if at else None).check()
