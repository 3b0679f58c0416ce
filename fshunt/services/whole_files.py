"""Files that are written whole or not at all: beside their place, and then renamed; what was there stays as a copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from fshunt.errors import FshuntError


def write_whole(path: Path, content: bytes, mode: int, group_id: int | None = None) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part of one.

    An existing file keeps its owner, as far as this user may give files away; ``group_id`` is the group of a new one.
    Raises FshuntError.
    """
    part = ""
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            _give(file.fileno(), path, group_id)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError as error:
        raise FshuntError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            Path(part).unlink()


def copy_beside(path: Path, now: datetime) -> Path | None:
    """Copy a file to NAME.bak-TIME beside it, with its mode and owner, and return the copy; None: there is no file.

    Raises FshuntError.
    """
    if not path.exists():
        return None
    copy = path.with_name(f"{path.name}.bak-{now:%Y%m%d-%H%M%S}")
    number = 1
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.bak-{now:%Y%m%d-%H%M%S}-{number}")
    try:
        content, status = path.read_bytes(), path.stat()
        write_whole(copy, content, status.st_mode & 0o7777)
        with suppress(OSError):
            shutil.chown(copy, status.st_uid, status.st_gid)
    except OSError as error:
        raise FshuntError(f"{path} cannot be copied: {error.strerror}.") from None
    return copy


def _give(file: int, path: Path, group_id: int | None) -> None:
    try:
        status = path.stat()
        owner, group = status.st_uid, status.st_gid
    except OSError:
        if group_id is None:
            return
        owner, group = -1, group_id
    with suppress(PermissionError):
        os.fchown(file, owner, group)
