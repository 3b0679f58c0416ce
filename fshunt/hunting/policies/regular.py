"""The policy ``regular``."""

from __future__ import annotations

from fshunt.hunting.policy_input import PolicyInput


def regular(policy_input: PolicyInput) -> tuple[tuple[int, ...], ...]:
    """From position 1 down the list, one member a stage."""
    return tuple((member_id,) for member_id in policy_input.ids)
