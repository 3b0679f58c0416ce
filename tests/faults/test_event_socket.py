"""The event socket of a call is cut at every byte of a recorded session; frames come in pieces, twice, or late."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import gevent
import pytest
from gevent import socket

from fshunt.esl.commands import command
from fshunt.esl.frames import Frame
from fshunt.esl.reader import FrameReader
from fshunt.esl.session import Session, SwitchLost
from tests.support.tapes import TAPES, switch_frames
from tests.support.waiting import WAIT_SECONDS

pytestmark = pytest.mark.faults

SHORTEST = "controller-dies-while-ringing"
WHOLE = ("filtered-exit-in-talk", "filtered-caller-gives-up")
"""Cut at every byte in the long run: the shortest with an answered call, and with a caller who hangs up."""
PARTS = 4
"""Of the cuts, each a test of its own, so that no test takes long on a busy machine."""
STRIDE = 41
"""In the long run the others are cut at every 41st byte and at the frame ends: a frame has about 1,000 bytes."""


@dataclass(frozen=True)
class Tape:
    """What FreeSWITCH sent, and where each frame ends."""

    stream: bytes
    ends: list[int]
    frames: list[Frame]

    def whole(self, cut: int) -> list[Frame]:
        """The frames that are complete when the stream ends at a byte."""
        return [frame for frame, end in zip(self.frames, self.ends, strict=True) if end <= cut]

    def near_the_frame_ends(self) -> set[int]:
        """Just before, at and just after the end of each frame and of each head."""
        ends = set(self.ends) | {0}
        at = -1
        while (at := self.stream.find(b"\n\n", at + 1)) >= 0:
            ends.add(at + 2)
        return {at + by for at in ends for by in (-1, 0, 1) if 0 <= at + by <= len(self.stream)}


@cache
def tape(name: str) -> Tape:
    sent = switch_frames(name)
    ends = [sum(len(frame) for frame in sent[: count + 1]) for count in range(len(sent))]
    return Tape(b"".join(sent), ends, [FrameReader().feed(frame)[0] for frame in sent])


def cut_at(recorded: Tape, cut: int) -> None:
    """A session that gets the tape up to a byte gives the complete frames and then reports that the switch is lost."""
    ours, theirs = socket.socketpair()
    sending = gevent.spawn(_send, theirs, recorded.stream[:cut])
    session, whole = Session(ours, "test"), recorded.whole(cut)
    try:
        got, lost = _listen(session, recorded)
        assert got == [frame.event for frame in whole if not frame.is_reply], f"cut at byte {cut}"
        goodbye = any(frame.get("Content-Disposition") == "disconnect" for frame in whole)
        assert lost.final == goodbye, f"cut at byte {cut}"
        assert session.gone == _has_hung_up(whole, session.uuid), f"cut at byte {cut}"
    finally:
        session.close()
        sending.kill()
        theirs.close()


def _send(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def _has_hung_up(frames: list[Frame], uuid: str) -> bool:
    def says_so(frame: Frame) -> bool:
        name = frame.event.get("Event-Name")
        own = frame.event.get("Unique-ID") == uuid
        return frame.get("Content-Disposition") == "linger" or (
            own and name in ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")
        )

    return any(says_so(frame) for frame in frames if not frame.is_reply)


def test_the_event_socket_is_cut_at_every_byte_of_the_shortest_tape() -> None:
    recorded = tape(SHORTEST)
    for cut in range(len(recorded.stream) + 1):
        cut_at(recorded, cut)


@pytest.mark.parametrize("name", sorted(TAPES))
def test_the_event_socket_is_cut_at_the_frame_ends_of_every_tape(name: str) -> None:
    recorded, random_ = tape(name), random.Random(name)
    anywhere = [random_.randrange(len(recorded.stream)) for _ in range(20)]
    ends = sorted(recorded.near_the_frame_ends())
    for cut in [*random_.sample(ends, min(60, len(ends))), *anywhere]:
        cut_at(recorded, cut)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", sorted(TAPES))
def test_the_event_socket_is_cut_at_every_byte_of_a_tape(name: str, part: int) -> None:
    recorded = tape(name)
    stride = 1 if name in WHOLE else STRIDE
    cuts = sorted({*range(0, len(recorded.stream) + 1, stride), *recorded.near_the_frame_ends()})
    for cut in cuts[part::PARTS]:
        cut_at(recorded, cut)


@pytest.mark.parametrize("name", sorted(TAPES))
@pytest.mark.parametrize("size", [97, 1460])
def test_frames_come_in_slices(name: str, size: int) -> None:
    recorded = tape(name)
    ours, theirs = socket.socketpair()
    session = Session(ours, "test")

    def send() -> None:
        for start in range(0, len(recorded.stream), size):
            theirs.sendall(recorded.stream[start : start + size])
            gevent.sleep(0)  # the session reads this slice before the next is there
        theirs.shutdown(socket.SHUT_WR)

    sending = gevent.spawn(send)
    assert _listen(session, recorded)[0] == [frame.event for frame in recorded.frames if not frame.is_reply]
    sending.get(timeout=WAIT_SECONDS)
    session.close()
    theirs.close()


@pytest.mark.parametrize("name", sorted(TAPES))
def test_every_event_comes_twice(name: str) -> None:
    recorded, sent = tape(name), switch_frames(name)
    ours, theirs = socket.socketpair()
    session = Session(ours, "test")
    twice = [frame.content_type == "text/event-plain" for frame in recorded.frames]
    stream = b"".join(raw * (1 + double) for raw, double in zip(sent, twice, strict=True))
    sending = gevent.spawn(_send, theirs, stream)
    expected = [
        frame.event
        for frame, double in zip(recorded.frames, twice, strict=True)
        if not frame.is_reply
        for _ in range(1 + double)
    ]
    assert _listen(session, recorded)[0] == expected
    sending.get(timeout=WAIT_SECONDS)
    session.close()
    theirs.close()


def _listen(session: Session, recorded: Tape) -> tuple[list[Frame], SwitchLost]:
    """All events of a session until it reports that the switch is lost, and the error."""
    got: list[Frame] = []
    try:
        session.connect(WAIT_SECONDS)
        session.post(*[command("noop")] * sum(frame.is_reply for frame in recorded.frames[1:]))
        while (event := session.next_event(session.clock() + WAIT_SECONDS)) is not None:
            got.append(event)
    except SwitchLost as lost:
        return got, lost
    raise AssertionError("the session waits forever")
