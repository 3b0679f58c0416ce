"""What the commands say of themselves, for the documents that are made from the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click

COMMON = {"domain", "config", "version", "help"}
"""Options of every command, or of `fshunt` alone: pages describe them once."""


class OptionText(NamedTuple):
    """An option: its names, what its value is called (empty: it has none), and its help."""

    names: tuple[str, ...]
    value: str
    help: str


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the command and all below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def usage(command: click.Command) -> list[str]:
    """Return the words that follow the command's name."""
    words = ["[OPTIONS]"]
    for param in command.params:
        if isinstance(param, click.Argument):
            word = (param.metavar or (param.name or "").upper()) + ("..." if param.nargs == -1 else "")
            words.append(word if param.required else f"[{word}]")
    return words


def options(command: click.Command) -> list[OptionText]:
    """Return the options of this command alone."""
    return [
        OptionText((*param.opts, *param.secondary_opts), param.metavar or "", param.help or "")
        for param in command.params
        if isinstance(param, click.Option) and param.name not in COMMON
    ]


def example(command: click.Command) -> str:
    """Return the example of its help; empty: it has none."""
    return str(getattr(command, "example", ""))
