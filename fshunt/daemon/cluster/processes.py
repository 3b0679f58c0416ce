"""Whether an earlier life of this daemon is over: a process of this machine can be asked for, whatever its row says."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")
PIDS = Path("/proc/self/ns/pid")
"""Which process numbers are meant: those of a container are its own."""


def this_process() -> str:
    """Name this process, so that a later one of the same machine can tell whether it has ended."""
    return f"{_machine()} {os.getpid()}"


def has_ended(process: object) -> bool:
    """Tell whether a process has surely ended that ``this_process`` has named; False also where nobody can know.

    It may be of another machine, or of a container that is gone, or its number may be another one's by now.
    """
    machine, _, number = process.rpartition(" ") if isinstance(process, str) else ("", "", "")
    if machine != _machine() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it lives, and is another user's
        return False
    return False


def _machine() -> str:
    parts = [socket.gethostname(), "", ""]
    with suppress(OSError):
        parts[1] = MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    with suppress(OSError):
        parts[2] = str(PIDS.stat().st_ino)
    return "/".join(parts)
