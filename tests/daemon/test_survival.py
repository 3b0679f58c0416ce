"""What a call survives: a switch that answers wrongly, a database that is locked or slow, a daemon that is stopped."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from fshunt.db.queries import calls
from fshunt.simulator.core.faults import Cut, CutFrame, Delay, Duplicate, Fault, Garbage, Slices, Stranger
from fshunt.simulator.core.phones import RINGS, Behaviour, answers, refuses
from tests.support.rig import (
    RINGS_OUT,
    UNREADABLE,
    WAIT_SECONDS,
    Rig,
    cut,
    light,
    passed,
    rang,
    says_goodbye_and_what_cannot_be_read,
    says_what_cannot_be_read,
)

TALKS = answers(0.05, talks=0.05)
FRAMES_OF_A_CALL = 24
"""More frames than the switch sends for the call below: the last cuts cut nothing."""


@pytest.mark.parametrize("after_bytes", [0, 40])
@pytest.mark.parametrize("number", range(1, FRAMES_OF_A_CALL))
def test_the_connection_is_cut_at_any_frame(light_rig: Rig, number: int, after_bytes: int) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    call = light_rig.started(faults=[CutFrame(number, after_bytes)])
    assert call.join(WAIT_SECONDS)
    light_rig.settle()
    assert call.ending.kind in ("answered", "fallback-voicemail", "voicemail"), "the caller is never left"
    assert len(light_rig.daemon.calls) == 0
    with light_rig.store.reading() as s:
        records = calls.list_calls(s)
    assert all(record.result for record in records), "each hunt that began has its one result"
    held = [record for record in records if record.result == "answered" and not record.end_seen]
    after = light_rig.call()
    if held:
        assert passed(after) == [("1001", "claimed")], "who may still be talking is not rung for a while"
    else:
        assert after.result == "answered", "the next call is not affected"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Slices(1), marks=pytest.mark.faults),
        Slices(100),
        Duplicate("CHANNEL_BRIDGE"),
        Duplicate("CHANNEL_EXECUTE_COMPLETE"),
        Duplicate("CHANNEL_HANGUP_COMPLETE"),
        Stranger(4),
        Stranger(8),
        Stranger(8, "CHANNEL_EXECUTE_COMPLETE"),
        Delay(6, 0.2, after_bytes=20),
    ],
    ids=repr,
)
def test_frames_in_slices_twice_late_or_for_another_call_change_nothing(light_rig: Rig, fault: Fault) -> None:
    light_rig.group("5000", "1001", "1002")
    light_rig.phones("1001", behaviour=refuses(486))
    light_rig.phones("1002", behaviour=TALKS)
    record = light_rig.call(faults=[fault])
    assert rang(record) == [("1001", "busy"), ("1002", "answered")]
    assert (record.result, record.end_seen) == ("answered", True)


@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_garbage_hands_the_caller_to_the_fallback(light_rig: Rig, number: int) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=answers(1, talks=0.05))
    call = light_rig.started(faults=[Garbage(number)])
    assert call.join(WAIT_SECONDS)
    light_rig.settle()
    assert call.ending.kind in ("fallback-voicemail", "answered", "voicemail")
    with light_rig.store.reading() as s:
        assert all(record.result for record in calls.list_calls(s))


@pytest.fixture
def locked_database(light_rig: Rig) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds SQLite's write lock until it is told to release it."""
    program = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.readline()\n"
        "c.execute('ROLLBACK')\n"
    )
    path = light_rig.settings.database_url.removeprefix("sqlite:///")
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_a_locked_database_holds_up_no_other_greenlet_and_no_call(
    light_rig: Rig, locked_database: subprocess.Popen[str]
) -> None:
    light_rig.group("5000", "1001", policy="round-robin")
    light_rig.phones("1001", behaviour=TALKS)
    light_rig.daemon.deps.database.timeout = 1.0
    assert locked_database.stdout is not None
    assert locked_database.stdout.readline() == "locked\n"
    pauses = []

    def tick() -> None:
        last = time.monotonic()
        while True:
            gevent.sleep(0.01)
            pauses.append(time.monotonic() - last)
            last += pauses[-1]

    ticking = gevent.spawn(tick)
    call = light_rig.started()
    assert call.join(WAIT_SECONDS)
    light_rig.daemon.listener.calls.join(WAIT_SECONDS)
    ticking.kill()
    assert call.ending.kind == "answered", "the hunt continues without claims and turn"
    assert sum(pauses) >= 1.0, "the call waited for the lock"
    assert max(pauses) < 1.0, "and other greenlets went on meanwhile"
    with light_rig.store.reading() as s:
        assert calls.list_calls(s) == []
    assert locked_database.stdin is not None
    locked_database.stdin.write("\n")
    locked_database.stdin.flush()
    record = light_rig.record(call)
    assert (record.result, rang(record)) == ("answered", [("1001", "answered")]), "written after the lock"


