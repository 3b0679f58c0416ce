"""The timing of the cluster, which is one for the whole database, made short enough for a test."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import update

from fshunt.db.engine import Store, open_store
from fshunt.db.queries.cluster import CLUSTER


def set_dead_after(database: Store | str, seconds: float, *, heartbeats: int = 8) -> None:
    """Have a silent daemon presumed dead after so many seconds, as far as queue entries and talks are concerned too."""
    if not isinstance(database, Store):
        with closing(open_store(database)) as store:
            set_dead_after(store, seconds, heartbeats=heartbeats)
        return
    numbers = dict.fromkeys(("queue_heartbeats", "talk_heartbeats", "dead_heartbeats"), heartbeats)
    with database.writing() as s:
        s.execute(update(CLUSTER).values(heartbeat_seconds=seconds / heartbeats, **numbers))
