"""What the members of a group do now: the daemons publish it while somebody looks, and who asks here looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

from flask import current_app

from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.services.live import RENEW_SECONDS, LiveGroup, LiveView, Watched, watch
from fshunt.web.parts import parts

WATCHES = "fshunt-watches"
"""Key of the extensions of an application."""

MAX_REMEMBERED = 10_000
"""Watches beyond it are forgotten, and so written once more."""


class Watches:
    """When a watch of each group was last written: it is not written by each request. Many threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[Watched, float] = {}

    def is_due(self, watched: Watched) -> bool:
        """Whether the watch must be written again; who asks does it."""
        now = self._clock()
        with self._lock:
            last = self._written.get(watched)
            if last is not None and now - last < RENEW_SECONDS:
                return False
            if len(self._written) >= MAX_REMEMBERED:
                self._written.clear()
            self._written[watched] = now
            return True


def live_group(group: Group) -> tuple[LiveGroup, tuple[str, ...]]:
    """Return a group as it is now, and sentences on what is not known of it; raise NotFound if it is gone by now.

    The daemons publish from a second after the first look on, until nobody has looked for some seconds: a program that
    asks once has the states that the database knows.
    """
    store, watched = parts().store, Watched(group.domain, group.pilot)
    if cast("Watches", current_app.extensions[WATCHES]).is_due(watched):
        with store.writing() as s:
            watch(s, [watched])
    state = LiveView(store).look([watched])
    found = state.groups.get((group.domain, group.pilot))
    if found is None:
        raise NotFound(f"There is no group {group.pilot} in {group.domain}.")
    return found, state.sentences
