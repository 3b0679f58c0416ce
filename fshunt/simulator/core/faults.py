"""Faults on demand: what a controller must survive (design, I11).

A fault gets each frame with its number, from 1, and says what to send in its place: pieces of bytes, pauses, the end.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gevent import socket

from fshunt.esl.frames import render_event
from fshunt.simulator.core.clock import Clock


class Broken(Exception):
    """The connection is to be cut now."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Simulated seconds of silence."""

    seconds: float


class Cut:
    """The end of the connection, without a notice."""


Piece = bytes | Pause | Cut


class Fault(Protocol):
    """What goes wrong."""

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:
        """What to send instead of a frame."""


@dataclass(frozen=True, slots=True)
class CutFrame:
    """Ends the connection within a frame, after so many of its bytes; 0 ends it just before."""

    number: int
    after_bytes: int = 0

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:
        """See Fault."""
        if number == self.number:
            yield frame[: self.after_bytes]
            yield Cut()
        else:
            yield frame


@dataclass(slots=True)
class CutByte:
    """Ends the connection at a byte of the whole stream."""

    at: int
    _sent: int = 0

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:  # noqa: ARG002 - the interface of all faults
        """See Fault."""
        if self._sent + len(frame) > self.at:
            yield frame[: self.at - self._sent]
            yield Cut()
        self._sent += len(frame)
        yield frame


@dataclass(frozen=True, slots=True)
class Slices:
    """Sends everything in slices of so many bytes, each its own packet."""

    size: int
    pause: float = 0.0

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:  # noqa: ARG002 - the interface of all faults
        """See Fault."""
        for start in range(0, len(frame), self.size):
            yield frame[start : start + self.size]
            yield Pause(self.pause)


@dataclass(frozen=True, slots=True)
class Delay:
    """Is silent for some seconds before a frame, or in the middle of it."""

    number: int
    seconds: float
    after_bytes: int = 0

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:
        """See Fault."""
        if number == self.number:
            yield frame[: self.after_bytes]
            yield Pause(self.seconds)
            yield frame[self.after_bytes :]
        else:
            yield frame


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Sends every event of a name twice."""

    event: str

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:  # noqa: ARG002 - the interface of all faults
        """See Fault."""
        yield frame
        if f"\n\nEvent-Name: {self.event}\n".encode() in frame:
            yield frame


@dataclass(frozen=True, slots=True)
class Stranger:
    """Sends, after a frame, the end of a call that this connection has nothing to do with."""

    number: int
    event: str = "CHANNEL_HANGUP_COMPLETE"

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:
        """See Fault."""
        yield frame
        if number == self.number:
            uuid = str(uuids.uuid4())
            yield render_event(
                [
                    ("Event-Name", self.event),
                    ("Unique-ID", uuid),
                    ("Application", "bridge"),
                    ("Application-UUID", str(uuids.uuid4())),
                    ("Hangup-Cause", "NORMAL_CLEARING"),
                    ("variable_originate_disposition", "SUCCESS"),
                ]
            )


@dataclass(frozen=True, slots=True)
class Garbage:
    """Sends, after a frame, bytes that are no frame."""

    number: int
    data: bytes = b"Content-Length: -1\nContent-Type: text/event-plain\n\n"

    def apply(self, number: int, frame: bytes) -> Iterator[Piece]:
        """See Fault."""
        yield frame
        if number == self.number:
            yield self.data


def send_with_faults(
    connection: socket.socket, frame: bytes, number: int, faults: Sequence[Fault], clock: Clock
) -> Iterator[int]:
    """Sends a frame through faults, one after the other; gives the number of bytes as they go out.

    Raises Broken where a fault cuts.
    """
    for piece in _through(faults, number, frame):
        if isinstance(piece, Cut):
            raise Broken
        if isinstance(piece, Pause):
            clock.sleep(piece.seconds)
        elif piece:
            connection.sendall(piece)
            yield len(piece)


def _through(faults: Sequence[Fault], number: int, frame: bytes) -> Iterator[Piece]:
    pieces: list[Piece] = [frame]
    for fault in faults:
        pieces = [
            out
            for piece in pieces
            for out in (fault.apply(number, piece) if isinstance(piece, bytes) else iter([piece]))
        ]
    return iter(pieces)
