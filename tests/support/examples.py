"""How many examples a property is tried on: a quarter in `make test`, all of them in `make test-faults`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

FULL = 100
"""The examples of the thorough profile, Hypothesis's own number; what a test asks for is in proportion to it."""

FEWEST = 5


def register_profiles() -> None:
    """Register both for `--hypothesis-profile`; the fast one is the default."""
    # The time of an example depends on the machine, not on the code under test.
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("fast", common, max_examples=FULL // 4)
    settings.register_profile("thorough", common, max_examples=FULL)
    settings.load_profile("fast")


def examples(thorough: int) -> int:
    """The number for `max_examples` where the thorough profile is to try so many."""
    return max(min(thorough, FEWEST), thorough * settings().max_examples // FULL)
