"""How long a queued caller will wait, by what the group's calls took until now (design, section 4).

Each member who takes queued callers has one every ``talk + wrap-up`` seconds, so that of so many members one becomes
free ``members`` times as often; the caller at position p is taken at the p-th of these moments. Nothing is assumed of
the hour of the day, nor of callers who give up.
"""

from __future__ import annotations

import math
from collections.abc import Collection

FEWEST_CALLS = 5
"""With fewer calls than these nothing is said of the wait: a single long one would be taken for the rule."""

MAX_MINUTES = 60
"""A longer wait than this is not announced: `hunt_timeout` ends it, or nobody waits so long."""


def mean_talk(talks: Collection[float]) -> float | None:
    """Return the mean of so many talks, in seconds; None: there are too few to say anything."""
    return sum(talks) / len(talks) if len(talks) >= FEWEST_CALLS else None


def expected_minutes(position: int, members: int, talk_seconds: float, wrap_up_seconds: float) -> int | None:
    """Return the expected wait in minutes, rounded up, of the caller at a position (from 1).

    ``members`` is how many take callers of the queue now. None: nobody does, or it is longer than MAX_MINUTES.
    """
    if members < 1:
        return None
    minutes = math.ceil(position * (talk_seconds + wrap_up_seconds) / members / 60)
    return max(1, minutes) if minutes <= MAX_MINUTES else None
