"""What a stop ends after what: nothing that is still put is lost, and no other daemon takes over what is still ours."""

from __future__ import annotations

from typing import Any

import pytest
from gevent.event import Event

from fshunt.daemon.data.events import UnfinishedCallClosed
from fshunt.db.queries import calls, daemons
from tests.support.rig import WAIT_SECONDS, Rig


def test_what_the_heartbeat_puts_at_its_end_is_written(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last heartbeat may take a call over, or give one up."""
    rig.group("5000", "1001")
    rig.phones("1001")
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    (ours,) = rig.daemon.calls
    outbox, now = rig.daemon.deps.outbox, rig.daemon.deps.now

    class Late(Event):
        def set(self) -> None:
            outbox.put(UnfinishedCallClosed(hunt_id="another", ended_at=now()))
            super().set()

    with rig.store.writing() as s:
        row = {"uuid": "another", "domain": "", "pilot": "", "group_name": "", "policy": "", "policy_input": None}
        who = {"caller_number": None, "caller_name": None, "node": "gone", "run_id": "gone"}
        calls.open_call(s, "another", **row, **who, started_at=rig.daemon.deps.now())
    monkeypatch.setattr(rig.daemon.heartbeat, "_stopped", Late())
    rig.daemon.stop()
    with rig.store.reading() as s:
        ended = {each.id: each.ended_at for each in calls.list_calls(s)}
    assert ended.keys() == {"another", ours.call_log.hunt_id}
    assert None not in ended.values()
    call.hang_up()


def test_the_stop_is_announced_after_the_ends_of_its_calls_are_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, they would take the calls over whose ends they do not see, and close them as failed."""
    rig.group("5000", "1001")
    rig.phones("1001")
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    pending, retire = [], daemons.retire

    def retire_and_look(*args: Any, **more: Any) -> None:
        pending.append(rig.daemon.deps.outbox.pending)
        retire(*args, **more)

    monkeypatch.setattr(daemons, "retire", retire_and_look)
    outbox, flush = rig.daemon.deps.outbox, rig.daemon.deps.outbox.flush

    def flush_with_one_more(timeout: float) -> bool:
        outbox.put(UnfinishedCallClosed(hunt_id="h", ended_at=rig.daemon.deps.now()))
        return flush(timeout)

    monkeypatch.setattr(outbox, "flush", flush_with_one_more)
    rig.daemon.stop()
    assert pending == [0]
    call.hang_up()
