"""FreeSWITCH's configuration files as they are on the disk: parameters, variables, one value set anew. Pure.

They are read by expat itself, which says where in the file an element begins, so that a value can be changed and
everything else, comments too, stays as it is. A file with a document type is refused: entities could be expanded
without end, or name other files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Never
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from fshunt.errors import FshuntError

MAX_FILE_BYTES = 1_000_000
"""Of a file that is read; FreeSWITCH's own have some thousand."""

_MOST_NESTED = 8
"""Variables whose values name variables."""
_VARIABLE = re.compile(r"\$\$\{([^${}]+)\}")
_VALUE = re.compile(rb"""(\svalue\s*=\s*)("[^"]*"|'[^']*')""")


class UnreadableConf(FshuntError):
    """A file of FreeSWITCH's configuration is not XML that can be read; the sentence goes on after the file's name."""


class _Element(NamedTuple):
    tag: str
    attributes: dict[str, str]
    at: int
    """The place of its first byte in the file."""


def params(content: bytes) -> dict[str, str]:
    """Return the ``param`` elements of a file, name and value; of several with one name the last. Raises
    UnreadableConf.
    """
    return {
        each.attributes.get("name", ""): each.attributes.get("value", "")
        for each in _elements(content)
        if each.tag == "param"
    }


def with_param(content: bytes, name: str, value: str) -> bytes:
    """Return the file with another value of a parameter, wherever it stands; all else is as it was.

    Raises UnreadableConf, also where there is no such parameter.
    """
    places = [each.at for each in _elements(content) if each.tag == "param" and each.attributes.get("name") == name]
    if not places:
        raise UnreadableConf(f"has no parameter {name}.")
    for at in reversed(places):
        found = _VALUE.search(content, at)
        if found is None:
            raise UnreadableConf(f"has no value of the parameter {name}.")
        content = content[: found.start(2)] + quoteattr(value).encode() + content[found.end(2) :]
    if params(content).get(name) != value:
        raise UnreadableConf(f"cannot be given another {name}.")
    return content


def variables(content: bytes) -> dict[str, str]:
    """Return the variables that a file sets (``X-PRE-PROCESS cmd="set"``). Raises UnreadableConf."""
    pairs = (
        each.attributes.get("data", "").partition("=")
        for each in _elements(content)
        if each.tag == "X-PRE-PROCESS" and each.attributes.get("cmd") == "set"
    )
    return {name: value for name, equals, value in pairs if equals}


def extensions_before(content: bytes, included: str) -> frozenset[str]:
    """Return the names of a dialplan's extensions that stand before it includes these files (``default/*.xml``).

    All of them if it never does. Raises UnreadableConf.
    """
    names = []
    for each in _elements(content):
        if each.tag == "X-PRE-PROCESS" and each.attributes.get("data") == included:
            break
        if each.tag == "extension":
            names.append(each.attributes.get("name", ""))
    return frozenset(names)


def includes(content: bytes, included: str) -> bool:
    """Tell whether a file includes these files (``default/*.xml``). Raises UnreadableConf."""
    found = (each for each in _elements(content) if each.tag == "X-PRE-PROCESS")
    return any((each.attributes.get("cmd"), each.attributes.get("data")) == ("include", included) for each in found)


def expanded(text: str, known: Mapping[str, str]) -> str | None:
    """Return a value with its variables, ``$${name}``, in their place; None where one is not known."""
    for _ in range(_MOST_NESTED):
        names = _VARIABLE.findall(text)
        if not names:
            return text
        if any(name not in known for name in names):
            return None
        text = _VARIABLE.sub(lambda found: known[found[1]], text)
    return None


def _elements(content: bytes) -> Iterator[_Element]:
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableConf(f"has more than {MAX_FILE_BYTES} bytes.")
    found: list[_Element] = []
    parser = expat.ParserCreate()

    def begin(tag: str, attributes: dict[str, str]) -> None:
        found.append(_Element(tag, attributes, parser.CurrentByteIndex))

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise UnreadableConf(f"is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}.") from None
    return iter(found)


def _refuse(*_of_the_document_type: Any) -> Never:
    raise UnreadableConf("has a document type, which fshunt does not read.")
