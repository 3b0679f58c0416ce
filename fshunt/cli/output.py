"""What commands print: tables and colour on a terminal, plain columns elsewhere, and JSON.

Names and numbers of callers are chosen by strangers: characters that a terminal would act on are replaced before they
are printed. (JSON escapes them by itself.)
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TextIO

import click

TableRow = Sequence[str]

RULED_GAP = 3
"""Characters between two columns of a ruled table."""

MAX_WIDTH = 10_000
"""Of a table that may be wider than the terminal."""

MAX_UNWRAPPED = 20
"""How many characters of a column that wraps a terminal has room for before other columns are left out."""


SEPARATORS = {"csv": ",", "tsv": "\t"}
"""The forms of a list in lines of values, and what stands between two values."""


class Column(NamedTuple):
    """A column of a table. On a narrow terminal the column with the highest ``drop`` goes first; 0: it stays."""

    title: str
    drop: int = 0
    wraps: bool = False


def visible(text: object) -> str:
    """The text with a mark in place of each character that is not printed but acted on, such as ESC or a line feed."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def on_terminal(stream: TextIO) -> bool:
    """Whether colour and tables are wanted: a terminal, and NO_COLOR not set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def say(text: str = "", **style: Any) -> None:
    """Print a line, with click's styles where there is a terminal."""
    _line(sys.stdout, text, **style)


def say_lines(text: str) -> None:
    """Print lines; the line feeds between them are ours."""
    for line in text.split("\n"):
        say(line)


def say_wrapped(text: str, indent: int, **style: Any) -> None:
    """Print a sentence; on a terminal parted between words, with further lines indented."""
    for line in wrapped(text, indent):
        say(line, **style)


def wrapped(text: str, indent: int) -> list[str]:
    """Return the lines of a sentence as they fit on a terminal; elsewhere it is one line."""
    if not sys.stdout.isatty():
        return [text]
    width, after = shutil.get_terminal_size().columns, " " * indent
    return textwrap.wrap(visible(text), width, subsequent_indent=after, break_long_words=False, break_on_hyphens=False)


def warn(text: str) -> None:
    """Print a warning on stderr, in yellow where there is a terminal."""
    _line(sys.stderr, f"Warning: {text}", fg="yellow")


def error(text: str) -> None:
    """Print an error on stderr, in one line, with a full stop."""
    _line(sys.stderr, f"Error: {_sentence(text)}", fg="red")


@contextmanager
def progress(words: str) -> Iterator[Callable[[int], None]]:
    """Show a number on a terminal as it grows, on stderr and in one line, which is gone at the end."""
    if not sys.stderr.isatty():
        yield lambda _number: None
        return
    try:
        yield lambda number: click.echo(f"\r{words.format(number)}", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def _sentence(text: str) -> str:
    sentence = " ".join(text.split())
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _line(stream: TextIO, text: str, **style: Any) -> None:
    shown = visible(text)
    click.echo(click.style(shown, **style) if style and on_terminal(stream) else shown, file=stream)


def emit_json(value: object) -> None:
    """Print plain values as JSON."""
    click.echo(json.dumps(value, indent=2))


def json_error(code: str, message: str) -> None:
    """Print an error as JSON, in one line on stderr: standard output is a whole document or nothing."""
    from fshunt.services.serialize import error_document

    click.echo(json.dumps(error_document(code, _sentence(message))), err=True)


def local(when: datetime | None, seconds: bool = True) -> str:
    """A time in the time zone of this machine; empty for None."""
    if when is None:
        return ""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def separated(columns: Sequence[Column | str], rows: Sequence[TableRow], separator: str) -> None:
    """Print a list for programs: a line of titles, then one for each row, quoted as in CSV."""
    lines = csv.writer(sys.stdout, delimiter=separator, lineterminator="\n")
    lines.writerow(column if isinstance(column, str) else column.title for column in columns)
    lines.writerows([visible(cell) for cell in row] for row in rows)


def table(columns: Sequence[Column | str], rows: Sequence[TableRow], *, wide: bool = False) -> None:
    """Print a table: plain columns, or on a terminal ruled, and of its width unless ``wide``."""
    shown = [Column(each) if isinstance(each, str) else each for each in columns]
    cells = [[visible(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in _columns([[column.title for column in shown], *cells]):
            click.echo(line)
        return
    width = shutil.get_terminal_size().columns
    kept = list(range(len(shown))) if wide else fitting(shown, _needs(shown, cells), width, RULED_GAP)
    _ruled([shown[at] for at in kept], [[row[at] for at in kept] for row in cells], None if wide else width)


def _needs(columns: Sequence[Column], rows: Sequence[TableRow]) -> list[int]:
    return [max(len(row[at]) for row in [[column.title for column in columns], *rows]) for at in range(len(columns))]


def fitting(columns: Sequence[Column], needs: Sequence[int], width: int, gap: int) -> list[int]:
    """Return the places of the columns that a terminal has room for; ``needs`` are the characters of each."""
    needs = [min(need, MAX_UNWRAPPED) if column.wraps else need for need, column in zip(needs, columns, strict=True)]
    kept = list(range(len(columns)))
    while sum(needs[at] + gap for at in kept) - gap > width:
        last = max(kept, key=lambda at: columns[at].drop)
        if not columns[last].drop:
            break
        kept.remove(last)
    return kept


def _columns(rows: Sequence[TableRow]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ruled(columns: Sequence[Column], rows: Sequence[TableRow], width: int | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heads = "bold" if on_terminal(sys.stdout) else ""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style=heads)
    for column in columns:
        made.add_column(Text(column.title), overflow="fold", no_wrap=not column.wraps)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    console = Console(width=width)
    if width is None:
        console.width = max(
            console.width, console.measure(made, options=console.options.update(width=MAX_WIDTH)).maximum
        )
    console.print(made)


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values below one another; a value that is empty is left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(f"{name.ljust(width)}  {value}")
