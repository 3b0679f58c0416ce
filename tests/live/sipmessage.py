"""SIP messages as the scripted phones read and write them: only what a switch on loopback needs."""

from __future__ import annotations

import itertools
import random
import re
import string
from dataclasses import dataclass

SHORT_NAMES = {"i": "call-id", "f": "from", "t": "to", "v": "via", "m": "contact", "l": "content-length"}
sequence = itertools.count(1)


def token(length: int = 12) -> str:
    """A name for a tag, a branch or a call."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))


@dataclass(frozen=True)
class Message:
    """A request or a response."""

    first_line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        pairs = []
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            pairs.append((SHORT_NAMES.get(name, name), value.strip()))
        return cls(first, tuple(pairs), body)

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def is_response(self) -> bool:
        return self.first_line.startswith("SIP/2.0")

    @property
    def code(self) -> int:
        return int(self.first_line.split(" ")[1])

    @property
    def method(self) -> str:
        return self.first_line.split(" ")[0]

    @property
    def user(self) -> str:
        """The user part of the request's address."""
        found = re.match(r"sips?:([^@;]+)@", self.first_line.split(" ")[1])
        return found.group(1) if found else ""

    @property
    def contact(self) -> str:
        found = re.search(r"<([^>]+)>", self.get("contact"))
        return found.group(1) if found else ""

    def tagged_to(self, tag: str | None) -> str:
        to = self.get("to")
        return f"{to};tag={tag}" if tag and "tag=" not in to else to

    @property
    def identity(self) -> str:
        """Who the other side is said to be, past From and To; empty where nothing is said."""
        return self.get("p-asserted-identity") or self.get("remote-party-id")

    def response(
        self, code: int, contact: str, *, tag: str | None = None, body: str = "", more: dict[str, str] | None = None
    ) -> str:
        """Write the answer to this request."""
        lines = [f"SIP/2.0 {code} Told so"]
        lines += [f"Via: {value}" for value in self.all("via")]
        lines += [f"Record-Route: {value}" for value in self.all("record-route")]
        lines += [f"From: {self.get('from')}", f"To: {self.tagged_to(tag)}", f"Call-ID: {self.get('call-id')}"]
        lines += [f"CSeq: {self.get('cseq')}", f"Contact: <{contact}>"]
        lines += [f"{name}: {value}" for name, value in (more or {}).items()]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])


def request(method: str, target: str, headers: dict[str, str], body: str = "") -> str:
    """Write a request."""
    lines = [f"{method} {target} SIP/2.0", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Max-Forwards: 70", f"Content-Length: {len(body)}", "", body])


def sdp(port: int) -> str:
    """Offer or answer PCMU at this port of loopback."""
    return (
        f"v=0\r\no=- {port} {port} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )


def media_of(body: str) -> tuple[str, int] | None:
    """Where the other side wants its sound."""
    found = re.search(r"m=audio (\d+)", body)
    return ("127.0.0.1", int(found.group(1))) if found else None
