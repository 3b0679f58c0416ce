"""SIGHUP reloads what can be reloaded, SIGUSR1 logs a report, and neither ends the daemon or a call."""

from __future__ import annotations

import ipaddress
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fshunt.daemon.current_settings import CurrentSettings, Reloaded
from fshunt.daemon.report import report
from fshunt.hunting.ringtime import RingTime
from fshunt.settings import ROWS, Address, Settings, SettingsError
from fshunt.simulator.core.phones import answers
from tests.support.processes import FshuntProcess
from tests.support.rig import DOMAIN, RINGS, WAIT_SECONDS, Rig
from tests.support.waiting import until

NET = ipaddress.ip_network("192.0.2.0/24")


def test_a_reload_takes_all_but_what_needs_a_restart() -> None:
    current = CurrentSettings(Settings())
    loaded = Settings(max_calls=7, seconds_per_ring=5.0, listen=Address("127.0.0.1", 9000), node_name="another")
    reloaded = current.take(loaded)
    assert set(reloaded.changed) == {"max_calls", "seconds_per_ring"}
    assert set(reloaded.need_restart) == {"listen", "node_name"}
    assert (current.now.max_calls, current.now.listen) == (7, Settings().listen)
    assert current.take(loaded) == Reloaded((), reloaded.need_restart), "they are told again until the restart"


def test_defaults_that_depend_on_the_address_stay_with_it_until_the_restart() -> None:
    current = CurrentSettings(Settings())
    assert current.take(Settings(listen=Address("127.0.0.1", 9000))) == Reloaded((), ("listen",))
    assert current.now.controllers == Settings().controllers
    assert current.now.given_controllers() == (), "callers come back to where this daemon listens"


def test_settings_that_do_not_fit_what_cannot_change_are_refused_whole() -> None:
    open_to_others = replace(Settings(), listen=Address("192.0.2.1", 8084), allowed_peers=(NET,))
    current = CurrentSettings(open_to_others)
    with pytest.raises(SettingsError, match="allowed_peers"):
        current.take(replace(open_to_others, listen=Address("127.0.0.1", 8084), allowed_peers=(), max_calls=7))
    assert current.now is open_to_others


def test_what_a_daemon_opens_once_needs_a_restart() -> None:
    names = {name for name, row in ROWS.items() if row.restart}
    assert names == {
        *("database_url", "database_password_file", "database_timeout", "listen", "http_listen", "switch", "node_name"),
        *("outbox_dir", "claim_audit_file", "lamps"),
    }


def test_a_reloaded_setting_holds_for_the_next_call_and_for_the_listener(light_rig: Rig) -> None:
    current, listener = light_rig.daemon.deps.current, light_rig.daemon.listener
    light_rig.group("5000", "1001", ring_time=RingTime(rings=3))
    light_rig.phones("1001", behaviour=answers(0.01, talks=0.01))
    before = light_rig.call().offers[0].ring_seconds
    current.take(replace(current.now, seconds_per_ring=current.now.seconds_per_ring * 2, max_calls=1))
    assert light_rig.call().offers[0].ring_seconds == 2 * before
    light_rig.phones("1001", behaviour=RINGS)
    rings = light_rig.happens("rings")
    call = light_rig.started()
    assert rings.wait(WAIT_SECONDS)
    assert not listener.takes_calls
    call.hang_up()
    light_rig.record(call)
    assert listener.takes_calls


def test_the_report_names_each_call_and_what_it_waits_for(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001")
    rings = light_rig.happens("rings")
    call = light_rig.started()
    assert rings.wait(WAIT_SECONDS)
    daemon = light_rig.daemon
    light_rig.until(lambda: any(each.ringing_members() for each in daemon.calls), "1001 rings")
    status, _ = daemon.report.for_heartbeat()
    lines = list(report(status, daemon.calls, len(daemon.deps.claims)))
    assert lines[1] == "calls: 1 hunts, 0 answered calls, 0 taken over calls, 0 queued, 1 claims"
    assert lines[2] == f"call {call.uuid} to 5000@{DOMAIN}: ringing, 1001"
    assert any(line.startswith("database: available, ") for line in lines)
    call.hang_up()
    light_rig.record(call)


@pytest.fixture
def daemon(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[FshuntProcess, Path]]:
    """A daemon with a settings file."""
    file = tmp_path / "fshunt.toml"
    file.write_text("max_calls = 50\n")
    process = FshuntProcess(str(sqlite_url), outbox_dir=str(tmp_path))
    process.program = ["-m", "fshunt", "serve", "--config", str(file)]
    process.start()
    yield process, file
    process.stop()


def test_signals_reload_and_report_and_never_kill(daemon: tuple[FshuntProcess, Path]) -> None:
    process, file = daemon

    def told(number: signal.Signals, words: str) -> None:
        process.send(number)
        until(lambda: process.said(words), words)

    file.write_text('max_calls = 60\nlog_level = "warning"\n')
    process.send(signal.SIGHUP)
    file.write_text('max_calls = 70\nclaim_audit_file = "/tmp/audit"\n')
    told(signal.SIGHUP, "settings that differ but need a restart (`systemctl restart fshunt`): claim_audit_file")
    file.write_text("max_calls = 0\n")
    told(signal.SIGHUP, f"settings not reloaded, the daemon keeps those it has: {file}: `max_calls` must be")
    file.write_text("max_calls = ")
    told(signal.SIGHUP, f"settings not reloaded, the daemon keeps those it has: The settings file {file} is not valid")
    file.write_text('max_calls = 60\nlog_level = "error"\n')
    process.send(signal.SIGHUP)
    told(signal.SIGUSR1, f"report: version {process.version}, process {process.pid}, listening on")
    for number in (signal.SIGHUP, signal.SIGUSR1) * 20:
        process.send(number)
    process.terminate()
