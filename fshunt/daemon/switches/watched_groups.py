"""Which groups somebody looks at now, and the extensions of their members, as the database says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.db.queries import live
from fshunt.db.queries.live import Watched, WatchedGroup
from fshunt.services.live import WATCH_SECONDS

NONE: Mapping[int, WatchedGroup] = {}


class WatchedGroups:
    """Reads the watches. One that nobody has renewed for ``WATCH_SECONDS`` by this daemon's clock is over."""

    def __init__(self, run_id: str, database: Database, monotonic: Callable[[], float]) -> None:
        self._run_id, self._database, self._monotonic = run_id, database, monotonic
        self._renewed: dict[Watched, tuple[int, float]] = {}
        """What is watched: how often that was renewed, and when it was found to be."""
        self.groups = NONE
        """The groups that are watched, by id."""
        self.published: Collection[int] = ()
        """The groups of which the database has something from this run."""

    def read(self) -> None:
        """Look who watches what. Raises DatabaseError, and then has changed nothing."""
        watches = self._database.run(live.watches)
        if not watches and not self.groups:
            self._renewed = {}
            return
        now = self._monotonic()
        renewed = {each: self._last_renewed(each, count, now) for each, count in watches.items()}
        over = {each for each, (_, at) in renewed.items() if now - at >= WATCH_SECONDS}
        wanted = renewed.keys() - over
        self.groups, self.published = self._database.run(lambda s: self._read_groups(s, wanted))
        self._renewed = renewed
        if over:
            self._database.run(lambda s: live.end_watches(s, {each: renewed[each][0] for each in over}), write=True)

    def _last_renewed(self, watched: Watched, count: int, now: float) -> tuple[int, float]:
        before = self._renewed.get(watched)
        return before if before is not None and before[0] == count else (count, now)

    def _read_groups(
        self, s: Session, wanted: Collection[Watched]
    ) -> tuple[Mapping[int, WatchedGroup], Collection[int]]:
        return live.watched_groups(s, wanted), live.published_by(s, self._run_id)
