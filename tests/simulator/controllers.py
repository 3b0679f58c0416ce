"""Controllers for the tests: one that replays a tape, and one to drive by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import gevent
from gevent import socket
from gevent.event import Event

from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.reader import FrameReader
from fshunt.simulator.core.clock import Clock
from fshunt.simulator.switch import SimulatedSwitch
from tests.simulator.tape_story import Row, Story

REAL_SECONDS = 30  # a test that waits longer than this hangs


class Controller:
    """Listens for the switch, keeps every frame, and sends on request."""

    def __init__(self) -> None:
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.address: tuple[str, int] = self._server.getsockname()
        self.frames: list[Frame] = []
        self.bytes_in = self.bytes_out = 0
        self.error: ProtocolError | None = None
        self._closed = False
        self.ended = Event()
        self.accepted = Event()
        self._news = Event()
        self._connection: socket.socket | None = None
        self._reader = gevent.spawn(self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
        self._reader.kill()
        self._server.close()

    def _read(self) -> None:
        self._connection, _ = self._server.accept()
        self._server.close()
        self.accepted.set()
        reader = FrameReader()
        try:
            while data := self._connection.recv(65536):
                self.bytes_in += len(data)
                self.frames += reader.feed(data)
                self._news.set()
        except OSError:
            pass
        except ProtocolError as error:
            self.error = error
        self.ended.set()
        self._news.set()

    def send(self, text: str) -> None:
        assert self.accepted.wait(REAL_SECONDS)
        assert self._connection is not None
        data = f"{text}\n\n".encode()
        self.bytes_out += len(data)
        self._connection.sendall(data)

    def settled(self, switch: SimulatedSwitch) -> bool:
        """Whether all that either side sent has arrived at the other."""
        if not self.accepted.is_set() or self.ended.is_set() or self._closed:
            return switch.dialled == 0 or self.accepted.is_set()
        return self.bytes_out == switch.bytes_in and self.bytes_in == switch.bytes_out

    def execute(self, application: str, argument: str = "", uuid: str = "app", *, lock: bool = True) -> None:
        self.send(
            f"sendmsg\ncall-command: execute\nexecute-app-name: {application}\nexecute-app-arg: {argument}\n"
            f"Event-UUID: {uuid}\nevent-lock: {'true' if lock else 'false'}"
        )

    def until(self, found: Callable[[], bool]) -> None:
        """Waits until something is so; whatever the switch sends makes it look again."""
        with gevent.Timeout(REAL_SECONDS):
            while not found():
                self._news.clear()
                self._news.wait()

    def until_event(self, name: str, **headers: str) -> Frame:
        """Waits for an event, and gives it."""
        wanted = {key.replace("_", "-"): value for key, value in headers.items()}

        def match() -> Frame | None:
            for frame in self.frames:
                event = frame.event
                if event.get("Event-Name") == name and all(event.get(key) == wanted[key] for key in wanted):
                    return event
            return None

        self.until(lambda: match() is not None)
        found = match()
        assert found is not None
        return found

    def until_replies(self, count: int) -> list[str]:
        """Waits for so many replies and returns their texts."""
        self.until(lambda: sum(frame.is_reply for frame in self.frames) >= count)
        return [frame.reply_text for frame in self.frames if frame.is_reply]

    def events(self) -> list[str]:
        return [frame.event.get("Event-Name", "") for frame in self.frames if frame.content_type == "text/event-plain"]

    def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            self._connection.close()


def replay(controller: Controller, rows: list[Row], clock: Clock) -> Story:
    """Says the tape's commands at the tape's moments, each after the frames that it answers."""
    awaited, last = 0, 0.0
    for row in rows:
        if row.frame is not None:
            if _answered(row.frame):
                awaited, last = awaited + 1, row.at
        elif row.command is not None:
            controller.until(lambda count=awaited: _count(controller.frames) >= count)  # type: ignore[misc]
            if row.at - last > 0.05:
                clock.sleep(row.at - last)
            controller.send(row.command)
            last = row.at
    if rows[-1].is_end:
        assert controller.ended.wait(REAL_SECONDS)
    else:
        told = Story([row.frame for row in rows if row.frame is not None])
        controller.until(lambda: _size(Story(controller.frames)) >= _size(told))
    return Story(list(controller.frames))


def _size(story: Story) -> int:
    return len(story.events()) + len(story.replies()) + len(story.notices())


def _answered(frame: Frame) -> bool:
    """Whether a controller may have waited for this frame."""
    return frame.is_reply or frame.event.get("Event-Name") in ("CHANNEL_EXECUTE_COMPLETE", "CHANNEL_BRIDGE")


def _count(frames: list[Frame]) -> int:
    return sum(_answered(frame) for frame in frames)
