"""Who is rung: an extension of the domain, or an outside number and the gateway that carries it."""

from __future__ import annotations

from dataclasses import dataclass

from fshunt.hunting import validation as kinds


@dataclass(frozen=True, slots=True)
class MemberAddress:
    """An extension (``gateway`` is None), or an outside number with the gateway that carries it."""

    number: str
    gateway: str | None = None

    @property
    def outside(self) -> bool:
        """Whether this is a number outside of the domain; such members must confirm (design, section 4)."""
        return self.gateway is not None

    def is_same_phone(self, other: MemberAddress) -> bool:
        """Whether both ring the same phone: an outside number is one phone, whichever gateway carries it."""
        return self.number == other.number and self.outside == other.outside

    def check(self) -> MemberAddress:
        """Return the address if its parts fit their kinds; raise BadValue if not."""
        if self.gateway is None:
            kinds.check_extension(self.number)
        else:
            kinds.check_outside_number(self.number)
            kinds.check_gateway(self.gateway)
        return self

    def __str__(self) -> str:
        return self.number if self.gateway is None else f"{self.number}@{self.gateway}"


def parse_member(text: str) -> MemberAddress:
    """Read ``1001`` or ``+14155550123@carrier``; raise BadValue for anything else."""
    number, at, gateway = text.partition("@")
    return MemberAddress(number, gateway if at else None).check()
