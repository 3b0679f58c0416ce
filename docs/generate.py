"""Writes what stands below the mark in docs/cli.md and docs/settings.md, and docs/openapi.json: what the code has.

Run it as `python docs/generate.py`; a test fails when a page is not what this would write. Above the mark people write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from fshunt.cli.main import cli
from fshunt.settings import ROWS, Settings
from fshunt.web.api.blueprint import openapi

DOCS = Path(__file__).parent
MARK = "<!-- below this line: written by docs/generate.py -->\n"
COMMON = {"domain", "config"}


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command and all below it, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def command_page() -> str:
    """All commands, with their options and an example each."""
    return "\n".join(_section(path, command) for path, command in commands(cli, "fshunt"))


def _section(path: str, command: click.Command) -> str:
    lines = [f"{'##' if isinstance(command, click.Group) else '###'} {path}", ""]
    if not isinstance(command, click.Group):
        lines += [f"    {' '.join([path, *_usage(command)])}", ""]
    lines += [line.strip() for line in (command.help or "").replace("\b", "").splitlines()] + [""]
    lines += [row for row in (_option(param) for param in command.params if param.name not in COMMON) if row]
    lines += ["", "Example:", "", f"    {getattr(command, 'example', '')}", ""]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines))


def _usage(command: click.Command) -> list[str]:
    words = []
    for param in command.params:
        if isinstance(param, click.Argument):
            word = (param.metavar or (param.name or "").upper()) + ("..." if param.nargs == -1 else "")
            words.append(word if param.required else f"[{word}]")
    return ["[OPTIONS]", *words]


def _option(param: click.Parameter) -> str:
    if not isinstance(param, click.Option) or param.name in ("version", "help"):
        return ""
    names = "/".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    value = f" `{param.metavar}`" if param.metavar else ""
    return f"- {names}{value}: {param.help}"


def settings_page() -> str:
    """All settings: the key, the variable, what it may be, its default, and what it does."""
    lines = []
    for row in ROWS.values():
        default = _shown(row.kind.show(row.default()))
        if row.name == "node_name":
            default = "the host's name and the port of `listen`, such as `pbx-8084`"
        if row.name == "controllers":
            default = f"`listen`, as shipped {_shown([str(address) for address in Settings().controllers])}"
        lines += [f"### {row.name}", "", row.meaning, ""]
        lines += [f"- variable: `{row.variable}`", f"- value: {row.kind.words}", f"- default: {default}"]
        lines += ["- a change needs a restart of `fshunt web`"] if row.web else []
        lines += ["- a change needs a restart", ""] if row.restart else [""]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value in (None, []):
        return "not set"
    return ", ".join(f"`{item:g}`" if isinstance(item, float) else f"`{item}`" for item in _listed(value))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


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
