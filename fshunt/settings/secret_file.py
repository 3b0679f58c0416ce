"""Files that hold one secret in one line."""

from __future__ import annotations

import stat
from pathlib import Path

from fshunt.settings.values import SettingsError

MAX_SECRET_BYTES = 1024
"""FreeSWITCH does not read longer lines, and no password of PostgreSQL needs one."""


def read_secret(file: Path, secret: str) -> str:
    """Return the only line of a file; ``secret`` names it in errors: "the database's password".

    Raises SettingsError, whose text never has the content of the file.
    """
    said = _read(file, f"for {secret}").removesuffix("\n").removesuffix("\r")
    if not said:
        raise SettingsError(f"The file {file} for {secret} is empty.")
    if len(said) > MAX_SECRET_BYTES or not said.isprintable():
        raise SettingsError(f"The file {file} must hold {secret} alone, in one line.")
    return said


def _read(file: Path, whose: str) -> str:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise SettingsError(f"{file}, named {whose}, is not a file.")
        with file.open("rb") as opened:
            return opened.read(MAX_SECRET_BYTES + 3).decode()
    except FileNotFoundError:
        raise SettingsError(f"The file {file} {whose} does not exist.") from None
    except OSError as error:
        raise SettingsError(f"The file {file} {whose} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The file {file} {whose} is not in UTF-8.") from None
