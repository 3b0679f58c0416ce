"""A daemon is alive but presumed dead: one that was paused for longer than others wait, one that is started twice."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from fshunt.db.models import DaemonRecord
from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import answers
from tests.support.fault_office import Office, ended, phones, switch_to, until
from tests.support.processes import FshuntProcess, daemons

pytestmark = pytest.mark.faults

STAYS = answers(0.02)


def test_a_paused_daemon_that_was_presumed_dead_resumes(pg_office: Office) -> None:
    """As a process that is stopped, or a machine that sleeps or is moved to another host."""
    first, second = FshuntProcess(pg_office.url, "first"), FshuntProcess(pg_office.url, "second")
    with daemons(first, second):
        pg_office.group("5000", "1001", when_busy=WhenBusy.QUEUE, hunt_timeout=600.0)
        here, there = switch_to([first]), switch_to([second])
        phones(here, "1001", behaviour=STAYS)
        (elsewhere,) = phones(there, "1001", behaviour=STAYS)
        talk = here.call("5000")
        until(lambda: _result(pg_office, talk.uuid) == "answered", "one is on a call")
        waits = here.call("5000")
        until(lambda: pg_office.waiting() == 1, "one waits")
        first.freeze()
        until(lambda: not pg_office.claimed() and not pg_office.waiting(), "the other has swept what was left")
        until(lambda: not pg_office.unfinished(), "and has closed the records")
        first.thaw()
        until(lambda: pg_office.claimed() == {"1001"} and pg_office.waiting() == 1, "both are restored")
        newcomer = there.call("5000")
        until(lambda: pg_office.waiting() == 2, "the caller of the other daemon waits behind")
        assert elsewhere.rings == [], "the member on a call was not rung"
        talk.hang_up()
        until(lambda: _result(pg_office, waits.uuid) == "answered", "the longest waiting has the member")
        newcomer.hang_up()
        waits.hang_up()
        assert (ended(talk).kind, ended(waits).kind, ended(newcomer).kind) == ("answered", "answered", "abandoned")
        (hunt,) = pg_office.closed(talk.uuid)
        assert (hunt.result, hunt.answered_by) == ("answered", "1001")
        (hunt,) = pg_office.closed(waits.uuid)
        assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1001", True), (
            "not failed, as was guessed"
        )
        until(lambda: not pg_office.claimed(), "no claim is left")


def _result(office: Office, uuid: str) -> str | None:
    hunts = office.hunts(uuid)
    return hunts[0].result if hunts else None


def test_a_second_daemon_is_started_on_the_same_port(office: Office, processes: list[FshuntProcess]) -> None:
    first = FshuntProcess(office.url, "first")
    second = FshuntProcess(office.url, "first", listen=f"127.0.0.1:{first.port}")
    processes += [first, second]
    first.start()
    office.group("5000", "1001")
    switch = switch_to([first])
    (phone,) = phones(switch, "1001")
    call = switch.call("5000")
    until(lambda: office.claimed() == {"1001"} and office.unfinished() == 1, "the phone rings")
    runs = _runs(office)
    second.start_soon()
    assert second.wait() == 1
    until(lambda: second.said("is in use by another program"), "it logs the reason")
    assert _runs(office) == runs, "only the first sends a heartbeat"
    (hunt,) = office.hunts(call.uuid)
    assert (hunt.run_id, hunt.ended_at) == (*runs, None), "and has its call"
    assert [each.outcome for each in phone.rings] == ["ringing"]
    call.hang_up()
    assert ended(call).kind == "abandoned"
    (hunt,) = office.closed(call.uuid)
    assert (hunt.result, hunt.end_seen) == ("abandoned", True)


def _runs(office: Office) -> list[str]:
    with office.store.reading() as s:
        return list(s.scalars(select(DaemonRecord.run_id)))
