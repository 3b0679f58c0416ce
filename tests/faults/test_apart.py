"""Two daemons without the database see through their monitors whom the other one rings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fshunt.daemon.bootstrap import build
from fshunt.daemon.daemon import Daemon
from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import WhenBusy
from fshunt.services import members
from fshunt.simulator.core.phones import answers
from fshunt.simulator.dialplan.routing import shipped
from tests.support.postgres_proxy import PostgresProxy
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, watching

pytestmark = pytest.mark.faults

RINGS_A_MOMENT = answers(0.5)
"""Long enough for the other daemon to see it ring."""


@pytest.fixture
def first(proxy: PostgresProxy, postgres_url: str, tmp_path: Path) -> Iterator[Rig]:
    """The daemon of pilot 5000; its members may be in another group, too."""
    store = open_store(postgres_url)
    settings = {"database_timeout": 0.5, "shared_members": (DOMAIN,), "node_name": "first"}
    with watching(proxy.url, store, tmp_path, **settings) as rig:
        yield rig
    proxy.mend()
    store.close()


@pytest.fixture
def second(first: Rig) -> Iterator[Daemon]:
    """The daemon of pilot 5001, which watches the same switch."""
    daemon = build(replace(first.settings, node_name="second"))
    daemon.start()
    first.switch.routes["5001"] = shipped([("127.0.0.1", daemon.listener.port)], DOMAIN, "1999")
    claims = (first.daemon.deps.claims, daemon.deps.claims)
    first.until(lambda: sorted(each.rank() for each in claims) == [0, 1], "each knows that the other one is there")
    first.until(lambda: daemon.deps.monitor.watched, "it watches the switch")
    yield daemon
    daemon.stop()


def groups_of(first: Rig, *extensions: str, **fields: object) -> None:
    """Both groups have the same members."""
    for pilot in ("5000", "5001"):
        first.group(pilot, **fields)
        with first.store.writing() as s:
            members.add_members(s, DOMAIN, pilot, [parse_member(each) for each in extensions], shared=True)


def test_a_member_who_becomes_free_without_the_database_is_rung_by_one_of_two_daemons(
    first: Rig, second: Daemon, proxy: PostgresProxy
) -> None:
    groups_of(first, "1001", when_busy=WhenBusy.QUEUE)
    (phone,) = first.phones("1001", behaviour=RINGS_A_MOMENT)
    first.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    busy = first.switch.call_from(phone, "70")
    first.until(lambda: first.daemon.deps.monitor.look(DOMAIN, "1001").calls, "1001 is on a call")
    callers = [first.started(pilot) for pilot in ("5000", "5001")]
    deps = [each.deps for each in (first.daemon, second)]
    first.until(lambda: [len(each.queue) for each in deps] == [1, 1], "a caller waits at each daemon")
    proxy.refuse()
    first.until(lambda: all(each.database.away is not None for each in deps), "both are without the database")
    talks = first.happens("talks with", "1001")
    busy.hang_up()
    assert talks.wait(WAIT_SECONDS)
    assert len(phone.rings) == 1, "one of the two rings"
    # It may be looking right now whether the member is free.
    first.until(lambda: sum(len(each.queue) for each in deps) == 1, "the other one's caller waits on")
    assert len(phone.rings) == 1
    proxy.mend()
    for call in callers:
        call.hang_up()
        assert call.join(WAIT_SECONDS)


def test_two_callers_at_once_without_the_database_get_different_members(
    first: Rig, second: Daemon, proxy: PostgresProxy
) -> None:
    groups_of(first, "1001", "1002")
    phones = first.phones("1001", "1002", behaviour=RINGS_A_MOMENT)
    for pilot in ("5000", "5001"):  # each daemon has read its group
        call = first.started(pilot)
        first.until(call.talking.is_set, "it is answered")
        call.hang_up()
        assert call.join(WAIT_SECONDS)
        first.settle()
    first.until(lambda: not len(second.deps.claims), "nobody is claimed")
    before = [len(phone.rings) for phone in phones]
    proxy.refuse()
    both = (first.daemon.deps.database, second.deps.database)
    first.until(lambda: all(each.away is not None for each in both), "both find out by themselves")
    callers = [first.started(pilot) for pilot in ("5000", "5001")]
    for call in callers:
        first.until(call.talking.is_set, "both are answered")
    assert [len(phone.rings) for phone in phones] == [number + 1 for number in before], "each rings once"
    proxy.mend()
    for call in callers:
        call.hang_up()
        assert call.join(WAIT_SECONDS)
