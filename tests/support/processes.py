"""Daemons as processes: started with the settings of a test, told to stop, and killed at a chosen moment."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.socket import create_connection
from gevent.subprocess import PIPE, Popen

from fshunt import __version__
from fshunt.settings import ROWS
from tests.support.ports import held_port, number_of

START_SECONDS = 60.0
STOP_SECONDS = 30.0
TAKES_CALLS = re.compile(r"taking calls at 127\.0\.0\.1:(\d+)")
ROOT = Path(__file__).parents[2]

SETTINGS = {
    "seconds_per_ring": "0.1",
    "confirm_timeout": "1",
    "confirm_prompt": "silence_stream://100",
    "outbox_dir": "/no/such/folder",
}
"""What all daemons of these tests are told, unless a test says otherwise."""


class FshuntProcess:
    """``python -m fshunt serve`` on a port of its own, which a restart keeps."""

    def __init__(self, database_url: str, node: str = "first", **settings: str) -> None:
        self._held = held_port(), held_port()
        self.node, self.port, metrics = node, *map(number_of, self._held)
        self.settings = {
            **SETTINGS,
            "database_url": database_url,
            "listen": f"127.0.0.1:{self.port}",
            "node_name": node,
            "http_listen": f"127.0.0.1:{metrics}",
            **settings,
        }
        self.log: list[str] = []
        self.program = ["-m", "fshunt", "serve"]
        """What Python runs."""
        self.socket: socket.socket | None = None
        """A listening socket that the daemon is given, as systemd does."""
        self.ready = Event()
        self._process: Any = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the switch finds it."""
        return "127.0.0.1", self.port

    @property
    def version(self) -> str:
        """The version that it runs."""
        return __version__

    @property
    def pid(self) -> int:
        """The process's id."""
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> FshuntProcess:
        """Start it and wait until it takes calls."""
        self.start_soon()
        self.until_ready()
        return self

    def start_soon(self) -> None:
        """Start it and do not wait."""
        assert not self.alive
        self.ready.clear()
        plain = {k: v for k, v in os.environ.items() if not k.startswith("FSHUNT_")}
        known = {k: v for k, v in self.settings.items() if k in ROWS}
        ours = {f"FSHUNT_{name.upper()}": value for name, value in known.items()}
        command = self.command([sys.executable, *self.program], self.socket)
        inherited = () if self.socket is None else (self.socket.fileno(),)
        self._process = Popen(command, env={**plain, **ours}, stderr=PIPE, cwd=ROOT, pass_fds=inherited)
        gevent.spawn(self._read_log, self._process.stderr)

    @staticmethod
    def command(command: list[str], listening: socket.socket | None) -> list[str]:
        """A command that is given a listening socket as systemd does: it is number 3, for the process LISTEN_PID."""
        if listening is None:
            return command
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
            "os.execvp(sys.argv[2], sys.argv[2:])"
        )
        return [sys.executable, "-c", script, str(listening.fileno()), *command]

    def until_ready(self) -> None:
        """Wait until it takes calls."""
        with gevent.Timeout(START_SECONDS, AssertionError(f"{self.node} takes no calls: {self.log[-5:]}")):
            while not self.ready.wait(0.05):
                assert self.alive, f"{self.node} ended before it took calls: {self.log[-5:]}"

    def kill(self) -> None:
        """SIGKILL; when this returns it is dead. Blocks the whole test: nothing else goes on meanwhile."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def freeze(self) -> None:
        """Stop it in its tracks (SIGSTOP), as a machine that does not answer any more."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM, and wait for a good end."""
        self._process.terminate()
        assert self.wait() == 0, self.log[-5:]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int | None:
        """Wait for the end, and give its status."""
        status: int | None = self._process.wait(timeout=STOP_SECONDS)
        return status

    def fill_its_disk(self) -> None:
        """Have every write to a file fail from now on; only for this process."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def empty_its_disk(self) -> None:
        """Let it write again."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def stop(self) -> None:
        """End it for good, however it is."""
        if self.alive:
            self._process.kill()
            self._process.wait(timeout=STOP_SECONDS)
        for held in self._held:
            held.close()

    def claims(self) -> float:
        """How many members its hunts hold, as its metrics say: with the database or without."""
        host, _, port = self.settings["http_listen"].partition(":")
        with create_connection((host, int(port)), timeout=STOP_SECONDS) as asking:
            asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = b"".join(iter(lambda: asking.recv(65536), b""))
        found = re.search(rb"^fshunt_claims (\S+)$", page, re.MULTILINE)
        assert found is not None, page
        return float(found[1])

    def said(self, words: str) -> bool:
        """Whether its log has these words."""
        return any(words in line for line in self.log)

    def complaints(self) -> list[str]:
        """Its warnings and errors."""
        return [f"{self.node}: {line}" for line in self.log if line.startswith(("WARNING", "ERROR", "Traceback"))]

    def _read_log(self, lines: Any) -> None:
        ready = self.ready
        for raw in lines:
            line = raw.decode(errors="replace").rstrip()
            self.log.append(line)
            if TAKES_CALLS.search(line):
                ready.set()


@contextmanager
def daemons(*made: FshuntProcess) -> Iterator[tuple[FshuntProcess, ...]]:
    """Start daemons, one after the other is asked and all at once, and end them in any case."""
    try:
        for each in made:
            each.start_soon()
        for each in made:
            each.until_ready()
        yield made
    finally:
        for each in made:
            each.stop()


@pytest.fixture
def processes() -> Iterator[list[FshuntProcess]]:
    """Those put into this list are ended with the test."""
    made: list[FshuntProcess] = []
    yield made
    for each in made:
        each.stop()
