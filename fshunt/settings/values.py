"""The kinds of value: each reads the text of an environment variable and checks the value of a file.

A check returns the value in the form the program uses, or raises WrongValueError,
or the BadValue of a kind of `fshunt.hunting.validation`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.suggestions import did_you_mean

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_WEB_URL = re.compile(r"(https?://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)/?")
MAX_LINE_CHARS = 256
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class SettingsError(FshuntError):
    """The settings cannot be used: a file that cannot be read, an unknown key, or a wrong value."""

    code = "settings"


class WrongValueError(ValueError):
    """The end of a sentence that begins with the name of a setting: "must be a whole number from 1 to 10, not 0"."""


class Address(NamedTuple):
    """A TCP address. As text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address (design, section 9)."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def reachable(self) -> Address:
        """The address to connect to from this machine: loopback where this one means every interface."""
        try:
            every = ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            every = False
        return self._replace(host="::1" if ":" in self.host else "127.0.0.1") if every else self


@dataclass(frozen=True)
class ValueKind:
    """How the values of a setting are read.

    `words` describes a value in the documents. `read` converts the text of an environment variable to the value that a
    file would hold; `check` converts that to the program's value or raises WrongValueError; `show` converts it to JSON.
    """

    words: str
    read: Callable[[str], object]
    check: Callable[[Any], Any]
    show: Callable[[Any], object] = lambda value: value


def listen_address(text: str) -> Address:
    """Read an address from the command line; raise UsageError if it is invalid."""
    try:
        return parse_address(text)
    except WrongValueError as error:
        raise UsageError(f"The address to listen on {error}.") from None


def parse_address(text: str, lowest_port: int = 0) -> Address:
    """Read `host:port`, `[IPv6]:port`. Raises WrongValueError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or not _is_host(host, bracketed) or not port.isascii() or not port.isdigit():
        raise WrongValueError(f"must be ADDRESS:PORT such as 127.0.0.1:8084, not {text!r}")
    if not lowest_port <= int(port) <= 65535:
        raise WrongValueError(f"must have a port from {lowest_port} to 65535, not {port}")
    return Address(host, int(port))


def _is_host(host: str, bracketed: bool) -> bool:
    try:
        return (ipaddress.ip_address(host).version == 6) == bracketed
    except ValueError:
        if bracketed or re.fullmatch(r"[0-9.]+", host):
            return False
        return _HOST_NAME.fullmatch(host) is not None


def text_of(value: object) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a text in quotes, not {value!r}")
    return value


def text(words: str, check: Callable[[str], str]) -> ValueKind:
    """A text that `check` finds right."""
    return ValueKind(words, str, lambda value: check(text_of(value)))


def one_of(*words: str) -> ValueKind:
    """One of a few words."""

    def check(value: str) -> str:
        if value not in words:
            raise WrongValueError(f"must be one of {', '.join(words)}, not {value!r}{did_you_mean(value, list(words))}")
        return value

    return text("one of " + ", ".join(words), check)


def optional(kind: ValueKind) -> ValueKind:
    """The kind, or an empty text for "not set" (the program sees None)."""
    return ValueKind(
        f"{kind.words}, or empty",
        kind.read,
        lambda value: None if value == "" else kind.check(value),
        lambda value: None if value is None else kind.show(value),
    )


def whole(low: int, high: int) -> ValueKind:
    """A whole number within bounds."""
    words = f"a whole number from {low} to {high}"

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise WrongValueError(f"must be {words}, not {value!r}")
        return value

    return ValueKind(words, lambda said: _number(said, int), check)


def seconds(low: float, high: float) -> ValueKind:
    """A time in seconds, whole or with a fraction, within bounds."""
    words = f"seconds from {low:g} to {high:g}"

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise WrongValueError(f"must be {words}, not {value!r}")
        return float(value)

    return ValueKind(words, lambda said: _number(said, float), check)


def _number(said: str, make: Callable[[str], object]) -> object:
    try:
        return make(said)
    except ValueError:
        return said


def address() -> ValueKind:
    """An address to listen on; port 0 is any free port."""
    return ValueKind("ADDRESS:PORT", str, lambda value: parse_address(text_of(value)), str)


def or_none(kind: ValueKind) -> ValueKind:
    """Return the kind that also allows `none` or, in the file only, an empty text: an empty variable sets nothing."""
    return ValueKind(
        f"{kind.words}, or `none`",
        kind.read,
        lambda value: None if value in ("", "none") else kind.check(value),
        lambda value: "none" if value is None else kind.show(value),
    )


def absolute_path(said: str) -> str:
    """Return the path if it is absolute; raise WrongValueError if not."""
    if not said.startswith("/") or not said.isprintable():
        raise WrongValueError(f"must be an absolute path, not {said!r}")
    return said


def mail_host(said: str) -> str:
    """Return the name or the address of a mail server; raise WrongValueError if it is none."""
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", said, re.ASCII):
        raise WrongValueError(f"must be a host such as mail.example.com, without a port, not {said!r}")
    return said


def one_line(said: str) -> str:
    """Return a text of up to 256 characters that can be printed; raise WrongValueError for any other."""
    if not 1 <= len(said) <= MAX_LINE_CHARS or not said.isprintable():
        raise WrongValueError(f"must be up to {MAX_LINE_CHARS} characters in one line, not {said!r}")
    return said


def web_url(said: str) -> str:
    """Return the address at which people reach the pages, without a path; raise WrongValueError if it has one."""
    found = _WEB_URL.fullmatch(said)
    if found is None:
        raise WrongValueError(f"must be an address such as https://fshunt.example.com, not {said!r}")
    return found[1].lower()


def _network(said: str) -> IpNetwork:
    try:
        return ipaddress.ip_network(said)
    except ValueError:
        raise WrongValueError(f"must be IP addresses or networks such as 192.0.2.0/24, not {said!r}") from None


def _controller(said: str) -> Address:
    address = parse_address(said, lowest_port=1)
    if ":" in address.host:
        # The dialplan's `socket` action reads the port from the first colon on.
        raise WrongValueError(f"must be HOST:PORT with a name or an IPv4 address, not {said!r}")
    return address


def _many(words: str, check: Callable[[str], Any]) -> ValueKind:
    def check_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise WrongValueError(f'must be a list such as ["A", "B"], not {value!r}')
        return tuple(check(text_of(item)) for item in value)

    return ValueKind(words, split, check_all, lambda value: [str(item) for item in value])


def split(said: str) -> list[str]:
    """Return the items of a variable that holds a list."""
    return [item.strip() for item in said.split(",") if item.strip()]


def networks() -> ValueKind:
    """A list of IP addresses and networks."""
    return _many("a list of IP addresses or networks", _network)


def controllers() -> ValueKind:
    """A list of addresses that FreeSWITCH can connect to."""
    return _many("a list of ADDRESS:PORT", _controller)


def texts(words: str, check: Callable[[str], str]) -> ValueKind:
    """A list of texts, each checked by `check`."""
    return _many(words, check)
