"""The load of the benchmarks says what the simulated switch says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from gevent import socket
from gevent.server import StreamServer

from tests.benchmarks import tape
from tests.benchmarks.light_load import Player
from tests.benchmarks.tape import ID, is_reply, key_of, split

COMMANDS = (
    "connect\n\nlinger {linger}\n\nmyevents\n\n"
    "sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: a=b\n"
    "Event-UUID: a4aa4cf3-2c67-4f66-8f85-5a5d9bd4f2c1\n\n"
    "sendmsg\ncall-command: execute\nexecute-app-name: bridge\nexecute-app-arg: user/{extension}@office.test\n\n"
)
DIGITS = re.compile(rb"(?<!\d)1\d{9}(?:\d{6})?(?!\d)")


class Controller:
    """Sends the commands of the plainest hunt, and keeps what each connection received."""

    def __init__(self) -> None:
        self.extension, self.linger = tape.EXTENSION, 1
        self.received: list[bytes] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.port: int = self._server.address[1]

    def stop(self) -> None:
        self._server.stop()

    def _serve(self, connection: socket.socket, _peer: object) -> None:
        number = len(self.received)
        self.received.append(b"")
        connection.sendall(COMMANDS.format(extension=self.extension, linger=self.linger).encode())
        while data := connection.recv(65536):
            self.received[number] += data


@pytest.fixture
def controller() -> Iterator[Controller]:
    made = Controller()
    yield made
    made.stop()


def without_times(frame: bytes) -> bytes:
    return DIGITS.sub(b"TIME", frame)


def test_a_tape_played_is_what_the_simulator_says_with_identities_and_numbers_of_its_own(
    controller: Controller,
) -> None:
    taped = tape.record(controller.port)
    controller.extension = "1362"
    report = Player(taped, controller.port, [362]).load(rate=10, seconds=0.1, talk_for=0.1)
    assert (report.placed, report.finished, report.unknown, len(report.delays)) == (1, 1, {}, 1)
    (said, left), (played, left_of_played) = split(controller.received[-2]), split(controller.received[-1])
    assert (left, left_of_played) == (b"", b"")
    for kind in (True, False):  # replies and events may overtake each other
        before = [without_times(key_of(frame)) for frame in said if is_reply(frame) is kind]
        after = [without_times(key_of(frame, b"5362", b"1362")) for frame in played if is_reply(frame) is kind]
        assert [line for frame in after for line in frame.split(b"\n")] == [
            line for frame in before for line in frame.split(b"\n")
        ]
        assert before
    own, others = (set(ID.findall(data)) for data in controller.received[-2:])
    assert len(own & others) == 2  # the switch's, and that of the command
    assert len(own) == len(others) > 4


def test_a_command_that_the_tape_does_not_have_is_told_of(controller: Controller) -> None:
    taped = tape.record(controller.port)
    controller.extension, controller.linger = "1362", 2
    report = Player(taped, controller.port, [362]).load(rate=10, seconds=0.1, talk_for=0.1)
    assert report.unknown == {"linger 2": 1}
