"""The log of a process: lines on standard error, where systemd's journal reads them, or a JSON object a line.

A thread of its own writes the lines, so that a stalled journal does not delay calls.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from fshunt.log_events import FIELDS

MAX_WAITING_LINES = 10_000
"""Lines kept while the journal stalls, about 2 MB; further lines are lost, calls continue."""

GATHER_SECONDS = 0.05
"""How long the writer thread collects lines: each time it wakes takes time from the calls."""


STOP_SECONDS = 1.0
"""How long, at a stop, the last lines may take: a stalled journal shall not keep the process from ending."""

STANDARD_ERROR = 2

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""The least level of each priority of syslog."""

KEPT_ERRORS = 10
MAX_ERROR_CHARS = 500
"""Length of a remembered line: it may have text from callers, and goes into the database with every heartbeat."""


_as_json = json.JSONEncoder(ensure_ascii=False).encode
"""As `json.dumps`, which would make an encoder for each line."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, and ``traceback`` if there is one.

    Beside them stand the fields of ``log_events`` that the line has been given (docs/log.md).
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        given = record.__dict__
        line |= {name: given[name] for name in FIELDS if given.get(name)}
        if record.exc_info or record.exc_text:
            line["traceback"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return _as_json(line)


class JournalFormatter(logging.Formatter):
    """Puts the priority in front of each line, as sd-daemon(3) says, so that `journalctl -p` can choose by it."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        priority = next(number for level, number in PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in self._form.format(record).split("\n"))


def is_journal(descriptor: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a descriptor is the stream to the journal that systemd has opened for this process."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int:
        """Write all of it."""

    def flush(self) -> None:
        """Keep nothing back."""


class Descriptor:
    """A file descriptor without Python's buffer, whose lock the end of the process would wait for."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str, /) -> int:
        """Write all of it, however long that takes."""
        left = text.encode("utf-8", "backslashreplace")
        while left:
            left = left[os.write(self._number, left) :]
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


class LogWriter(logging.Handler):
    """Takes lines without waiting, and writes them to ``stream``, many at a time, in a thread of its own."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._something = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put the line of a record in the queue; drop it if the queue is full."""
        try:
            line = self.format(record)
        except (TypeError, ValueError):  # text and values that do not match: this must not end a call
            self.handleError(record)
            return
        if len(self._lines) < MAX_WAITING_LINES:
            self._lines.append(line + "\n")
            if not self._something.is_set():
                self._something.set()

    def stop(self) -> None:
        """Write the remaining lines and end the thread."""
        self._stopped = True
        self._something.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped:
            self._something.wait()
            if not self._stopped:
                time.sleep(GATHER_SECONDS)
            self._something.clear()
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        with suppress(OSError, ValueError):  # no reader any more: calls continue
            self._stream.write("".join(lines))
            self._stream.flush()


class LastErrors(logging.Handler):
    """Remembers the last warnings and errors, for `fshunt status`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[dict[str, str]] = deque(maxlen=KEPT_ERRORS)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        words = record.getMessage()[:MAX_ERROR_CHARS]
        self._lines.append({"at": at, "level": record.levelname.lower(), "message": words})

    def lines(self) -> list[dict[str, str]]:
        """The lines, oldest first."""
        return list(self._lines)


def set_logging(writer: LogWriter, level: str, form: str) -> None:
    """Log from this level on, in this form (the settings ``log_level`` and ``log_format``)."""
    made = JsonFormatter() if form == "json" else logging.Formatter("%(levelname)-7s %(message)s")
    writer.setFormatter(JournalFormatter(made) if is_journal(STANDARD_ERROR) else made)
    logging.getLogger().setLevel(level.upper())


def start_logging(level: str, form: str) -> LogWriter:
    """Send all that is logged to standard error; stopping the writer that is returned writes what is left."""
    writer = LogWriter(Descriptor(sys.stderr.fileno()))
    logging.getLogger().handlers = [writer]
    set_logging(writer, level, form)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it would log its internals at each start
    return writer
