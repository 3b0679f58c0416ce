"""The policy ``simultaneous``."""

from __future__ import annotations

from fshunt.hunting.policy_input import PolicyInput


def simultaneous(policy_input: PolicyInput) -> tuple[tuple[int, ...], ...]:
    """All members in one stage."""
    return (policy_input.ids,)
