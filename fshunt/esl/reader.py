"""The reader of FreeSWITCH's frames, without I/O: bytes in, frames out."""

import re
from copy import copy

from fshunt.esl.frames import API_RESPONSE, EVENT, HEAD_END, Frame, ProtocolError

MAX_HEAD_BYTES = 4 * 1024 * 1024  # the answer to `connect`, 5.4 KB as a rule, has all channel variables in its head
MAX_BODY_BYTES = 4 * 1024 * 1024  # an event of a long hunt has 13 KB; 1 MB of variables takes up to 3 MB when encoded
MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a context of the dialplan has 3.5 KB for each pilot, a list 1 KB a phone

_NEEDS_LENGTH = (EVENT, API_RESPONSE)
_EVENT_HEAD = re.compile(rb"Content-Length: ([0-9]{1,7})\nContent-Type: text/event-plain\n\n")


class FrameReader:
    """Makes frames of bytes. However the bytes are sliced, the frames are the same (design, I11).

    ``max_body_bytes`` bounds the body of a frame; an answer to a command of ours may be longer. It holds at most one
    unfinished frame and what one ``push`` brought. After a ``ProtocolError`` it is of no more use and says so again on
    every call.
    """

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer already searched for the end of the head
        self._frame: Frame | None = None  # whose body is awaited
        self._length = 0  # of the awaited body, in bytes
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with these bytes.

        Raises ProtocolError when the bytes are malformed; frames that came whole before the fault are still returned,
        and the next call raises.
        """
        frames: list[Frame] = []
        self.push(data)
        try:
            while frame := self.pull():
                frames.append(frame)
        except ProtocolError:
            if not frames:
                raise
        return frames

    def push(self, data: bytes) -> None:
        """Takes bytes in; ``pull`` then gives their frames one by one."""
        if self._error is None:
            self._buffer += data

    def pull(self) -> Frame | None:
        """The next complete frame, or None when more bytes are needed. Raises ProtocolError."""
        if self._error is not None:
            raise copy(self._error)
        if self._frame is None:
            match = _EVENT_HEAD.match(self._buffer)
            if match and int(match[1]) <= self._max_body_bytes:
                return self._take_event(match)
            if not self._take_head():
                return None
        return self._take_body()

    def eof(self) -> None:
        """Says that no more bytes come. Raises ProtocolError when they stopped in the middle of a frame."""
        if self._error is not None:
            raise copy(self._error)
        if self._frame is not None or self._buffer.strip(b"\n"):
            raise self._failed("FreeSWITCH's connection ended in the middle of a frame.")

    def _take_event(self, match: re.Match[bytes]) -> Frame | None:
        """The short way for the one form of head that nearly all frames have; it gives what the long way gives."""
        start, end = match.end(), match.end() + int(match[1])
        if len(self._buffer) < end:
            return None
        frame = Frame(match[0][: -len(HEAD_END)], bytes(self._buffer[start:end]), EVENT)
        del self._buffer[:end]
        self._scanned = 0
        return frame

    def _take_head(self) -> bool:
        if self._buffer.startswith(b"\n"):  # empty lines between frames mean nothing
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\n"))]
        end = self._buffer.find(HEAD_END, self._scanned)
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES + 1):
            raise self._failed(f"A frame's head from FreeSWITCH is longer than {MAX_HEAD_BYTES} bytes.")
        if end < 0:
            self._scanned = max(0, len(self._buffer) - 1)
            return False
        frame = Frame(bytes(self._buffer[:end]))
        self._length = self._body_length(frame)
        self._frame = frame
        del self._buffer[: end + len(HEAD_END)]
        self._scanned = 0
        return True

    def _take_body(self) -> Frame | None:
        frame, length = self._frame, self._length
        if frame is None or len(self._buffer) < length:
            return None
        self._frame = None
        if not length:
            return frame
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return Frame(frame.head, body, frame.content_type)

    def _body_length(self, frame: Frame) -> int:
        length = frame.raw("Content-Length")
        if not frame.content_type:
            raise self._failed("A frame from FreeSWITCH has no Content-Type.")
        if length is None:
            if frame.content_type in _NEEDS_LENGTH:
                raise self._failed("A frame from FreeSWITCH that must have a Content-Length has none.")
            return 0
        most = MAX_ANSWER_BYTES if frame.content_type == API_RESPONSE else self._max_body_bytes
        if not length.isdigit() or len(length) > len(str(most)) or int(length) > most:
            raise self._failed(f"A frame from FreeSWITCH has the Content-Length {length[:40]!r}.")
        return int(length)

    def _failed(self, sentence: str) -> ProtocolError:
        self._error = ProtocolError(sentence)
        self._buffer.clear()
        return copy(self._error)  # a copy: an error that was raised holds on to the frames it passed
