"""Addresses of members: an extension of the domain, or an external number and its gateway."""

from __future__ import annotations

import re
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
        """Tell whether both ring the same phone: an external number is one phone, whichever gateway carries it.

        Of an external number its digits count: ``+14155550123``, ``0014155550123`` and ``14155550123`` are one.
        """
        if self.external != other.external:
            return False
        return self.number in other.spellings() if self.external else self.number == other.number

    def spellings(self) -> list[str]:
        """Return the ways to write this number with the same digits; an extension has one."""
        if not self.external:
            return [self.number]
        digits = self.number.removeprefix("+").removeprefix("00")
        return [digits, f"+{digits}", f"00{digits}"]

    def has_number(self, shown: str) -> bool:
        """Tell whether a caller's number is that of this external member, in whatever form a carrier shows it."""
        return self.external and _is_same_number(self.number, shown)

    def at(self, domain: str) -> str:
        """Return the presence id of an extension, ``1001@pbx.test``, by which the switch names its calls."""
        return f"{self.number}@{domain}"

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


MIN_SAME_DIGITS = 8
"""A number without its country code has at least so many digits, or says too little of whose it is."""
MAX_COUNTRY_DIGITS = 3


def _is_same_number(one: str, other: str) -> bool:
    """Compare two numbers as ``+4930123456``, ``004930123456``, ``4930123456``, ``030123456`` or ``30123456``."""
    if not (one and other and _NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)):
        return False
    short, long = sorted((_digits(one), _digits(other)), key=len)
    if short == long or all(number.startswith(("+", "00")) for number in (one, other)):
        return short == long
    return len(short) >= MIN_SAME_DIGITS and long.endswith(short) and len(long) - len(short) <= MAX_COUNTRY_DIGITS


_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)


def _digits(number: str) -> str:
    """Return a number without the marks of a trunk: ``+``, ``00`` or ``0`` before it."""
    return number.removeprefix("+").lstrip("0")


def parse_member(text: str) -> MemberAddress:
    """Read ``1001`` or ``+14155550123@carrier``; raise BadValue for anything else."""
    number, at, gateway = text.partition("@")
    return MemberAddress(number, gateway if at else None).check()
