"""Events read a second, by fshunt's session and by greenswitch's, of one recorded call in one run.

``python -m tests.benchmarks.frame_speed [SECONDS]``. Two figures each: what the parser does with bytes in memory, and
what the session does with a socket, up to the code that is given the event. Of every event two headers are looked up,
those that a hunt asks for.
"""

import io
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import gevent.socket
from gevent.event import Event
from greenswitch.esl import ESLEvent, ESLProtocol, OutboundSession

from fshunt.esl import frames
from fshunt.esl.frames import Frame
from fshunt.esl.reader import FrameReader
from fshunt.esl.session import Session, SwitchLost
from tests.support.tapes import switch_frames

TAPE = "no-answer-then-answered-caller-hangs-up"
ROUNDS = 5
REPEATS = 20  # of the tape in one measurement
SLICE_BYTES = 64 * 1024
END = b"Content-Type: text/disconnect-notice\nContent-Length: 0\n\n"


def tape() -> tuple[bytes, int]:
    """The events of the tape, some times over, as one stream, and how many they are."""
    parts = [part for part in switch_frames(TAPE) if f"Content-Type: {frames.EVENT}\n".encode() in part]
    return b"".join(parts) * REPEATS, len(parts) * REPEATS


def parse_lazily(stream: bytes) -> int:
    """Our reader: frames cut off, two values decoded."""
    reader, found = FrameReader(), 0
    for start in range(0, len(stream), SLICE_BYTES):
        reader.push(stream[start : start + SLICE_BYTES])
        while (frame := reader.pull()) is not None:
            found += _has_both(frame.event)
    return found


def parse_whole(stream: bytes) -> int:
    """What greenswitch's receive_events() and handle_event() do: every value decoded, into a dict."""
    file, found, head = io.BytesIO(stream), 0, ""
    while line := file.readline().decode():
        if line != "\n":
            head += line
            continue
        event, head = ESLEvent(head), ""
        event.parse_data(ESLProtocol._read_socket(file, int(event.headers["Content-Length"])))  # its parser
        found += _has_both(event.headers)
    return found


def receive_with_ours(stream: bytes) -> int:
    """Our session at a socket, its greenlet taking event after event."""
    session, found = Session(_socket_of(stream)), 0
    with suppress(SwitchLost):
        while (event := session.next_event()) is not None:
            found += _has_both(event)
    session.close()
    return found


def receive_with_greenswitch(stream: bytes) -> int:
    """The session of greenswitch at a socket, its greenlets calling a handler for event after event."""
    session, found, ended = OutboundSession(("127.0.0.1", 0), _socket_of(stream + END)), [0], Event()

    def take(event: ESLEvent) -> None:
        found[0] += _has_both(event.headers)

    session.event_handlers = {"*": [take], "DISCONNECT": [lambda _: ended.set()]}
    ended.wait()
    session.stop()
    return found[0]


def events_a_second(read: Callable[[bytes], int], seconds: float) -> float:
    """The rate over at least that many seconds of this thread's CPU time."""
    stream, count = tape()
    done, start, spent = 0, time.thread_time(), 0.0
    while spent < seconds:
        if read(stream) != count:
            raise SystemExit(f"{read.__name__} lost events")
        done += count
        spent = time.thread_time() - start
    return done / spent


def main(seconds: float) -> None:
    """Prints the rates and their ratios, each the best of some rounds that take turns."""
    contests = {"parser": (parse_whole, parse_lazily), "session": (receive_with_greenswitch, receive_with_ours)}
    best = dict.fromkeys([read for pair in contests.values() for read in pair], 0.0)
    for _ in range(ROUNDS):
        for read in best:
            best[read] = max(best[read], events_a_second(read, seconds / len(best) / ROUNDS))
    stream, count = tape()
    print(f"events of {len(stream) / count / 1000:.1f} KB, a second of CPU   greenswitch      fshunt   ratio")
    for name, (theirs, ours) in contests.items():
        print(f"{name:<38}{best[theirs]:12,.0f}{best[ours]:12,.0f}{best[ours] / best[theirs]:8.1f}")


def _socket_of(stream: bytes) -> gevent.socket.socket:
    """A socket from which the stream comes, sent by a thread whose time does not count."""
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs:
            theirs.sendall(stream)

    Thread(target=send).start()
    return gevent.socket.socket(fileno=ours.detach())


def _has_both(headers: Frame | dict[str, str]) -> bool:
    return bool(headers.get("Event-Name") and headers.get("Unique-ID"))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0)
