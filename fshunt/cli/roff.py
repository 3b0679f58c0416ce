"""The marks of a man page, in the macros of man(7), which every Unix reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"`([^`]+)`")


def title(name: str, section: int, version: str, about: str) -> str:
    """Return the head of a page. Names of commands and settings are not broken at the end of a line."""
    head = f'.TH {name.upper()} {section} "" "fshunt {version}" "fshunt"\n.nh\n.ad l'
    return f"{head}\n.SH NAME\n{name} \\- {text(about)}\n"


def text(words: str) -> str:
    """Return the words as roff prints them as they are, in one line, with what stands between backticks in bold."""
    parts = _CODE.split(" ".join(words.split()))
    said = "".join(bold(part) if odd % 2 else _plain(part) for odd, part in enumerate(parts))
    return rf"\&{said}" if said.startswith((".", "'")) else said


def bold(words: str) -> str:
    """Return the words in bold; a `-` can be copied to a shell."""
    return rf"\fB{_plain(words)}\fP"


def italic(words: str) -> str:
    """Return what a person replaces with their own words."""
    return rf"\fI{_plain(words)}\fP"


def section(name: str, *lines: str) -> str:
    """Return a section of a page."""
    return "\n".join([f".SH {name.upper()}", *lines, ""])


def subsection(name: str, *lines: str) -> str:
    """Return a part of a section."""
    return "\n".join([f'.SS "{_plain(name)}"', *lines, ""])


def item(term: str, *lines: str) -> str:
    """Return an entry of a list: the term, and what is said of it, indented. All of them are roff already."""
    return "\n".join([".TP", term, *lines])


def paragraphs(help_text: str) -> Iterable[str]:
    r"""Yield the paragraphs of a command's help; one that begins with click's ``\b`` keeps its lines."""
    for number, part in enumerate(re.split(r"\n\s*\n", help_text.strip())):
        said = [".PP"] if number else []
        if part.lstrip().startswith("\b"):
            lines = part.replace("\b", "").strip("\n").splitlines()
            said += [".nf", *(text(line) for line in lines if line.strip()), ".fi"]
        else:
            said.append(text(part))
        yield "\n".join(said)


def example(line: str) -> str:
    """Return a line that can be typed, indented."""
    return "\n".join([".PP", ".RS 4", ".nf", bold(line), ".fi", ".RE"])


def _plain(words: str) -> str:
    return words.replace("\\", r"\e").replace("-", r"\-")
