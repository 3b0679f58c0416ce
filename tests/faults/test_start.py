"""A daemon that starts while its database is away, and one whose disk is full: callers go on, and it comes round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fshunt.simulator.phones import answers
from tests.faults.office import Office, ended, phones, switch_to, until
from tests.faults.processes import FshuntProcess
from tests.faults.proxy import PostgresProxy

FALLBACK_SECONDS = 2.0
"""Within this time a caller whose group is not known is with the fallback; the best of some callers counts."""
TRIES = 3
TALKS = answers(0.05, talks=0.05)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(PostgresProxy.refuse, id="down"),
        pytest.param(PostgresProxy.swallow, id="silent"),
    ],
)
def test_the_database_is_away_at_the_start(
    pg_office: Office,
    proxy: PostgresProxy,
    processes: list[FshuntProcess],
    fault: Callable[[PostgresProxy], None],
) -> None:
    pg_office.group("5000", "1001")
    daemon = FshuntProcess(proxy.url)
    processes.append(daemon)
    switch = switch_to([daemon])
    phones(switch, "1001", behaviour=TALKS)
    fault(proxy)
    daemon.start()
    took = [_to_the_fallback(switch) for _ in range(TRIES)]
    assert min(took) < FALLBACK_SECONDS, took
    proxy.mend()
    until(lambda: ended(switch.call("5000")).kind == "answered", "the database is back and calls are hunted")


def _to_the_fallback(switch) -> float:  # type: ignore[no-untyped-def]
    began = switch.clock.now()
    reached: list[float] = []
    switch.watch(lambda fact: reached.append(fact.at) if fact.what == "voicemail" else None)
    call = switch.call("5000")
    assert ended(call).kind == "fallback-voicemail"
    return reached[0] - began


def test_the_disk_of_a_daemon_is_full_and_is_emptied(office: Office, processes: list[FshuntProcess]) -> None:
    office.group("5000", "1001", policy="round-robin")
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    daemon.start()
    switch = switch_to([daemon])
    phones(switch, "1001", behaviour=TALKS)
    assert ended(switch.call("5000")).kind == "answered"
    daemon.fill_its_disk()
    calls = []
    for _ in range(3):
        calls.append(switch.call("5000"))
        assert ended(calls[-1]).kind == "answered", "the hunt goes on without the disk"
    assert [office.hunts(call.uuid) for call in calls] == [[], [], []]
    daemon.empty_its_disk()
    for call in calls:
        (hunt,) = office.closed(call.uuid)
        assert (hunt.result, len(hunt.offers)) == ("answered", 1), "written when there is room, once"
        assert office.moves(call.uuid) == 1
    until(lambda: not office.claimed(), "no claim is left")
