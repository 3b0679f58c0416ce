"""The frames of FreeSWITCH's event socket, without I/O: bytes in, frames out, and the other way round.

A frame is a head (lines ``Name: value``, ended by an empty line) and a body of ``Content-Length`` bytes. Two things
here are different from greenswitch, both on purpose:

- A head is split into lines *before* anything is percent-decoded, and the first value of a name counts. A caller whose
  display name holds ``%0A`` can therefore not add a header (fact 13).
- A value is decoded when it is read, not before. A frame has 150 headers and we read five of them: this is where nearly
  all of the time went.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import overload
from urllib.parse import quote, unquote_to_bytes

from fshunt.errors import FshuntError

MAX_HEAD_BYTES = 256 * 1024  # the longest head is the answer to `connect`, 5.4 KB, and grows with the channel variables
MAX_BODY_BYTES = 1024 * 1024  # an event of a long hunt has 13 KB; one of 1 MiB is not ours to read

EVENT = "text/event-plain"
COMMAND_REPLY = "command/reply"
API_RESPONSE = "api/response"
DISCONNECT_NOTICE = "text/disconnect-notice"

_HEAD_END = b"\n\n"
_UNDEFINED = b"_undef_"  # how FreeSWITCH writes an empty value in an event
_ARRAY_MARK = "ARRAY::"
_PLAIN_IN_VALUES = "!$'()*,-./_~"  # what switch_url_encode() leaves as it is, besides letters and digits
_NEEDS_LENGTH = (EVENT.encode(), API_RESPONSE.encode())


class ProtocolError(FshuntError):
    """What FreeSWITCH sent is not the event socket's protocol. The connection cannot be read any further."""


class Frame:
    """One frame, or the event inside one. The head stays as it came; values are decoded on access."""

    __slots__ = ("_event", "body", "head")

    def __init__(self, head: bytes, body: bytes = b"") -> None:
        self.head = head
        self.body = body
        self._event: Frame | None = None

    def raw(self, name: str) -> bytes | None:
        """The first value of a header as it came, still percent-encoded, or None."""
        key = name.encode() + b": "
        if self.head.startswith(key):
            start = len(key)
        else:
            found = self.head.find(b"\n" + key)
            if found < 0:
                return None
            start = found + 1 + len(key)
        end = self.head.find(b"\n", start)
        return self.head[start:] if end < 0 else self.head[start:end]

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header, percent-decoded; bytes that are not UTF-8 become U+FFFD.

        A header that is missing, or that FreeSWITCH calls undefined, gives the default.
        """
        value = self.raw(name)
        if value is None or value == _UNDEFINED:
            return default
        return _decoded(value)

    def items(self) -> Iterator[tuple[str, str]]:
        """All headers in their order, decoded. Slow: for tests and for people, not for a call."""
        for line in self.head.split(b"\n"):
            name, colon, value = line.partition(b": ")
            if colon:
                yield name.decode(errors="replace"), _decoded(value)

    @property
    def content_type(self) -> str:
        """The kind of frame; empty for the event inside another frame."""
        return (self.raw("Content-Type") or b"").decode(errors="replace")

    @property
    def event(self) -> "Frame":
        """The event inside a ``text/event-plain`` frame, with its own body; any other frame is its own event."""
        if self._event is None:
            if self.content_type != EVENT:
                return self
            self._event = self._inner_event()
        return self._event

    def _inner_event(self) -> "Frame":
        head, _, body = self.body.partition(_HEAD_END)
        inner = Frame(head)
        length = inner.raw("Content-Length")
        if length is not None and length.isdigit():
            inner.body = body[: int(length)]
        return inner

    @property
    def size(self) -> int:
        """What it holds in memory, in bytes."""
        return len(self.head) + len(self.body)

    @property
    def is_reply(self) -> bool:
        """Whether this answers a command of ours."""
        return self.content_type in (COMMAND_REPLY, API_RESPONSE)

    @property
    def is_connect_reply(self) -> bool:
        """Whether this is the answer to ``connect``: it begins at once with the channel's data (fact 1)."""
        return self.head.startswith(b"Event-Name: ")

    @property
    def reply_text(self) -> str:
        """What a reply says: ``+OK ...``, ``-ERR ...`` or the output of an API command.

        Only the answer to ``connect`` is percent-encoded; the other replies are plain text.
        """
        if self.content_type == API_RESPONSE:
            return self.body.decode(errors="replace").rstrip("\n")
        value = self.raw("Reply-Text") or b""
        return (_decoded(value) if self.is_connect_reply else value.decode(errors="replace")).rstrip("\n")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and (self.head, self.body) == (other.head, other.body)

    def __hash__(self) -> int:
        return hash((self.head, self.body))

    def __repr__(self) -> str:
        name = self.event.get("Event-Name", "")
        return f"<Frame {self.content_type} {name} {len(self.head)}+{len(self.body)} bytes>"


