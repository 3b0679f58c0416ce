"""The frames of FreeSWITCH's event socket: what one holds, and how FreeSWITCH writes it.

A frame is a head (lines ``Name: value``, ended by an empty line) and a body of ``Content-Length`` bytes. Two things
here are different from greenswitch, both on purpose:

- A head is split into lines *before* anything is percent-decoded, and the first value of a name counts. A caller whose
  display name holds ``%0A`` can therefore not add a header (fact 13).
- A value is decoded when it is read, not before. A frame has 150 headers and we read five of them: this is where nearly
  all of the time went.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import overload
from urllib.parse import quote

from fshunt.errors import FshuntError

EVENT = "text/event-plain"
COMMAND_REPLY = "command/reply"
API_RESPONSE = "api/response"
DISCONNECT_NOTICE = "text/disconnect-notice"

HEAD_END = b"\n\n"
_LENGTH_LINE = b"\nContent-Length: "
_UNDEFINED = b"_undef_"  # how FreeSWITCH writes an empty value in an event
_ARRAY_MARK = "ARRAY::"
_PLAIN_IN_VALUES = "!$'()*,-./_~"  # what switch_url_encode() leaves as it is, besides letters and digits
_LOOKS_ENCODED = re.compile("(%[0-9A-F]{2})")  # it leaves what looks encoded already, so that "%41" is no "A"
_CODE = re.compile(rb"%[0-9A-F]{2}")
_CHARACTERS = {
    b"%%%02X" % code: bytes([code])
    for code in range(256)
    if not (chr(code).isascii() and chr(code).isalnum()) and chr(code) not in _PLAIN_IN_VALUES
}
"""What stands for a character that FreeSWITCH encodes; any other percent sign is one."""


class ProtocolError(FshuntError):
    """What FreeSWITCH sent is not the event socket's protocol. The connection cannot be read any further."""


class Frame:
    """One frame, or the event inside one. The head stays as it came; values are decoded on access."""

    __slots__ = ("_event", "_kind", "body", "head")

    def __init__(self, head: bytes, body: bytes = b"", kind: str | None = None) -> None:
        self.head = head
        self.body = body
        self._event: Frame | None = None
        self._kind = kind  # the Content-Type, when it is known already

    def raw(self, name: str) -> bytes | None:
        """The first value of a header as it came, still percent-encoded, or None."""
        head = self.head
        first, later = _keys(name)
        if head.startswith(first):
            start = len(first)
        elif (found := head.find(later)) >= 0:
            start = found + len(later)
        else:
            return None
        end = head.find(b"\n", start)
        return head[start:] if end < 0 else head[start:end]

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

    def names(self) -> Iterator[str]:
        """The names of all headers, in their order."""
        for line in self.head.split(b"\n"):
            name, colon, _ = line.partition(b": ")
            if colon:
                yield name.decode(errors="replace")

    @property
    def content_type(self) -> str:
        """The kind of frame; empty for the event inside another frame."""
        if self._kind is None:
            self._kind = (self.raw("Content-Type") or b"").decode(errors="replace")
        return self._kind

    @property
    def event(self) -> "Frame":
        """The event inside a ``text/event-plain`` frame, with its own body; any other frame is its own event."""
        if self._event is None:
            if self.content_type != EVENT:
                return self
            self._event = self._inner_event()
        return self._event

    def _inner_event(self) -> "Frame":
        # FreeSWITCH gives an event that has a body a Content-Length, as its last header. Almost none has one, and to
        # find the head's end by its empty line would take longer than all else: 200 lines end before it.
        if self.body.rfind(_LENGTH_LINE) < 0 and self.body.endswith(HEAD_END):
            return Frame(self.body[: -len(HEAD_END)])
        head, _, body = self.body.partition(HEAD_END)
        inner = Frame(head)
        length = inner.raw("Content-Length")
        if length is not None and length.isdigit():
            return Frame(head, body[: int(length)])
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


def array(value: str | None) -> list[str]:
    """The parts of a channel variable that is an array, ``ARRAY::a|:b``; another value is an array of one."""
    if value is None:
        return []
    if not value.startswith(_ARRAY_MARK):
        return [value]
    return value.removeprefix(_ARRAY_MARK).split("|:")


@lru_cache(maxsize=8192)  # the headers of one event are nearly those of the one before
def encode(value: str) -> str:
    """A value as FreeSWITCH percent-encodes it in an event."""
    if not value:
        return _UNDEFINED.decode()
    parts = _LOOKS_ENCODED.split(value)
    return "".join(
        part if nth % 2 else quote(part, safe=_PLAIN_IN_VALUES, errors="surrogateescape")
        for nth, part in enumerate(parts)
    )


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


@lru_cache(maxsize=512)  # the names we ask for; a caller cannot make us ask for others
def _keys(name: str) -> tuple[bytes, bytes]:
    """How a header begins in the first line, and in a later one."""
    return f"{name}: ".encode(), f"\n{name}: ".encode()


def _decoded(value: bytes) -> str:
    if b"%" in value:
        value = _CODE.sub(lambda code: _CHARACTERS.get(code[0], code[0]), value)
    return value.decode(errors="replace")


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in headers).encode(errors="surrogateescape")
