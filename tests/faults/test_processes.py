"""The instruments that start daemons and stop them at a step of a call."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from gevent.subprocess import PIPE, Popen

from fshunt.simulator.core.phones import answers
from tests.support.call_steps import Step, at
from tests.support.fault_office import Office, ended, phones, switch_to, until
from tests.support.processes import FshuntProcess

pytestmark = pytest.mark.faults


def test_a_daemon_starts_takes_a_call_ends_and_starts_again_at_the_same_port(
    office: Office, processes: list[FshuntProcess]
) -> None:
    office.group("5000", "1001")
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    daemon.start()
    switch = switch_to([daemon])
    phones(switch, "1001", behaviour=answers(0.02, talks=0.02))
    first = switch.call("5000")
    assert ended(first).kind == "answered"
    daemon.terminate()
    daemon.start()
    assert ended(switch.call("5000")).kind == "answered"
    daemon.kill()
    assert daemon.wait() == -signal.SIGKILL
    assert office.closed(first.uuid)[0].node == "first"


def test_every_step_of_a_call_is_met_in_order(office: Office, processes: list[FshuntProcess]) -> None:
    office.group("5000", "1001")
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    daemon.start()
    switch, met = switch_to([daemon]), []
    phones(switch, "1001", behaviour=answers(0.05, talks=0.05))
    expected = [Step.GREETING, Step.PLANNED, Step.BRIDGE, Step.RINGING, Step.ANSWER]
    for step in expected:
        with at(switch, step, lambda step=step: met.append(step)) as reached:
            ended(switch.call("5000"))
            assert reached.is_set(), step
            until(lambda: not office.claimed(), "the member is free again")
    assert met == expected


def test_a_full_disk_is_full_for_one_daemon_only_and_can_be_emptied(
    office: Office, processes: list[FshuntProcess]
) -> None:
    office.group("5000")
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    daemon.start()
    switch = switch_to([daemon])
    daemon.fill_its_disk()
    call = switch.call("5000")
    ended(call)
    until(lambda: daemon.said("writes pending: "), "the daemon cannot write")
    assert office.hunts(call.uuid) == []
    office.group("5001")
    daemon.empty_its_disk()
    assert office.closed(call.uuid)


def test_a_socket_is_handed_over_as_systemd_does(office: Office, processes: list[FshuntProcess]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        daemon = FshuntProcess(office.url)
        processes.append(daemon)
        script = "echo $$ $LISTEN_PID $LISTEN_FDS; readlink /proc/self/fd/3"
        command = daemon.command(["/bin/sh", "-c", script], listening)
        told = Popen(command, stdout=PIPE, pass_fds=[listening.fileno()])
        pids, link = told.communicate(timeout=30)[0].decode().splitlines()
        own, meant, count = pids.split()
        assert (own == meant, count) == (True, "1")
        assert link == str(Path(f"/proc/self/fd/{listening.fileno()}").readlink())


def test_a_daemon_that_cannot_start_says_why(office: Office, processes: list[FshuntProcess]) -> None:
    daemon = FshuntProcess("nonsense://")
    processes.append(daemon)
    with pytest.raises(AssertionError, match="ended before it took calls"):
        daemon.start()
