"""The policy ``round-robin``."""

from __future__ import annotations

from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.rotation import next_index


def round_robin(policy_input: PolicyInput) -> tuple[tuple[int, ...], ...]:
    """From the member after the one who was first last time, down the list and around, one member a stage."""
    start = next_index(policy_input.first, policy_input.ids)
    return tuple((member_id,) for member_id in policy_input.ids[start:] + policy_input.ids[:start])
