"""The listening socket that systemd hands over: taken from it, checked, and left open for the next daemon."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.subprocess import PIPE, Popen

from tests.support.conversation import WAIT_SECONDS, Switch

ROOT = Path(__file__).parents[2]

AS_SYSTEMD = """
import os, sys
count, number, pid, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
for nth in range(count):
    os.dup2(number, 3 + nth)
os.environ.update(LISTEN_FDS=str(count), LISTEN_FDNAMES="fshunt.socket", LISTEN_PID=pid or str(os.getpid()))
os.execvp(program[0], program)
"""

DAEMON = """
import json, os, subprocess, sys
from ipaddress import ip_network
from fshunt.process.peers import Peers
from fshunt.daemon.net.listener import Listener
from fshunt.errors import FshuntError
address, allowed = json.loads(sys.argv[1]), json.loads(sys.argv[2])
peers = Peers(map(ip_network, allowed))
listener = Listener(tuple(address), lambda session: None, max_calls=2, peers=peers, greet_timeout=60)
try:
    listener.start()
except FshuntError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)
import gevent
gevent.spawn(listener.run)
said = {
    "address": str(listener.address),
    "variables": [name for name in os.environ if name.startswith("LISTEN_")],
    "inherited": subprocess.run(
        [sys.executable, "-c", "import os; os.fstat(3)"], stderr=subprocess.DEVNULL, close_fds=False
    ).returncode == 0,
}
print(json.dumps(said), flush=True)
gevent.get_hub().threadpool.apply(sys.stdin.readline)
listener.stop()
print(json.dumps({"stopped": str(listener.address), "takes_calls": listener.takes_calls}), flush=True)
gevent.get_hub().threadpool.apply(sys.stdin.readline)
"""


class Daemon:
    """A process with a Listener, started as systemd starts it."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.started = self.hear()

    def hear(self) -> dict[str, Any]:
        with gevent.Timeout(WAIT_SECONDS):
            return dict(json.loads(self._process.stdout.readline()))

    def stop_listening(self) -> dict[str, Any]:
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self.hear()


@contextmanager
def daemon(
    handed: socket.socket | Any,
    count: int = 1,
    pid: str = "",
    address: tuple[str, int] | None = None,
    allowed: Sequence[str] = (),
) -> Iterator[Daemon]:
    number = handed.fileno()
    listen = address or handed.getsockname()[:2]
    program = [sys.executable, "-c", DAEMON, json.dumps(listen), json.dumps(allowed)]
    command = [sys.executable, "-c", AS_SYSTEMD, str(count), str(number), pid, *program]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Popen(command, pass_fds=[number], stdin=PIPE, stdout=PIPE, env=environ) as process:
        try:
            yield Daemon(process)
        finally:
            process.kill()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """What systemd holds: a socket that listens, and is ours as long as the test."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


def dial(port: socket.socket) -> Switch:
    return Switch(socket.create_connection(port.getsockname(), timeout=WAIT_SECONDS))


def test_calls_are_taken_on_the_socket_that_is_handed_over(port: socket.socket) -> None:
    with daemon(port) as first:
        assert first.started["address"] == f"127.0.0.1:{port.getsockname()[1]}"
        assert dial(port).hear() == "connect"


def test_no_child_process_of_the_daemon_gets_the_socket(port: socket.socket) -> None:
    with daemon(port) as first:
        assert first.started["variables"] == []
        assert first.started["inherited"] is False


def test_a_connection_between_two_daemons_is_taken_by_the_next(port: socket.socket) -> None:
    with daemon(port) as first:
        assert dial(port).hear() == "connect"
        said = first.stop_listening()
        assert said == {"stopped": first.started["address"], "takes_calls": False}
        between = dial(port)
    after = dial(port)
    with daemon(port):
        assert between.hear() == "connect"
        assert after.hear() == "connect"


def test_a_connection_after_a_daemon_was_killed_is_taken_by_the_next(port: socket.socket) -> None:
    with daemon(port):
        assert dial(port).hear() == "connect"
    waiting = dial(port)
    with daemon(port):
        assert waiting.hear() == "connect"


def test_where_the_socket_listens_is_what_counts(port: socket.socket) -> None:
    with daemon(port, address=("127.0.0.1", 1)) as first:
        assert first.started["address"] == f"127.0.0.1:{port.getsockname()[1]}"
        assert dial(port).hear() == "connect"


def test_what_was_handed_to_another_process_is_left_alone(port: socket.socket) -> None:
    with daemon(port, pid="1", address=("127.0.0.1", 0)) as first:
        assert first.started["address"] != f"127.0.0.1:{port.getsockname()[1]}"
        assert first.started["variables"] == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_of_another_kind_is_refused(family: int, kind: int) -> None:
    with closing(socket.socket(family, kind)) as wrong, daemon(wrong, address=("127.0.0.1", 0)) as refused:
        assert refused.started["error"].startswith("What systemd hands over is no listening TCP socket")


def test_what_is_no_socket_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as wrong, daemon(wrong, address=("127.0.0.1", 0)) as refused:
        assert refused.started["error"] == "systemd handed over a file that is not a socket."


def test_two_sockets_are_refused(port: socket.socket) -> None:
    with daemon(port, count=2) as refused:
        assert "hands over 2 sockets" in refused.started["error"]


def test_a_socket_that_others_reach_needs_allowed_peers() -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as wide:
        with daemon(wide, address=("127.0.0.1", 0)) as refused:
            assert "set `allowed_peers`" in refused.started["error"]
        with daemon(wide, allowed=["192.0.2.7"]) as taken:
            assert taken.started["address"] == f"0.0.0.0:{wide.getsockname()[1]}"


def test_a_daemon_that_cannot_start_refuses_the_calls_that_wait(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        waits = [socket.create_connection(listening.getsockname()) for _ in range(3)]
        command = [sys.executable, "-c", AS_SYSTEMD, "1", str(listening.fileno()), "", sys.executable, "-m", "fshunt"]
        (tmp_path / "empty.db").touch()
        environ = {k: v for k, v in os.environ.items() if not k.startswith("FSHUNT_")}
        environ |= {"PYTHONPATH": str(ROOT), "FSHUNT_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}
        with Popen([*command, "serve"], pass_fds=[listening.fileno()], stderr=PIPE, env=environ, cwd=ROOT) as process:
            assert process.wait(WAIT_SECONDS) == 1
            assert b"fshunt db upgrade" in process.stderr.read()
        for connection in waits:
            connection.settimeout(WAIT_SECONDS)
            assert connection.recv(1) == b"", "closed"
            connection.close()
