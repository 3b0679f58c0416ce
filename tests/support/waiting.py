"""How tests wait for what must happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

WAIT_SECONDS = 30.0
"""How long a test waits for what must happen; it is not a measure of anything, and only a test that fails takes it."""

LOOK_SECONDS = 0.005


def until(found: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Look again and again until something is so, and return it; other greenlets run between the looks."""
    with gevent.Timeout(seconds, AssertionError(f"not within {seconds:g} s: {what}")):
        while not (seen := found()):
            gevent.sleep(LOOK_SECONDS)
    return seen
