"""The claim audit, written to the setting ``claim_audit_file``: it proves that no member was claimed twice.

One JSON object a line, when this daemon begins to rely on a claim and when it stops: always within the time in which
the claim was in the database. ``monotonic`` is one clock for all processes of a machine, and nobody can set it.
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
        self._file: TextIO | None = None
        if path:
            try:
                self._file = open(path, "a", encoding="utf-8", buffering=1, opener=_private)  # noqa: SIM115
            except OSError as error:
                raise FshuntError(f"The claim audit {path} cannot be written: {error.strerror}.") from None

    def note(self, event: str, **values: Any) -> None:
        """Write one line: ``start`` or ``end``, with domain, member, call and hunt."""
        if self._file is None:
            return
        line = {"event": event, **values, "run": self._run, "monotonic": time.monotonic(), "at": utc_now().isoformat()}
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("claim audit stopped: %s", error)
            self._file = None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _private(path: str, flags: int) -> int:
    """Open the file; one that is made is for this user alone, since it says who is called by whom."""
    return os.open(path, flags, 0o600)
