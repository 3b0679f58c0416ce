"""What `fs_cli` reads for the event socket: its file of profiles, as FreeSWITCH's own reader takes it. Pure.

A line ``[NAME]`` begins a profile, and ``name => value`` sets something of it; ``#`` and ``;`` begin a comment. Without
a profile named on its command line, `fs_cli` takes ``default``, else the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DEFAULT = "default"
USUAL = {"host": "127.0.0.1", "port": "8021", "password": "ClueCon"}
"""What counts where the file says nothing."""
MOST_CHARS = 100
"""Of a value: `fs_cli` cuts what is longer."""


class _Line(NamedTuple):
    at: int
    profile: str | None
    name: str
    value: str


def values_of(text: str) -> dict[str, str]:
    """Return host, port and password that `fs_cli` uses without further words."""
    used = _used(text)
    said = {line.name: line.value for line in _lines(text) if line.profile == used and line.name in USUAL}
    return {**USUAL, **said} if used is not None else dict(USUAL)


def can_say(value: str) -> bool:
    """Whether a value can stand in the file as it is: there are no quotes and no escapes."""
    return value == value.strip() and value.isprintable() and ";;" not in value and 0 < len(value) < MOST_CHARS


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the file with other values in the profile that `fs_cli` uses; all else is as it was."""
    lines, used = text.splitlines(keepends=True), _used(text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    wanted = {name: value for name, value in values.items() if values_of(text)[name] != value}
    if used is None:
        return "".join([*lines, f"[{DEFAULT}]\n", *map(_line, wanted.items())])
    theirs = [line for line in _lines(text) if line.profile == used]
    for line in theirs:
        if line.name in wanted:
            lines[line.at] = _line((line.name, wanted[line.name]))
    missing = wanted.keys() - {line.name for line in theirs}
    head = next(line.at for line in theirs if not line.name)
    lines[head + 1 : head + 1] = [_line((name, wanted[name])) for name in wanted if name in missing]
    return "".join(lines)


def _line(pair: tuple[str, str]) -> str:
    return f"{pair[0]} => {pair[1]}\n"


def _used(text: str) -> str | None:
    names = [line.profile for line in _lines(text) if line.profile is not None]
    return DEFAULT if DEFAULT in names else next(iter(names), None)


def _lines(text: str) -> list[_Line]:
    """The beginnings of profiles, without a name, and the values."""
    found: list[_Line] = []
    profile: str | None = None
    for at, line in enumerate(text.splitlines()):
        if line.startswith("__END__"):
            break
        if line.startswith("[") and "]" in line:
            profile = line[1 : line.index("]")]
            found.append(_Line(at, profile, "", ""))
        elif line and line[0] not in "#;" and "=" in line:
            name, _, value = line.partition(";;")[0].partition("=")
            found.append(_Line(at, profile, name.strip().lower(), value.removeprefix(">").strip()))
    return found
