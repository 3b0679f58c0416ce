"""Writes what stands below the mark in docs/cli.md and docs/settings.md, and docs/openapi.json: what the code has.

Run it as `python docs/generate.py`; a test fails when a page is not what this would write. Above the mark people write.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from fshunt.cli.described import OptionText, commands, example, options, usage
from fshunt.cli.main import cli
from fshunt.settings import ROWS
from fshunt.settings.described import default_in_words, notes
from fshunt.web.api.blueprint import openapi

DOCS = Path(__file__).parent
MARK = "<!-- below this line: written by docs/generate.py -->\n"


def command_page() -> str:
    """All commands, with their options and an example each."""
    return "\n".join(_section(path, command) for path, command in commands(cli, "fshunt"))


def _section(path: str, command: click.Command) -> str:
    lines = [f"{'##' if isinstance(command, click.Group) else '###'} {path}", ""]
    if not isinstance(command, click.Group):
        lines += [f"    {' '.join([path, *usage(command)])}", ""]
    lines += [line.strip() for line in (command.help or "").replace("\b", "").splitlines()] + [""]
    lines += [_option(option) for option in options(command)]
    lines += ["", "Example:", "", f"    {example(command)}", ""]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines))


def _option(option: OptionText) -> str:
    names = "/".join(f"`{name}`" for name in option.names)
    value = f" `{option.value}`" if option.value else ""
    return f"- {names}{value}: {option.help}"


def settings_page() -> str:
    """All settings: the key, the variable, what it may be, its default, and what it does."""
    lines = []
    for row in ROWS.values():
        lines += [f"### {row.name}", "", row.meaning, ""]
        lines += [f"- variable: `{row.variable}`", f"- value: {row.kind.words}", f"- default: {default_in_words(row)}"]
        lines += [f"- {note}" for note in notes(row)] + [""]
    return "\n".join(lines)


PAGES = {"cli.md": command_page, "settings.md": settings_page}


def renewed(name: str) -> str:
    """The page as it should be: what people wrote, the mark, and what the code says."""
    written, mark, _ = (DOCS / name).read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"docs/{name} has lost its mark: put this line back: {MARK}")
    return f"{written}{MARK}\n{PAGES[name]()}"


def openapi_file() -> str:
    """The OpenAPI document of the REST interface, for programs that read it from a file."""
    return json.dumps(openapi(), indent=1) + "\n"


if __name__ == "__main__":
    (DOCS / "openapi.json").write_text(openapi_file(), encoding="utf-8")
    for page in PAGES:
        (DOCS / page).write_text(renewed(page), encoding="utf-8")