class FrameReader:
    """Makes frames of bytes. However the bytes are sliced, the frames are the same (design, I11).

    It holds at most one unfinished frame and what one ``push`` brought. After a ``ProtocolError`` it is of no more use
    and says so again on every call.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer already searched for the end of the head
        self._head: bytes | None = None  # the head whose body is awaited
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
        if self._head is None and not self._take_head():
            return None
        return self._take_body()

    def eof(self) -> None:
        """Says that no more bytes come. Raises ProtocolError when they stopped in the middle of a frame."""
        if self._error is not None:
            raise copy(self._error)
        if self._head is not None or self._buffer.strip(b"\n"):
            raise self._failed("FreeSWITCH's connection ended in the middle of a frame.")

    def _take_head(self) -> bool:
        if self._buffer.startswith(b"\n"):  # empty lines between frames mean nothing
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\n"))]
        end = self._buffer.find(_HEAD_END, self._scanned)
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES + 1):
            raise self._failed(f"A frame's head from FreeSWITCH is longer than {MAX_HEAD_BYTES} bytes.")
        if end < 0:
            self._scanned = max(0, len(self._buffer) - 1)
            return False
        self._head = bytes(self._buffer[:end])
        self._length = self._body_length(Frame(self._head))
        del self._buffer[: end + len(_HEAD_END)]
        self._scanned = 0
        return True

    def _take_body(self) -> Frame | None:
        if self._head is None or len(self._buffer) < self._length:
            return None
        frame = Frame(self._head, bytes(self._buffer[: self._length]))
        del self._buffer[: self._length]
        self._head = None
        return frame

    def _body_length(self, head: Frame) -> int:
        kind = head.raw("Content-Type")
        if kind is None:
            raise self._failed("A frame from FreeSWITCH has no Content-Type.")
        length = head.raw("Content-Length")
        if length is None:
            if kind in _NEEDS_LENGTH:
                raise self._failed("A frame from FreeSWITCH that must have a Content-Length has none.")
            return 0
        if not length.isdigit() or len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            raise self._failed(f"A frame from FreeSWITCH has the Content-Length {length[:40]!r}.")
        return int(length)

    def _failed(self, sentence: str) -> ProtocolError:
        self._error = ProtocolError(sentence)
        self._buffer.clear()
        return copy(self._error)  # a copy: an error that was raised holds on to the frames it passed


def array(value: str | None) -> list[str]:
    """The parts of a channel variable that is an array, ``ARRAY::a|:b``; another value is an array of one."""
    if value is None:
        return []
    if not value.startswith(_ARRAY_MARK):
        return [value]
    return value.removeprefix(_ARRAY_MARK).split("|:")


def encode(value: str) -> str:
    """A value as FreeSWITCH percent-encodes it in an event."""
    return quote(value, safe=_PLAIN_IN_VALUES, errors="surrogateescape") if value else _UNDEFINED.decode()


def render_event(headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """The bytes of an event as FreeSWITCH sends them: a frame with an encoded event inside, with the event's body."""
    inner = _lines((name, encode(value)) for name, value in headers)
    if body:
        inner += b"Content-Length: %d\n" % len(body)
    inner += b"\n" + body
    return b"Content-Length: %d\nContent-Type: %s\n\n%s" % (len(inner), EVENT.encode(), inner)


def render_connect_reply(headers: Iterable[tuple[str, str]]) -> bytes:
    """The bytes that answer ``connect``: the channel's data, encoded, in the head itself; no body (fact 1).

    The headers begin with Event-Name; Content-Type, Reply-Text, Socket-Mode and Control are added here.
    """
    closing = [("Reply-Text", "+OK\n"), ("Socket-Mode", "async"), ("Control", "full")]
    data, end = (_lines((name, encode(value)) for name, value in part) for part in (headers, closing))
    return b"%sContent-Type: %s\n%s\n" % (data, COMMAND_REPLY.encode(), end)


def render_frame(headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """The bytes of a frame that is no event. Nothing is encoded or added: FreeSWITCH sends such values as they are."""
    return _lines(headers) + b"\n" + body


def render_reply(text: str) -> bytes:
    """The bytes of a command's reply, ``+OK ...`` or ``-ERR ...``."""
    return render_frame([("Content-Type", COMMAND_REPLY), ("Reply-Text", text)])


def render_api_response(output: str) -> bytes:
    """The bytes of the answer to an ``api`` command."""
    body = output.encode()
    return render_frame([("Content-Type", API_RESPONSE), ("Content-Length", str(len(body)))], body)


def _decoded(value: bytes) -> str:
    return (unquote_to_bytes(value) if b"%" in value else value).decode(errors="replace")


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in headers).encode(errors="surrogateescape")
