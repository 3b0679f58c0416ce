"""Old calls are removed once a day by one of the daemons, and no hunt is held up meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import gevent
import pytest
from gevent.threadpool import ThreadPool
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.daemon.data.pruner import BETWEEN_SECONDS, FAILED_PAUSE_SECONDS, FIRST_SECONDS, RETRY_SECONDS, Pruner
from fshunt.db.engine import Store, open_engine
from fshunt.db.models import (
    Base,
    Block,
    CallRecord,
    ChangeRecord,
    Invitation,
    KnownBrowser,
    SignInTries,
    User,
    WebSession,
)
from fshunt.db.queries.prune import BATCH_SECONDS, LONGEST_BATCH, SHORTEST_BATCH, STATEMENT_SECONDS, Pace, prune_some
from fshunt.errors import DatabaseError
from fshunt.services import members, pruning
from fshunt.simulator.core.phones import answers
from tests.support.many_calls import fill
from tests.support.rig import DOMAIN, Rig

KEPT = {
    WebSession: timedelta(hours=12),
    KnownBrowser: timedelta(days=365),
    Invitation: timedelta(),
    SignInTries: timedelta(hours=1),
}
"""How long each is kept with the default settings."""
TALKS = answers(0.01, talks=0.01)


def fill_records(rig: Rig, count: int) -> None:
    engine = open_engine(rig.settings.database_url)
    fill(engine, count)
    engine.dispose()


def recorded(rig: Rig, model: type[Base] = CallRecord) -> int:
    with rig.store.reading() as s:
        return s.scalar(select(func.count()).select_from(model)) or 0


def test_one_daemon_removes_what_is_older_than_the_setting(rig: Rig) -> None:
    fill_records(rig, 10_000)  # of 55 hours
    current, database = rig.daemon.deps.current, rig.daemon.deps.database
    ranks, pauses = [1, 0, 0, 0], []

    def pruner_prunes() -> bool:
        return Pruner(database, lambda: current.now, lambda: ranks[0], lambda: datetime.now(UTC), pauses.append).prune()

    current.take(replace(current.now, keep_calls_days=1, keep_changes_days=2))
    assert not pruner_prunes(), "another daemon goes first"
    assert recorded(rig) == 10_000
    ranks.pop(0)
    current.take(replace(current.now, keep_calls_days=None, keep_changes_days=None))
    assert pruner_prunes()
    assert (recorded(rig), recorded(rig, ChangeRecord)) == (10_000, 10_000), "no setting says how long"
    current.take(replace(current.now, keep_calls_days=1, keep_changes_days=2))
    assert pruner_prunes()
    assert abs(recorded(rig) - 4320) < 10
    assert abs(recorded(rig, ChangeRecord) - 8640) < 10
    assert len(pauses) > 5, "it pauses after each batch"


def test_it_looks_once_a_day_and_soon_again_where_it_could_not(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class Enough(Exception):
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            raise Enough

    database = light_rig.daemon.deps.database
    pruner = Pruner(database, lambda: light_rig.settings, lambda: 0, lambda: datetime.now(UTC), pause)
    run, tries = database.run, []

    def away_at_first(*args: object, **kwargs: object) -> object:
        tries.append(args)
        if len(tries) <= 3:  # each time with fewer calls
            raise DatabaseError("The database is away.")
        return run(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "run", away_at_first)
    with pytest.raises(Enough):
        pruner.run()
    assert pauses == [FIRST_SECONDS, *[FAILED_PAUSE_SECONDS] * 2, RETRY_SECONDS, BETWEEN_SECONDS, BETWEEN_SECONDS]


class SlowDisk:
    """A database that does not remove more than some calls within its time."""

    def __init__(self, rig: Rig, at_most: int) -> None:
        self._rig, self._at_most = rig, at_most
        self.failed = 0

    def run(self, function: Callable[[Session], int], *, write: bool) -> int:
        with self._rig.store.writing() as s:
            found = function(s)
            if found > self._at_most:
                self.failed += 1
                raise DatabaseError("The database took too long to answer: try again.")
            return found


def test_a_batch_that_takes_too_long_is_tried_again_with_fewer_calls(light_rig: Rig) -> None:
    fill_records(light_rig, 1000)
    at = datetime.now(UTC) + timedelta(days=30)
    for at_most, is_done in ((SHORTEST_BATCH - 1, False), (SHORTEST_BATCH * 3, True)):
        database = SlowDisk(light_rig, at_most)
        settings = replace(light_rig.settings, keep_calls_days=1)
        pruner = Pruner(cast("Database", database), lambda s=settings: s, lambda: 0, lambda: at, lambda _seconds: None)
        assert pruner.prune() is is_done
        assert database.failed
        left = recorded(light_rig)
        assert left < 10 if is_done else left == 1000, "all but the few that are open"


def test_the_statements_have_a_time_of_their_own(store: Store) -> None:
    with store.writing() as s:
        prune_some(s, datetime.now(UTC), SHORTEST_BATCH)
        if not store.is_sqlite:  # which has no such limit
            assert s.scalar(text("SHOW statement_timeout")) == f"{STATEMENT_SECONDS}s"
    if not store.is_sqlite:
        with store.reading() as s:
            assert s.scalar(text("SHOW statement_timeout")) != f"{STATEMENT_SECONDS}s", "of this transaction alone"


def test_sessions_and_the_like_are_removed_when_they_are_over(rig: Rig) -> None:
    now = datetime.now(UTC)
    over = {model: now - kept - timedelta(minutes=1) for model, kept in KEPT.items()}
    fresh = {model: now - kept + timedelta(minutes=1) for model, kept in KEPT.items()}
    with rig.store.writing() as s:
        s.add_all(User(id=n, name=f"u{n}", name_key=f"u{n}", role="admin", created_at=now) for n in (1, 2))
        s.flush()
        for user_id, at in ((1, over), (2, fresh)):
            begun, used = at[WebSession], now
            s.add(WebSession(id_hash=f"s{user_id}", user_id=user_id, created_at=begun, used_at=used))
            s.add(KnownBrowser(id_hash=f"b{user_id}", user_id=user_id, used_at=at[KnownBrowser]))
            s.add(Invitation(token_hash=f"i{user_id}", user_id=user_id, made_by="ana", expires_at=at[Invitation]))
            s.add(SignInTries(key=f"account:{user_id}", failures=1, last_at=at[SignInTries]))
    deps = rig.daemon.deps
    assert Pruner(deps.database, lambda: deps.settings, lambda: 0, lambda: now, lambda _: None).prune()
    assert {model: recorded(rig, model) for model in KEPT} == dict.fromkeys(KEPT, 1)
    with rig.store.reading() as s:
        assert s.scalar(select(WebSession.id_hash)) == "s2"


@pytest.mark.faults
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


def test_ended_blocks_are_removed(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", "1003")
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=2)
    ends = {"1001": now + timedelta(hours=1), "1002": now + timedelta(hours=3), "1003": None}
    with rig.store.writing() as s:
        for extension, until in ends.items():
            members.block(s, DOMAIN, extension, True, until=until, now=now)
    assert Pruner(rig.daemon.deps.database, lambda: rig.settings, lambda: 0, lambda: later).prune()
    with rig.store.reading() as s:
        assert set(s.scalars(select(Block.extension))) == {"1002", "1003"}
