"""Parses dial strings as FreeSWITCH does, including its handling of quotes (reference, 2.9).

The daemon never sends what is odd; the simulator knows it, so that a mistake there shows in a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fshunt.errors import FshuntError
from fshunt.simulator.core.sip_causes import CHAN_NOT_IMPLEMENTED

ENTERPRISE = ":_:"
_ENDPOINT = re.compile(r"[A-Za-z0-9_.]+/.")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " "}


class DialError(FshuntError):
    """A dial string that FreeSWITCH cannot dial; the cause is what the bridge ends with."""

    def __init__(self, cause: str, sentence: str) -> None:
        super().__init__(sentence)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to dial, with the variables of its ``[]`` and of the whole string's ``{}``."""

    endpoint: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Dial:
    """A whole dial string: groups rung one after the other, each of targets rung together."""

    groups: tuple[tuple[Target, ...], ...]
    variables: dict[str, str]


def parse(text: str) -> Dial:
    """Takes a dial string apart. Raises DialError."""
    if ENTERPRISE in text:
        raise DialError(CHAN_NOT_IMPLEMENTED, "The simulator has no enterprise originate (':_:').")
    rest, common = text.strip(), dict[str, str]()
    while rest.startswith("{"):
        block, rest = _block(rest, "{", "}")
        common |= _assignments(block, quotes=True)
    if rest.startswith("<"):
        raise DialError(CHAN_NOT_IMPLEMENTED, "The simulator has no '<>' block.")
    groups = tuple(tuple(_target(part, common) for part in _split(group, ",")) for group in _split(rest, "|"))
    return Dial(groups, common)


def _target(text: str, common: dict[str, str]) -> Target:
    rest, own = text.strip(), dict[str, str]()
    while rest.startswith("["):
        block, rest = _block(rest, "[", "]")
        own |= _assignments(block, quotes=False)
    if not _ENDPOINT.match(rest):
        raise DialError(CHAN_NOT_IMPLEMENTED, f"The dial string's part {text!r} names no endpoint.")
    # The braces win over the brackets, unless configured otherwise (reference, 2.5).
    both = common | own if common.get("local_var_clobber") == "true" else own | common
    return Target(_plain(rest), both)


def _block(text: str, opening: str, closing: str) -> tuple[str, str]:
    """The inside of a block and what follows it. Brackets nest; quotes do not protect them (reference, 2.9)."""
    depth = 0
    for place, mark in enumerate(text):
        depth += (mark == opening) - (mark == closing)
        if depth == 0:
            return text[1:place], text[place + 1 :].lstrip()
    raise DialError(CHAN_NOT_IMPLEMENTED, f"A block of the dial string is never closed: {text!r}")


def _assignments(block: str, *, quotes: bool) -> dict[str, str]:
    if block.startswith("^^") and len(block) > 2:
        pairs = block[3:].split(block[2])
        return {name: value for name, mark, value in (pair.partition("=") for pair in pairs) if mark}
    found = {}
    for pair in _split_escaped(block, quotes=quotes):
        name, mark, value = pair.partition("=")
        if mark:
            found[name.strip()] = _plain(value)
    return found


def _split_escaped(text: str, *, quotes: bool) -> list[str]:
    """Splits at commas that are not escaped, nor between quotes where quotes count."""
    parts, start, quoted, place = list[str](), 0, False, 0
    while place < len(text):
        mark = text[place]
        if mark == "\\":
            place += 1
        elif mark == "'" and quotes:
            quoted = not quoted
        elif mark == "," and not quoted:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def _plain(value: str) -> str:
    r"""A value without its quotes and escapes: ``\\`` is one backslash, ``\n`` a newline, ``\'`` is lost."""
    plain, place = "", 0
    while place < len(value):
        mark = value[place]
        if mark == "\\" and place + 1 < len(value):
            place += 1
            escaped = value[place]
            if escaped != "'":
                plain += _ESCAPES.get(escaped, f"\\{escaped}" if escaped == "|" else escaped)
        elif mark != "'":
            plain += mark
        place += 1
    return plain


def _split(text: str, mark: str) -> list[str]:
    """Splits outside of brackets and of quotes, at marks that no backslash precedes.

    A bracket that is never closed is none; a quote that is never closed neither.
    """
    parts, start, closes, quoted, place = list[str](), 0, -1, False, 0
    while place < len(text):
        one = text[place]
        if place > closes and one == "[":
            closes = _end_of_block(text, place)
        elif place <= closes:
            pass
        elif one == "\\":
            place += 1
        elif one == "'" and (quoted or "'" in text[place + 1 :]):
            quoted = not quoted
        elif one == mark and not quoted:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def _end_of_block(text: str, start: int) -> int:
    """Where the bracket at ``start`` is closed; -1: nowhere."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "[") - (text[place] == "]")
        if depth == 0:
            return place
    return -1
