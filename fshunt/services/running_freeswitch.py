"""Finds the FreeSWITCH that runs on this host by its process, wherever it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

PROCESSES = Path("/proc")
PROGRAM = "freeswitch"
OF_PREFIX = ("conf", "etc/freeswitch")
"""Where a prefix has its configuration, by the way in which FreeSWITCH was built."""
PACKAGED = Path("/etc/freeswitch")
PACKAGES_PREFIX = Path("/usr")


def is_conf(folder: Path) -> bool:
    """Whether a folder has a configuration of FreeSWITCH."""
    return (folder / "freeswitch.xml").is_file()


def running_confs(processes: Path = PROCESSES) -> list[Path]:
    """Return the folders of the configurations that FreeSWITCH runs with on this host, each once.

    A FreeSWITCH in a container, whose files have other names here, and one whose process this user may not look at,
    are left out.
    """
    found = (_conf_of(each) for each in sorted(processes.glob("[0-9]*")))
    return list(dict.fromkeys(each for each in found if each is not None))


def _conf_of(process: Path) -> Path | None:
    try:
        words = [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")]
        if Path(words[0]).name != PROGRAM or not (process / "root").samefile("/"):
            return None
        program = Path((process / "exe").readlink())
    except OSError:  # it has ended, or belongs to another user
        return None
    return next((each for each in _candidates(words, program) if is_conf(each)), None)


def _candidates(words: Sequence[str], program: Path) -> Iterator[Path]:
    """The folder that the command line names, else where a FreeSWITCH with this program has it."""
    named = dict(pairwise(words))
    if "-conf" in named:
        yield Path(named["-conf"])
        return
    if "-base" in named:
        yield Path(named["-base"]) / "conf"
    prefix = program.parent.parent
    if prefix == PACKAGES_PREFIX:
        yield PACKAGED
    yield from (prefix / below for below in OF_PREFIX)
