"""Old calls are removed once a day by one of the daemons, and no hunt is held up meanwhile."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import gevent
import pytest
from gevent.threadpool import ThreadPool
from sqlalchemy import func, select

from fshunt.daemon.data.pruner import BETWEEN_SECONDS, FIRST_SECONDS, RETRY_SECONDS, Pruner
from fshunt.db.engine import open_engine
from fshunt.db.models import CallRecord
from fshunt.db.queries.prune import BATCH_SECONDS, LONGEST_BATCH, SHORTEST_BATCH, Pace
from fshunt.errors import DatabaseError
from fshunt.services import pruning
from fshunt.simulator.core.phones import answers
from tests.support.many_calls import fill
from tests.support.rig import Rig

TALKS = answers(0.01, talks=0.01)


def fill_records(rig: Rig, count: int) -> None:
    engine = open_engine(rig.settings.database_url)
    fill(engine, count)
    engine.dispose()


def recorded(rig: Rig) -> int:
    with rig.store.reading() as s:
        return s.scalar(select(func.count()).select_from(CallRecord)) or 0


@pytest.mark.sql
def test_one_daemon_removes_what_is_older_than_the_setting(rig: Rig) -> None:
    fill_records(rig, 10_000)  # of 55 hours
    current, database = rig.daemon.deps.current, rig.daemon.deps.database
    ranks, pauses = [1, 0, 0, 0], []

    def pruner_prunes() -> bool:
        return Pruner(
            database, lambda: current.now.keep_calls_days, lambda: ranks[0], lambda: datetime.now(UTC), pauses.append
        ).prune()

    current.take(replace(current.now, keep_calls_days=1))
    assert not pruner_prunes(), "another daemon goes first"
    assert recorded(rig) == 10_000
    ranks.pop(0)
    assert pruner_prunes()
    assert abs(recorded(rig) - 4320) < 10
    assert len(pauses) > 5, "it pauses after each batch"
    current.take(replace(current.now, keep_calls_days=None))
    assert not pruner_prunes()


def test_it_looks_once_a_day_and_soon_again_where_it_could_not(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class Enough(Exception):
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise Enough

    database = light_rig.daemon.deps.database
    pruner = Pruner(database, lambda: 90, lambda: 0, lambda: datetime.now(UTC), pause)
    run, tries = database.run, []

    def away_at_first(*args: object, **kwargs: object) -> object:
        tries.append(args)
        if len(tries) == 1:
            raise DatabaseError("The database is away.")
        return run(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "run", away_at_first)
    with pytest.raises(Enough):
        pruner.run()
    assert pauses == [FIRST_SECONDS, RETRY_SECONDS, BETWEEN_SECONDS, BETWEEN_SECONDS]


@pytest.mark.sql
def test_no_hunt_is_held_up_while_old_calls_are_removed(rig: Rig) -> None:
    """By the command line, which is another client of the database: no step of a call goes on without it."""
    fill_records(rig, 20_000)
    rig.group("5000", "1001", "1002", "1003")
    rig.phones("1001", "1002", "1003", behaviour=TALKS)
    removed: list[int] = []
    before, pool = datetime.now(UTC) - timedelta(days=1), ThreadPool(1)
    pruning_now = pool.spawn(pruning.prune, rig.store, before, time.sleep, time.monotonic, removed.append)
    results = []
    while not pruning_now.ready():
        results.append(rig.call().result)
        assert rig.daemon.deps.database.away is None
    assert pruning_now.get() > 10_000
    assert len(removed) > 10
    assert results
    assert set(results) == {"answered"}
    gevent.spawn(pool.kill)


def test_the_pace_follows_what_the_database_takes_in_its_time() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for took, least, most in ((1.0, SHORTEST_BATCH, SHORTEST_BATCH), (0.001, 60, 100), (0.001, 200, 500)):
        pace.begin()
        now[0] += took
        assert pace.pause() >= took
        assert least <= pace.many <= most
    for _ in range(10):
        pace.begin()
        now[0] += BATCH_SECONDS / 10
        pace.pause()
    assert pace.many == LONGEST_BATCH
