"""The policy ``circular``."""

from __future__ import annotations

from fshunt.hunting.policy_input import Facts
from fshunt.hunting.rotation import next_index


def circular(facts: Facts) -> tuple[tuple[int, ...], ...]:
    """From the member after the one who last answered, down the list and around, one member a stage."""
    start = next_index(facts.answerer, facts.ids)
    return tuple((member_id,) for member_id in facts.ids[start:] + facts.ids[:start])
