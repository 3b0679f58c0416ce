"""The claim audit, written to the setting ``claim_audit_file``: it proves that no member was claimed twice.

One JSON object a line, when this daemon begins to rely on a claim and when it stops: always within the time in which
the claim was in the database. ``monotonic`` is one clock for all processes of a machine, and nobody can set it.

The file may be renamed at any time, as logrotate does: the next line begins a new one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any, TextIO

from fshunt.daemon.clock import utc_now
from fshunt.errors import FshuntError

log = logging.getLogger(__name__)


class ClaimAudit:
    """Appends to the file at ``path``; None: it writes nothing. Raises FshuntError if the file cannot be written."""

    def __init__(self, path: str | None, run: str) -> None:
        self._run = run
        self._path = path
        self._file: TextIO | None = None
        if path:
            try:
                self._file = _appending(path)
            except OSError as error:
                raise FshuntError(f"The claim audit {path} cannot be written: {error.strerror}.") from None

    def note(self, event: str, **values: Any) -> None:
        """Write one line: ``start`` or ``end``, with domain, member, call and hunt."""
        if self._file is None or self._path is None:
            return
        line = {"event": event, **values, "run": self._run, "monotonic": time.monotonic(), "at": utc_now().isoformat()}
        try:
            if _renamed(self._path, self._file):
                self._file.close()
                self._file = _appending(self._path)
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("claim audit stopped: %s", error)
            self._file = None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _appending(path: str) -> TextIO:
    return open(path, "a", encoding="utf-8", buffering=1, opener=_private)


def _renamed(path: str, file: TextIO) -> bool:
    """Tell whether the path names another file now, or none."""
    try:
        return not os.path.samestat(os.stat(path), os.fstat(file.fileno()))  # noqa: PTH116 twice as quick as a Path
    except FileNotFoundError:
        return True


def _private(path: str, flags: int) -> int:
    """Open the file; one that is made is for this user alone, since it says who is called by whom."""
    return os.open(path, flags, 0o600)
