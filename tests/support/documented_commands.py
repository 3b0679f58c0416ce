"""The commands that the documents show: of fenced blocks, of indented blocks, and within a sentence."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "freeswitch-conf" / "README.md")

FENCE = re.compile(r"^( *)```(\w*)")
INLINE = re.compile(r"`(fshunt [^`\n]+(?:\n[^`\n]+)?)`")
"""A command within a sentence; the end of a line may cut it in two."""
BETWEEN = re.compile(r"^[|&;]+$")
REDIRECTIONS = ("<", ">", ">>")
ASSIGNMENT = re.compile(r"^[A-Z_]+=")
AS_USER = ("runuser", "-u")


@dataclass(frozen=True, slots=True)
class Shown:
    """One command: its page and line, and its words as the shell has them."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {' '.join(self.words)}"

    @property
    def program(self) -> str:
        """The program that runs."""
        return self.words[0]


def name_of(page: Path) -> str:
    """The page as messages name it."""
    return str(page.relative_to(ROOT))


def to_type(page: Path) -> list[Shown]:
    """All commands of the page's fenced blocks of shell, in order."""
    lines = list(_fenced(page.read_text(encoding="utf-8")))
    return [Shown(name_of(page), number, words) for number, text in _joined(lines) for words in commands_of(text)]


def blocks(page: Path) -> list[str]:
    """The fenced blocks of shell of the page."""
    found: dict[int, list[str]] = {}
    last, first = -1, -1
    for number, text in _fenced(page.read_text(encoding="utf-8")):
        first = number if number != last + 1 else first
        found.setdefault(first, []).append(text)
        last = number
    return ["\n".join(lines) + "\n" for lines in found.values()]


def named(page: Path) -> Iterator[Shown]:
    """Every command of fshunt's that the page names in a block or in a sentence, also with placeholders in it."""
    text = page.read_text(encoding="utf-8")
    found = [(text.count("\n", 0, each.start()) + 1, " ".join(each[1].split())) for each in INLINE.finditer(text)]
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("    ") and "fshunt " in line and not INLINE.search(line):
            found.append((number, line.strip()))
    for number, line in sorted(found):
        for words in commands_of(line):
            if words[0] == "fshunt":
                yield Shown(name_of(page), number, words)


def commands_of(line: str) -> list[tuple[str, ...]]:
    """The simple commands of a line, without who runs them, variables, redirections and comments."""
    try:
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        tokens = list(lexer)
    except ValueError:  # a quote of prose, not of a command
        return []
    found: list[list[str]] = [[]]
    skip = False
    for token in tokens:
        if BETWEEN.match(token):
            found.append([])
        elif token in REDIRECTIONS or skip:
            skip = not skip
        else:
            found[-1].append(token)
    return [words for words in map(_without_user, found) if words]


def _without_user(words: list[str]) -> tuple[str, ...]:
    while words and ASSIGNMENT.match(words[0]):
        words = words[1:]
    if tuple(words[:2]) == AS_USER:
        words = words[words.index("--") + 1 :]
    return tuple(words)


def _fenced(text: str) -> Iterator[tuple[int, str]]:
    language: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence:
            language = fence.group(2) if language is None else None
        elif language == "sh":
            yield number, line.strip()


def _joined(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines, with those that end with a backslash joined to the next."""
    held = ""
    for number, line in lines:
        if line.endswith("\\"):
            held += line[:-1] + " "
        else:
            yield number, held + line
            held = ""


def unknown_in(cli: click.Command, shown: Shown) -> str | None:
    """What fshunt does not have of a command, a noun, a verb or an option; None if it has all."""
    command, rest, path = cli, list(shown.words[1:]), "fshunt"
    # With the names of its help: click keeps the first that a command was asked with.
    context = click.Context(cli, info_name="fshunt", **cli.context_settings)
    while isinstance(command, click.Group):
        if not rest or not rest[0][0].islower():
            return None  # a noun alone, or a placeholder
        below = command.get_command(context, rest[0])
        if below is None:
            return f"{path} has no {rest[0]}"
        path, command, rest = f"{path} {rest[0]}", below, rest[1:]
        context = click.Context(command, info_name=path, parent=context)
    if rest in (["--help"], ["-h"]):
        return None
    try:
        command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    return None
