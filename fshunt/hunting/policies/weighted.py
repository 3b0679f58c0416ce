"""The policy ``weighted``."""

from __future__ import annotations

import hashlib
import math

from fshunt.hunting.policy_input import PolicyInput, PolicyMember

_DRAW_BYTES = 6
"""48 bits: fewer than the 53 of a float's mantissa, so that scaling into (0, 1) loses nothing."""


def weighted(policy_input: PolicyInput) -> tuple[tuple[int, ...], ...]:
    """Drawn by weight, then by weight among the rest, one member a stage; weight 0 after all others.

    Each member gets an exponentially distributed number with its weight as the rate, and the smallest goes first:
    that is drawing without replacement by weight (Efraimidis and Spirakis, "Weighted random sampling with a
    reservoir", 2006). The numbers come from a digest of the call's seed and the member's id, so that the same input
    gives the same order on every machine and in every version of Python.
    """

    def key(member: PolicyMember) -> tuple[bool, float]:
        arrival = -math.log(_draw(policy_input.seed, member.id))
        return (member.weight == 0, arrival / (member.weight or 1))

    return tuple((member.id,) for member in sorted(policy_input.members, key=key))


def _draw(seed: int, member_id: int) -> float:
    digest = hashlib.sha256(f"{seed}:{member_id}".encode()).digest()
    return (int.from_bytes(digest[:_DRAW_BYTES]) + 1) / ((1 << 8 * _DRAW_BYTES) + 1)
