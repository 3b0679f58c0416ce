"""The policy ``simultaneous``."""

from __future__ import annotations

from fshunt.hunting.policy_input import Facts


def simultaneous(facts: Facts) -> tuple[tuple[int, ...], ...]:
    """All members in one stage."""
    return (facts.ids,)
