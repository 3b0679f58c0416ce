"""Whether this user may use an SQLite file, and if not, whose it is and what mends that."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

SUFFIXES = ("", "-wal", "-shm")
"""The file, and what SQLite keeps beside it."""


def why_not_allowed(database: str) -> str | None:
    """Say whose an SQLite file is that this user may not use, and what to do; None: something else is wrong with it."""
    path = Path(database)
    try:
        of_folder = path.parent.stat()
        try:
            of_file = path.stat()
        except PermissionError:
            return f"The database {database} cannot be opened: {_not_in(path.parent, of_folder)}"
    except OSError:
        return None
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        return f"The database {database} cannot be opened: {_not_in(path.parent, of_folder)}"
    theirs = [each for each in map(Path, (f"{database}{suffix}" for suffix in SUFFIXES)) if _is_closed(each)]
    if not theirs:
        return None
    start = f"The database {database} cannot be opened: it belongs to {_user(of_file.st_uid)}, and {_me()} may not"
    if of_file.st_uid != of_folder.st_uid:
        owner = f"{_user(of_folder.st_uid)}:{_group(of_folder.st_gid)}"
        return f"{start} write it. As root, run `chown {owner} {' '.join(map(str, theirs))}`."
    return f"{start} write it. {_instead(of_file)}"


def _is_closed(file: Path) -> bool:
    return file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True)


def _not_in(folder: Path, status: os.stat_result) -> str:
    return f"{folder} belongs to {_user(status.st_uid)}, and {_me()} may not write there. {_instead(status)}"


def _instead(status: os.stat_result) -> str:
    if not status.st_mode & stat.S_IWGRP or status.st_gid == 0:
        return "Run the command by `sudo`."
    group = _group(status.st_gid)
    return f"Run the command by `sudo`, or let {_me()} administer by `usermod --append --groups {group} {_me()}`."


def _me() -> str:
    return _user(os.geteuid())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
