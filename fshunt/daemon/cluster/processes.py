"""Tells whether an earlier run of this daemon has ended: the kernel knows the processes of this machine."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")
PIDS = Path("/proc/self/ns/pid")
"""The namespace of process ids: a container has its own."""


def this_process() -> str:
    """Name this process, so that a later one of the same machine can tell whether it has ended."""
    return f"{_machine()} {os.getpid()}"


def has_ended(process: object) -> bool:
    """Tell whether a process named by ``this_process`` has certainly ended; False if that cannot be known.

    It may be on another machine, or in a container that is gone, or another process may have its id by now.
    """
    machine, _, number = process.rpartition(" ") if isinstance(process, str) else ("", "", "")
    if machine != _machine() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it exists, and belongs to another user
        return False
    return False


def _machine() -> str:
    parts = [socket.gethostname(), "", ""]
    with suppress(OSError):
        parts[1] = MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    with suppress(OSError):
        parts[2] = str(PIDS.stat().st_ino)
    return "/".join(parts)
