"""How long a phone rings: set in rings or in seconds, shown in both (design, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from fshunt.errors import BadValue

MIN_RING_SECONDS = 1.0
MAX_RING_SECONDS = 600.0
MAX_RINGS = 100


@dataclass(frozen=True, slots=True)
class RingTime:
    """A ring time in rings or in seconds; exactly one of the two is set."""

    rings: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.rings is None) == (self.seconds is None):
            raise BadValue("A ring time needs either rings or seconds, not both.")
        if self.rings is not None and not 1 <= self.rings <= MAX_RINGS:
            raise BadValue(f"{self.rings} is not a ring time: it must be from 1 to {MAX_RINGS} rings.")
        if self.seconds is not None and not MIN_RING_SECONDS <= self.seconds <= MAX_RING_SECONDS:
            raise BadValue(
                f"{self.seconds:g} is not a ring time: it must be from {MIN_RING_SECONDS:g} to {MAX_RING_SECONDS:g} s."
            )

    def in_seconds(self, seconds_per_ring: float) -> float:
        """Return the ring time in seconds, one ring being ``seconds_per_ring`` seconds."""
        return self.seconds if self.seconds is not None else (self.rings or 0) * seconds_per_ring

    def describe(self, seconds_per_ring: float) -> str:
        """Return both forms, the configured one first: ``3 rings (18 s)`` or ``20 s (3.3 rings)``."""
        if self.rings is not None:
            return f"{_rings(self.rings)} ({self.in_seconds(seconds_per_ring):g} s)"
        return f"{self.seconds:g} s ({_rings(round((self.seconds or 0) / seconds_per_ring, 1))})"


def _rings(count: float) -> str:
    return f"{count:g} ring" if count == 1 else f"{count:g} rings"


DEFAULT_RING_TIME = RingTime(rings=3)