def test_without_a_database_the_caller_goes_to_the_fallback(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from fshunt.db.queries import hunts
    from fshunt.errors import DatabaseError

    def away(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("The database is away.")

    light_rig.group("5000", "1001")
    monkeypatch.setattr(hunts, "load", away)
    call = light_rig.started()
    record = light_rig.record(call)
    assert (record.result, "the database is away" in str(record.reason).lower()) == ("failed", True)
    assert call.ending.kind == "fallback-voicemail"
    assert light_rig.switch.dialled == 2, "no daemon could do better"


def test_an_internal_error_returns_the_caller_and_the_daemon_continues(
    light_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fshunt.daemon.call import call as call_module

    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    with monkeypatch.context() as patched:
        patched.setattr(call_module, "choose", lambda *_, **__: 1 / 0)
        call = light_rig.started()
        record = light_rig.record(call)
    reason = "internal error, see the log: ZeroDivisionError: division by zero"
    assert (record.result, record.reason) == ("failed", reason)
    assert call.ending.kind == "fallback-voicemail"
    assert light_rig.switch.dialled == 2, "no daemon could do better"
    assert light_rig.call().result == "answered"


def test_more_calls_than_allowed_go_to_the_fallback_at_once(sqlite_url: str) -> None:
    with light(sqlite_url, max_calls=1) as rig:
        rig.group("5000", "1001")
        rig.phones("1001", behaviour=RINGS)
        ringing = rig.started()
        _until(rig, "rings")
        second = rig.started()
        assert second.join(WAIT_SECONDS)
        assert second.ending.kind == "fallback-voicemail"
        ringing.hang_up()
        assert rig.record(ringing).result == "abandoned"


def test_a_stop_detaches_from_calls_and_from_hunts_that_last_too_long(sqlite_url: str) -> None:
    with light(sqlite_url) as rig:
        rig.group("5000", "1001")
        rig.group("5001", "1002")
        rig.phones("1001", behaviour=answers(0.05))
        (ringing_phone,) = rig.phones("1002", behaviour=Behaviour(hangup_after=0.1))
        talking = rig.started("5000")
        _until(rig, "talks with")
        ringing = rig.started("5001")
        _until(rig, "rings")
        rig.daemon.stop()
        assert not talking.ended.is_set(), "the call continues without the daemon"
        assert ringing_phone.rings[0].outcome == "ringing", "and the phone rings on"
        rig.pick_up(ringing, "1002")
        assert ringing.join(WAIT_SECONDS)
        assert (ringing.ending.kind, ringing.ending.who) == ("answered", "1002")
        talking.hang_up()
        assert talking.join(WAIT_SECONDS)
        assert talking.ending.kind == "answered"
        with rig.store.reading() as s:
            records = {record.pilot: record for record in calls.list_calls(s)}
        assert (records["5000"].result, records["5000"].end_seen) == ("answered", False)
        assert (records["5001"].result, records["5001"].end_seen) == ("failed", False)
        assert records["5001"].reason == "fshunt was stopped while phones rang; they kept ringing"


def test_a_stop_waits_for_the_hunt_in_progress(sqlite_url: str) -> None:
    with light(sqlite_url, stop_timeout=WAIT_SECONDS) as rig:
        rig.group("5000", "1001")
        rig.phones("1001", behaviour=answers(0.5, talks=0.3))
        call = rig.started()
        _until(rig, "rings")
        rig.daemon.stop()
        assert call.join(WAIT_SECONDS)
        assert (call.ending.kind, call.ending.who) == ("answered", "1001")


def _until(rig: Rig, what: str) -> None:
    happened = Event()
    rig.switch.watch(lambda fact: happened.set() if fact.what == what else None)
    assert happened.wait(WAIT_SECONDS), f"nobody {what}"


@pytest.mark.parametrize("then", [Cut(), UNREADABLE], ids=["cut", "what cannot be read"])
def test_the_connection_is_lost_in_voicemail_and_the_caller_speaks_on(light_rig: Rig, then: bytes | Cut) -> None:
    light_rig.group("5000", voicemail="1009")
    light_rig.switch.voicemail_seconds = 0.5
    call = light_rig.started(faults=[AfterEvent("CHANNEL_ANSWER", then)])
    record = light_rig.record(call)
    assert (record.result, record.destination, record.end_seen) == ("voicemail", "voicemail:1009", False)
    assert [message.box for message in light_rig.switch.messages] == ["1009"]


class AfterEvent:
    """Ends the connection, or spoils it, right after an event of a name."""

    def __init__(self, event: str, then: bytes | Cut) -> None:
        self.event, self.then = event, then

    def apply(self, number: int, frame: bytes) -> Iterator[bytes | Cut]:
        yield frame
        if f"\n\nEvent-Name: {self.event}\n".encode() in frame:
            yield self.then


@pytest.mark.faults
@pytest.mark.parametrize("fault", [cut, says_what_cannot_be_read, says_goodbye_and_what_cannot_be_read])
def test_a_call_whose_end_nobody_sees_claims_its_member_for_a_while(
    sqlite_url: str, fault: Callable[[Any], None]
) -> None:
    with light(sqlite_url, dead_after=3.0) as rig:
        rig.group("5000", "1001")
        (phone,) = rig.phones("1001", behaviour=TALKS)
        phone.script(answers(0.02))
        phone.busy_while_talking = False
        talks = rig.happens("talks with")
        call = rig.started()
        assert talks.wait(WAIT_SECONDS)
        fault(call)
        assert rig.closed(call).result == "answered"
        assert passed(rig.closed(rig.started())) == [("1001", "claimed")]
        rig.until(lambda: len(rig.daemon.deps.claims) == 0, "the claim ends")
        rig.until(lambda: rang(rig.closed(rig.started())) == [("1001", "answered")], "and the member is rung again")
        call.hang_up()


class AfterFrame:
    """Spoils the connection after so many frames."""

    def __init__(self, number: int) -> None:
        self.number = number

    def apply(self, number: int, frame: bytes) -> Iterator[bytes]:
        yield frame
        if number == self.number:
            yield UNREADABLE


def told_in_a_sentence(caplog: pytest.LogCaptureFixture, rig: Rig, call: Any) -> None:
    """The caller is with the fallback, and each hunt has said why in one sentence, without a traceback."""
    assert call.join(WAIT_SECONDS)
    rig.settle()
    assert call.ending.kind == "fallback-voicemail"
    assert rig.switch.dialled <= 2, "no daemon could do better"
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    with rig.store.reading() as s:
        reasons = [record.reason for record in calls.list_calls(s)]
    said = [record.getMessage() for record in caplog.records if "ended: failed" in record.getMessage()]
    assert reasons
    assert len(said) == len(reasons)
    assert not [reason for reason in reasons if "internal error" in reason or "inside" in reason]


@pytest.mark.parametrize("number", [1, 2, 6, 9])
def test_an_unreadable_frame_is_logged_in_one_sentence(
    light_rig: Rig, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    light_rig.group("5000", "1001", ring_time=RINGS_OUT)  # so that the last frame comes, however replies are sent
    light_rig.phones("1001")
    with caplog.at_level(logging.INFO):
        call = light_rig.started(faults=[AfterFrame(number)])
        told_in_a_sentence(caplog, light_rig, call)


def test_a_channel_uuid_that_cannot_be_sent_is_logged_in_one_sentence(
    light_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """FreeSWITCH can be set to take the caller's Call-ID, and acts on these two words in a command."""
    light_rig.group("5000", "1001")
    light_rig.phones("1001")
    with caplog.at_level(logging.INFO):
        told_in_a_sentence(caplog, light_rig, light_rig.started(uuid="unload-Mod_Event_Socket@192.0.2.1"))
