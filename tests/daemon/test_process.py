"""The daemon as systemd runs it: a process that is started, told to stop, and killed at any moment."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from gevent.event import Event
from gevent.subprocess import PIPE, Popen
from sqlalchemy import func, select

from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim
from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.rig import DOMAIN, WAIT_SECONDS
from tests.support.waiting import until

TAKES_CALLS = re.compile(r"taking calls at 127\.0\.0\.1:(\d+)")


@pytest.fixture
def pbx(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[Store, dict[str, str]]]:
    """A database with two groups, and the environment that leads the daemon to it."""
    store = open_store(sqlite_url)
    with store.writing() as s:
        for pilot, extension in (("5000", "1001"), ("5001", "1002")):
            groups.add_group(s, DOMAIN, pilot, ring_time=RingTime(seconds=20), voicemail="1009")
            members.add_members(s, DOMAIN, pilot, [parse_member(extension)])
    plain = {k: v for k, v in os.environ.items() if not k.startswith("FSHUNT_")}
    ours = {"FSHUNT_DATABASE_URL": str(sqlite_url), "FSHUNT_LISTEN": "127.0.0.1:0", "FSHUNT_OUTBOX_DIR": str(tmp_path)}
    yield store, {**plain, **ours}
    store.close()


@contextmanager
def serving(environment: dict[str, str], **more: str) -> Iterator[tuple[Any, int]]:
    """The daemon's process and its port."""
    command = [sys.executable, "-m", "fshunt", "serve"]
    with Popen(command, env={**environment, **more}, stderr=PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := TAKES_CALLS.search(line):
                    yield process, int(found[1])
                    break
            else:
                pytest.fail("the daemon ended before it took calls")
        finally:
            process.kill()


def switch_for(port: int, what: str) -> tuple[SimulatedSwitch, Event]:
    """A switch that dials the daemon, and an event for when something happens on it."""
    switch, happened = SimulatedSwitch([("127.0.0.1", port)], domain=DOMAIN, voicemail_seconds=0.05), Event()
    switch.watch(lambda fact: happened.set() if fact.what == what else None)
    return switch, happened


def record(store: Store, uuid: str) -> CallRecord:
    with store.reading() as s:
        return calls.show_call(s, uuid)[0]


def restarted(environment: dict[str, str]) -> None:
    with serving(environment) as (process, _port):
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.faults
def test_killed_while_ringing_the_caller_reaches_the_fallback_and_the_next_start_records_it(
    pbx: tuple[Store, dict[str, str]],
) -> None:
    store, environment = pbx
    with serving(environment) as (process, port):
        switch, rings = switch_for(port, "rings")
        phone = switch.phone("1001")
        call = switch.call("5000")
        assert rings.wait(WAIT_SECONDS)
        _until_written(store, call.uuid, offers=1)
        process.kill()
        assert call.join(WAIT_SECONDS)
        assert call.ending.kind == "fallback-voicemail"
        assert phone.rings[0].outcome == "cancelled"
    assert record(store, call.uuid).result is None, "nobody was there to write it"
    restarted(environment)
    after = record(store, call.uuid)
    assert (after.result, after.end_seen, after.offers[0].outcome) == ("failed", False, "switch-lost")
    assert "stopped" in str(after.reason)


@pytest.mark.faults
def test_killed_while_ringing_and_started_again_the_next_caller_rings_the_same_member_at_once(
    pbx: tuple[Store, dict[str, str]],
) -> None:
    store, environment = pbx
    with serving(environment) as (process, port):
        switch, rings = switch_for(port, "rings")
        switch.phone("1001")
        call = switch.call("5000")
        assert rings.wait(WAIT_SECONDS)
        _until_written(store, call.uuid, offers=1)
        process.kill()
        assert call.join(WAIT_SECONDS)
    with serving(environment) as (_process, port):
        switch, _ = switch_for(port, "rings")
        switch.phone("1001", answers(0.05, talks=0.05))
        # The daemon takes calls after some seconds even where its first heartbeat is slower.
        until(lambda: not _claims(store), "the claims of the run before are released")
        call = switch.call("5000")
        assert call.join(WAIT_SECONDS)
        assert (call.ending.kind, call.ending.who) == ("answered", "1001")


@pytest.mark.faults
def test_killed_during_a_call_the_call_continues_and_stays_answered(pbx: tuple[Store, dict[str, str]]) -> None:
    store, environment = pbx
    with serving(environment) as (process, port):
        switch, talks = switch_for(port, "talks with")
        switch.phone("1001", answers(0.05))
        call = switch.call("5000")
        assert talks.wait(WAIT_SECONDS)
        _until_written(store, call.uuid, answered=True)
        process.kill()
        process.wait()
        assert not call.ended.is_set()
        call.hang_up()
        assert call.join(WAIT_SECONDS)
        assert (call.ending.kind, call.ending.who) == ("answered", "1001")
    restarted(environment)
    after = record(store, call.uuid)
    assert (after.result, after.answered_by, after.end_seen) == ("answered", "1001", False)
    assert "not seen" in str(after.reason)


def test_a_stop_ends_no_call_and_exits_with_success(pbx: tuple[Store, dict[str, str]]) -> None:
    store, environment = pbx
    with serving(environment) as (process, port):
        switch, talks = switch_for(port, "talks with")
        switch.phone("1001", answers(0.05))
        call = switch.call("5000")
        assert talks.wait(WAIT_SECONDS)
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
        assert not call.ended.is_set()
        after = record(store, call.uuid)
        assert (after.result, after.end_seen) == ("answered", False)
        call.hang_up()
        assert call.join(WAIT_SECONDS)
        assert call.ending.kind == "answered"


def _claims(store: Store) -> int:
    with store.reading() as s:
        return s.scalar(select(func.count()).select_from(Claim)) or 0


def _until_written(store: Store, uuid: str, *, offers: int = 0, answered: bool = False) -> None:
    """Look until the rows are there: the test's event comes from the switch, the rows a moment later."""

    def written() -> bool:
        with store.reading() as s:
            found = [c for c in calls.list_calls(s) if c.uuid == uuid]
            rung = len(calls.show_call(s, uuid)[0].offers) if found else -1
            return rung >= offers and bool(found[0].answered_at or not answered)

    until(written, "the rows are written")


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_notified_when_it_is_ready_alive_and_stopping(
    pbx: tuple[Store, dict[str, str]], tmp_path: Path, abstract: bool
) -> None:
    name = f"@fshunt-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(WAIT_SECONDS)
        with serving(pbx[1], NOTIFY_SOCKET=name, WATCHDOG_USEC="200000") as (process, _port):
            told = [manager.recv(4096).decode() for _ in range(2)]
            process.terminate()
            while "STOPPING=1" not in told[-1]:
                told.append(manager.recv(4096).decode())
            process.wait(WAIT_SECONDS)
    assert told[0].startswith("READY=1")
    assert told[1].startswith("WATCHDOG=1")


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fshunt", "serve"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WAIT_SECONDS)


def test_a_port_in_use_is_one_sentence_and_a_failure(pbx: tuple[Store, dict[str, str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run({**pbx[1], "FSHUNT_LISTEN": f"127.0.0.1:{port}"})
    assert ended.returncode == 1
    assert f"127.0.0.1:{port} is in use by another program" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_is_not_migrated_is_one_sentence_and_a_failure(
    pbx: tuple[Store, dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "empty.db").touch()
    ended = run({**pbx[1], "FSHUNT_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"})
    assert ended.returncode == 1
    assert "fshunt db upgrade" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_signal_does_not_hurt(pbx: tuple[Store, dict[str, str]]) -> None:
    with serving(pbx[1]) as (process, _port):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.faults
def test_a_stalled_log_does_not_keep_a_stopped_daemon_from_ending(pbx: tuple[Store, dict[str, str]]) -> None:
    """The reader of standard error, such as a journal, takes nothing any more."""
    _, environment = pbx
    reads, writes = os.pipe()
    process = subprocess.Popen([sys.executable, "-m", "fshunt", "serve"], env=environment, stderr=writes)
    try:
        with open(reads, closefd=False) as log:
            assert any(TAKES_CALLS.search(line) for line in log)
        fill(writes)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reads)
        os.close(writes)


def fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(pipe, b"." * size)
    os.set_blocking(pipe, True)
