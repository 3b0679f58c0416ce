"""`fshunt files`: the files of a host that stand beside the program."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from fshunt.cli import output
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.dialplan import write_whole
from fshunt.errors import FshuntError, UsageError


@click.command("files", cls=NounCommand, example="fshunt files --to /var/tmp/fshunt-files")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to write to; it is made if it does not exist.",
)
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Path of fshunt in the units. Without it: that of the program that runs now.",
)
@pass_app
def files(app: App, to: Path | None, program: Path | None) -> None:
    """Write the files that a host needs besides the program.

    The units of systemd with its users and folders, FreeSWITCH's files, a settings file that describes each setting,
    completion for bash, zsh and fish, the man pages, and the rotation of the claim audit. The Debian package installs
    the same. A file that is there with another content is not overwritten: then nothing is written.
    """
    # Imported here: help and TAB do not wait for it.
    from fshunt.cli.main import cli
    from fshunt.cli.shipped import host_files

    if to is None:
        raise UsageError("Give the folder to write to: --to DIR.")
    made = {to / name: text for name, text in host_files(cli, _program(program)).items()}
    _refuse_other_content(made)
    for path, text in made.items():
        _make_folder(path.parent)
        write_whole(path, text)

    def page() -> None:
        for path in made:
            output.say(str(path))

    app.show("files", lambda: {"folder": str(to), "files": [str(path) for path in made]}, page)


def _program(given: Path | None) -> Path:
    if given is None:
        called = Path(sys.argv[0]).absolute()
        return called.resolve() if called.name == "fshunt" else Path(sys.executable).with_name("fshunt")
    if not given.is_absolute() or not str(given).isprintable() or " " in str(given):
        raise UsageError(f"--program must be an absolute path without spaces, not {str(given)!r}.")
    return given


def _refuse_other_content(made: Mapping[Path, str]) -> None:
    for path, text in made.items():
        try:
            there = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise FshuntError(f"{path} cannot be read: {error.strerror}.") from None
        if there is not None and there != text.encode():
            raise FshuntError(
                f"{path} is there and differs, so nothing was written: move it, or choose another folder."
            )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FshuntError(f"The folder {folder} cannot be made: {error.strerror}.") from None
