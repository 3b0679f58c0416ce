"""The daemon's log: lines on standard error, where systemd's journal takes them, or a JSON object a line.

A thread of its own writes the lines, so that a journal that stalls does not hold up the calls.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
from datetime import UTC, datetime

MAX_WAITING_LINES = 10_000
"""Lines kept while the journal stalls, about 2 MB; what comes then is lost, the calls go on."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, and ``traceback`` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info or record.exc_text:
            line["traceback"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return json.dumps(line, ensure_ascii=False)


class _LossyQueueHandler(logging.handlers.QueueHandler):
    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the record in line; drop it if the line is full."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


def start_logging(level: str, form: str) -> logging.handlers.QueueListener:
    """Send all that is logged to standard error; stopping the listener that is returned writes what is left."""
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(JsonFormatter() if form == "json" else logging.Formatter("%(levelname)-7s %(message)s"))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MAX_WAITING_LINES)
    root = logging.getLogger()
    root.handlers = [_LossyQueueHandler(lines)]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # at each start it would tell of its own workings
    listener = logging.handlers.QueueListener(lines, output)
    listener.start()
    return listener
