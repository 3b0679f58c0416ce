"""Who the program runs as: what root has started becomes the user who owns the database before it is opened.

Else root would leave files beside an SQLite database that the daemon cannot write. What root alone may do, such as
writing a file of FreeSWITCH's configuration, is done with ``as_root``.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fshunt.errors import BadValue, FshuntError, UsageError

ROOT = 0
USUAL_NAME = "fshunt"
"""The user of a database that has no file: PostgreSQL may know its clients by their users (``peer``)."""


class User(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def named(name: str) -> User:
    """Return the user with this name; raise BadValue if there is none."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise BadValue(f"There is no user {name!a} on this machine.") from None
    return User(found.pw_name, found.pw_uid, found.pw_gid)


def owner_of(sqlite_file: str | None) -> User | None:
    """Return who owns an SQLite file, or the folder where it is to be; without a file the user `fshunt`.

    None: root, or nobody that this machine knows.
    """
    try:
        if sqlite_file is None:
            return named(USUAL_NAME)
        path = Path(sqlite_file)
        uid = (path if path.exists() else path.parent).stat().st_uid
        found = pwd.getpwuid(uid)
    except (BadValue, KeyError, OSError):
        return None
    return None if uid == ROOT else User(found.pw_name, found.pw_uid, found.pw_gid)


def is_root() -> bool:
    """Whether root has started the program."""
    return os.getuid() == ROOT


def become(user: User, *, for_good: bool = False) -> None:
    """Have root's program act as a user from here on; ``for_good``: without a way back.

    Raises UsageError if root has not started it, and FshuntError where the machine does not let it.
    """
    if user.uid == os.geteuid() and not for_good:
        return
    if not is_root():
        raise UsageError(f"Only root can become {user.name}: leave --as out, or run the command by `sudo`.")
    try:
        if for_good:
            os.seteuid(ROOT)
            os.initgroups(user.name, user.gid)
            os.setgid(user.gid)
            os.setuid(user.uid)
        else:
            _act_as(user.uid, user.gid, os.getgrouplist(user.name, user.gid))
    except OSError as error:
        raise FshuntError(
            f"The program cannot become {user.name}, who owns the database: {error.strerror}. Use `--as root` where "
            "there is only root."
        ) from None


@contextmanager
def as_root() -> Iterator[None]:
    """Act as whoever has started the program, for the length of a block."""
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    if not is_root() or uid == ROOT:
        yield
        return
    _act_as(ROOT, ROOT, [ROOT])
    try:
        yield
    finally:
        _act_as(uid, gid, groups)


def _act_as(uid: int, gid: int, groups: list[int]) -> None:
    os.seteuid(ROOT)  # only root may choose the others
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
