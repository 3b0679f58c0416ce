"""Whether a process that has named itself has ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fshunt.daemon.cluster import processes
from fshunt.daemon.cluster.processes import has_ended, this_process


def test_a_live_process_has_not_ended() -> None:
    assert not has_ended(this_process())


def test_a_process_that_has_ended_is_known_to_have() -> None:
    script = "from fshunt.daemon.cluster.processes import this_process; print(this_process(), end='')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert ended != this_process()
    assert has_ended(ended)


@pytest.mark.parametrize("said", [None, 7, "", "4711", "another/machine/1 4711", "x" * 99, {"pid": 1}], ids=repr)
def test_of_another_machine_or_without_a_name_nothing_is_known(said: object) -> None:
    assert not has_ended(said)


@pytest.mark.parametrize("number", ["-1", "0x1", "9" * 30, "", "²"])
def test_a_number_that_is_no_process_proves_nothing(number: str) -> None:
    machine = this_process().rpartition(" ")[0]
    assert not has_ended(f"{machine} {number}")


def test_a_process_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(number: int, signal: int) -> None:
        assert (number, signal) == (os.getpid(), 0)
        raise PermissionError

    monkeypatch.setattr(processes.os, "kill", kill)
    assert not has_ended(this_process())
