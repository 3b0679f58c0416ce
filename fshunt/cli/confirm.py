"""Asking before a command takes away what `fshunt undo` does not bring back, or not whole."""

from __future__ import annotations

import sys

import click

from fshunt.errors import FshuntError, UsageError

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask, as in a script.")


def confirm(losses: str, yes: bool) -> None:
    """Say what will be lost, and ask whether to go on, unless the answer is given by ``yes``.

    Raises UsageError where nobody can be asked, and FshuntError where the answer is no.
    """
    if yes:
        return
    if not at_terminal():
        raise UsageError(f"{losses} Without a terminal nobody can be asked: add --yes to do it.")
    if not click.confirm(f"{losses} Go on?", err=True):
        raise FshuntError("Nothing has changed: the answer was not yes.")


def at_terminal() -> bool:
    """Tell whether somebody can read a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def listed(parts: list[str]) -> str:
    """Parts of a sentence: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
