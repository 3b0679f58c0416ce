"""Which of several daemons tells the lamps of a switch: of those that live and watch it, the first by run id.

All daemons know the same rows, so they agree within moments; meanwhile two may tell the same, which does no harm. Only
the own clock counts: a daemon lives as long as its counter moves. One that cannot read the database would tell what is
old, so it leaves its switches to the others, which take it for gone by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fshunt.db.queries.lamps import Beat

GONE_SECONDS = 4.0
"""A daemon whose heartbeats, one a second, have stood still for so long tells nothing any more."""


class LampLeader:
    """Follows the heartbeats as they are read, again and again. ``run_id`` is the own run, ``node`` the own node."""

    def __init__(self, run_id: str, node: str, monotonic: Callable[[], float]) -> None:
        self._run_id, self._node, self._monotonic = run_id, node, monotonic
        self._moved: dict[str, tuple[int, float]] = {}
        """By run: its counter, and when it was seen to move."""
        self._first_of: dict[str, str] = {}
        self._of_others: frozenset[str] = frozenset()
        """The switches that other runs watch, too."""
        self._looked_at = monotonic()
        self.living: frozenset[str] = frozenset({run_id})
        """The runs that live."""

    def read(self, beats: Iterable[Beat]) -> None:
        """Take in the heartbeats as they are now."""
        now, all_beats = self._monotonic(), list(beats)
        self._moved = {beat.run_id: self._seen(beat, now) for beat in all_beats}
        living = [each for each in all_beats if now - self._moved[each.run_id][1] < GONE_SECONDS]
        self.living = frozenset({self._run_id, *(each.run_id for each in living)})
        self._first_of = {}
        for each in sorted(living, key=lambda beat: beat.run_id, reverse=True):
            for core_uuid in each.watches:
                self._first_of[core_uuid] = each.run_id
        others = [each.watches for each in living if each.run_id != self._run_id]
        self._of_others = frozenset().union(*others)

    def looked(self) -> None:
        """The database was read: what this daemon would tell is not old."""
        self._looked_at = self._monotonic()

    def leads(self, core_uuid: str) -> bool:
        """Whether this daemon, which watches a switch, is the one for it; alone it is before its first heartbeat."""
        if core_uuid in self._of_others and self._monotonic() - self._looked_at >= GONE_SECONDS:
            return False
        return min(self._first_of.get(core_uuid, self._run_id), self._run_id) == self._run_id

    def _seen(self, beat: Beat, now: float) -> tuple[int, float]:
        before = self._moved.get(beat.run_id)
        if before is not None and before[0] == beat.counter:
            return before
        # An earlier run of this node is over, unless it is seen to count.
        over = before is None and beat.node == self._node and beat.run_id != self._run_id
        return beat.counter, now - GONE_SECONDS if over else now
