"""A daemon that starts without its database, and one whose disk is full: callers are served, and it recovers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fshunt.simulator.core.phones import answers, refuses
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.fault_office import WAIT_SECONDS, Office, ended, phones, switch_to, until, watched
from tests.support.postgres_proxy import PostgresProxy
from tests.support.processes import FshuntProcess

pytestmark = pytest.mark.faults

FALLBACK_SECONDS = 2.0
"""Within this time a caller of an uncached group reaches the fallback; the fastest of some callers counts."""
TRIES = 3
TALKS = answers(0.05, talks=0.05)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(PostgresProxy.refuse, id="down"),
        pytest.param(PostgresProxy.swallow, id="silent"),
    ],
)
def test_the_database_is_unavailable_at_the_start(
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
    assert not daemon.said("Traceback"), "it is no error inside fshunt"
    took = [_to_the_fallback(switch) for _ in range(TRIES)]
    assert min(took) < FALLBACK_SECONDS, took
    proxy.mend()
    until(lambda: ended(switch.call("5000")).kind == "answered", "the database is back and calls are hunted")


@pytest.mark.parametrize("policy", ["circular", "round-robin"])
@pytest.mark.parametrize("end", [FshuntProcess.kill, FshuntProcess.terminate], ids=["killed", "stopped"])
def test_killed_or_stopped_without_the_database_the_next_start_writes_its_records(
    pg_office: Office,
    proxy: PostgresProxy,
    processes: list[FshuntProcess],
    tmp_path: Path,
    end: Callable[[FshuntProcess], None],
    policy: str,
) -> None:
    pg_office.group("5000", "1001", "1002", policy=policy)
    daemon = FshuntProcess(proxy.url, outbox_dir=str(tmp_path))
    processes.append(daemon)
    daemon.start()
    switch = switch_to([daemon])
    phones(switch, "1001", behaviour=refuses(486))
    phones(switch, "1002", behaviour=TALKS)
    _knows_its_group(pg_office, daemon, switch)
    proxy.refuse()
    calls = []
    for _ in range(3):
        calls.append(switch.call("5000"))
        assert ended(calls[-1]).kind == "answered", "the hunt continues without the database"
        until(lambda: daemon.claims() == 0, "the member is free again")
    file = tmp_path / "outbox-first.jsonl"
    until(lambda: file.exists() and file.read_text().count("call-closed") == 3, "the ends are kept")
    end(daemon)
    assert [pg_office.hunts(call.uuid) for call in calls] == [[], [], []]
    daemon.start()  # the database is still down: the outbox file stays
    assert daemon.said("pending writes of an earlier run")
    proxy.mend()
    for call in calls:
        (hunt,) = pg_office.closed(call.uuid)
        assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1002", True)
        assert [(offer.extension, offer.outcome) for offer in hunt.offers][-1] == ("1002", "answered")
        assert pg_office.moves(call.uuid) == 1, "the turn has moved once"
    until(lambda: not file.exists(), "the file is removed when all is written")
    until(lambda: not pg_office.claimed(), "no claim is left")


def test_killed_during_a_call_without_the_database_the_next_start_sees_its_end(
    pg_office: Office, proxy: PostgresProxy, processes: list[FshuntProcess], tmp_path: Path
) -> None:
    pg_office.group("5000", "1001", policy="circular")
    daemon = FshuntProcess(proxy.url, outbox_dir=str(tmp_path))
    processes.append(daemon)
    switch = switch_to([daemon])
    daemon.settings |= watched(tmp_path, switch)
    daemon.start()
    phones(switch, "1001", behaviour=answers(0.05))
    _knows_its_group(pg_office, daemon, switch)
    proxy.refuse()
    call = switch.call("5000")
    file = tmp_path / "outbox-first.jsonl"
    until(lambda: file.exists() and "member-answered" in file.read_text(), "the answer is kept")
    daemon.kill()
    daemon.start()
    proxy.mend()
    until(lambda: daemon.said("continues; watching it until it ends"), "the call is detached")
    (hunt,) = pg_office.hunts(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.ended_at) == ("answered", "1001", None)
    call.hang_up()
    assert ended(call).kind == "answered"
    (hunt,) = pg_office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1001", True)
    assert pg_office.moves(call.uuid) == 1


def _knows_its_group(office: Office, daemon: FshuntProcess, switch: SimulatedSwitch) -> None:
    """Have a call hunted and recorded."""
    call = switch.call("5000")
    assert call.talking.wait(WAIT_SECONDS)
    call.hang_up()
    office.closed(call.uuid)
    until(lambda: daemon.claims() == 0, "the member is free again")


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
    until(lambda: daemon.claims() == 0, "the member is free again")
    daemon.fill_its_disk()
    calls = []
    for _ in range(3):
        calls.append(switch.call("5000"))
        assert ended(calls[-1]).kind == "answered", "the hunt continues without the disk"
        until(lambda: daemon.claims() == 0, "the member is free again")
    assert [office.hunts(call.uuid) for call in calls] == [[], [], []]
    daemon.empty_its_disk()
    for call in calls:
        (hunt,) = office.closed(call.uuid)
        assert (hunt.result, len(hunt.offers)) == ("answered", 1), "written when there is room, once"
        assert office.moves(call.uuid) == 1
    until(lambda: not office.claimed(), "no claim is left")
