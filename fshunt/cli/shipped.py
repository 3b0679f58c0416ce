"""The files of a host besides the program: units, FreeSWITCH's files, and what is made from the code."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

import fshunt
from fshunt.cli.man_pages import program_page, settings_page
from fshunt.errors import FshuntError
from fshunt.settings.described import settings_file

PROGRAM = re.compile(r"(?m)^(ExecStart=)\S+")

COMPLETIONS: dict[str, type[ShellComplete]] = {
    "fshunt.bash": BashComplete,
    "_fshunt": ZshComplete,
    "fshunt.fish": FishComplete,
}
"""Each shell loads a file of this name; zsh by its compinit."""


def host_files(root: click.Command, program: Path) -> dict[str, str]:
    """Return the text of each file by its path in the folder that they are written to.

    ``root``: the command line; ``program``: the path of fshunt for the units. Raises FshuntError if this installation
    lacks files.
    """
    found = {}
    for name, folder in _folders().items():
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            text = file.read_text(encoding="utf-8")
            if file.suffix == ".service":
                text = PROGRAM.sub(rf"\g<1>{program}", text)
            found[f"{name}/{file.relative_to(folder)}"] = text
    found["fshunt.toml"] = settings_file()
    for name, shell in COMPLETIONS.items():
        # Not the shell's own `source`: for bash it asks the bash of this machine for its version.
        found[f"completions/{name}"] = ShellComplete.source(shell(root, {}, "fshunt", "_FSHUNT_COMPLETE"))
    return found | {"man/fshunt.1": program_page(root), "man/fshunt.toml.5": settings_page()}


def _folders() -> dict[str, Path]:
    """Return the folders whose files are taken as they are: ``fshunt/shipped`` where installed, else the checkout's."""
    package = Path(fshunt.__file__).parent
    installed, checkout = package / "shipped", package.parent
    above = {"systemd": checkout, "freeswitch-conf": checkout}
    names = ("systemd", "freeswitch-conf", "sysusers.d", "tmpfiles.d", "logrotate.d")
    if installed.is_dir():
        folders = {name: installed / name for name in names}
    else:
        folders = {name: above.get(name, checkout / "packaging" / "host") / name for name in names}
    for folder in folders.values():
        if not folder.is_dir():
            raise FshuntError(f"The folder {folder} is missing from this installation of fshunt: install it again.")
    return folders
