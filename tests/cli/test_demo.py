"""The demo, as a new user sees it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from fshunt.simulator.scenarios.office import CALLS
from tests.support.ports import held_port, number_of
from tests.support.waiting import until


@pytest.mark.faults
def test_the_demo_shows_twelve_calls_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "FSHUNT_LISTEN": "a setting of this machine's own fshunt"}
    command = [sys.executable, "-m", "fshunt", "demo"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(CALLS) == 12
    for number, call in enumerate(CALLS, start=1):
        assert f"{number:2}  {call.title}: {call.caller_name} calls" in ended.stdout
    for what in (
        "answered after", "busy after", "no-answer after", "declined after", "has no phone registered",
        "abandoned (the caller hung up)", "is claimed by another hunt", "ended: voicemail Eva (1005)",
        "$ fshunt group show 5000", "12 of 12 calls ended as they should.",
    ):  # fmt: skip
        assert what in ended.stdout, what
    assert not re.search(r"\x1b\[", ended.stdout), "no colour where there is no terminal"
    assert list(tmp_path.iterdir()) == []


COMMAND = [sys.executable, "-m", "fshunt", "demo"]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@pytest.mark.faults
def test_the_pages_of_the_demo_are_open_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, "--web", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as office:
        assert office.stdout is not None
        assert office.stderr is not None
        said: list[str] = []
        try:
            while not any(" calls 5" in line for line in said):
                said.append(office.stdout.readline())
                assert said[-1], said
            port = next(found[1] for line in said if (found := ADDRESS.search(line)))
            asking = HTTPConnection("127.0.0.1", int(port), timeout=10)
            asking.request("GET", "/sign-in")
            assert asking.getresponse().status == 200
        finally:
            office.send_signal(signal.SIGINT)
        rest, errors = office.stdout.read(), office.stderr.read()
        assert office.wait(30) == 0, errors
    for name in ("paula", "olga", "1002@office.test"):
        assert re.search(rf"{name} +password [a-z0-9]{{5}}-[a-z0-9]{{5}}-[a-z0-9]{{5}}$", "".join(said), re.MULTILINE)
    assert "Nothing is left behind." in rest
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


@contextmanager
def demo_that_takes_calls(tmp_path: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start a demo; yield it and the numbers of its processes, once a first caller calls."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*COMMAND, *words], env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            while " calls" not in (line := demo.stdout.readline()):
                assert line, "the demo has ended"
            yield demo, children_of(demo.pid)
        finally:
            demo.kill()


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


WEB = ("--web", "--listen", "127.0.0.1:0")


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize(("words", "status"), [((), 128), (WEB, 0)], ids=["calls", "pages"])
def test_a_demo_that_is_told_to_stop_leaves_nothing_behind(
    tmp_path: Path, words: tuple[str, ...], status: int, number: signal.Signals
) -> None:
    with demo_that_takes_calls(tmp_path, *words) as (demo, processes):
        demo.send_signal(number)
        # The pages are open until they are told to close; twelve calls have been cut short.
        assert demo.wait(30) == (status + number if status else 0)
    assert len(processes) == (2 if words else 1)
    assert not any(map(is_there, processes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults
@pytest.mark.parametrize("words", [(), WEB], ids=["calls", "pages"])
def test_the_processes_of_a_demo_that_is_killed_end_with_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    with demo_that_takes_calls(tmp_path, *words) as (demo, processes):
        demo.kill()
        demo.wait(10)
        until(lambda: not any(map(is_there, processes)), "the end of the demo's processes")
    assert len(processes) == (2 if words else 1)


@pytest.mark.faults
def test_pages_whose_address_another_program_has_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with held_port() as held:
        held.listen()
        port = number_of(held)
        command = [*COMMAND, "--web", "--listen", f"127.0.0.1:{port}"]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: The web process did not start: 127.0.0.1:{port} is in use by")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--listen", "127.0.0.1:9001"], "--listen goes with --web."),
        (["--web", "--listen", "0.0.0.0:9001"], "The demo is for this machine alone"),
    ],
)
def test_addresses_that_make_no_sense_are_refused(fshunt, words: list[str], sentence: str) -> None:
    result = fshunt.invoke("demo", *words)
    assert result.exit_code == 2
    assert sentence in result.output
