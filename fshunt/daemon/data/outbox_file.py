"""The outbox_file: a file in which records wait that the database cannot take, so that they outlive the daemon.

It is there only while something waits. Each write is a line of JSON that names a function of the store and what it is
given. The next daemon of the same node reads it at its start; every one of these functions may be run twice with the
same values and has then done its work once, so that nobody needs to know which of the lines were written.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from errno import ENOSPC, EWOULDBLOCK
from pathlib import Path
from typing import Any, NamedTuple

from fshunt.db.queries import calls, hunts, queue
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result

log = logging.getLogger(__name__)

KEPT: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        calls.open_call,
        calls.note_answered,
        calls.note_leaving,
        calls.note_waited,
        calls.close_call,
        calls.finish_call,
        calls.close_orphan,
        calls.add_offer,
        calls.end_offer,
        calls.add_skip,
        hunts.move_turn,
        hunts.note_answer,
        hunts.note_end,
        hunts.release,
        queue.leave,
    )
}
"""What is kept: the records, the memory and the stamps. A claim of a daemon that is gone must not come back."""

WORDS: dict[str, type[StrEnum]] = {each.__name__: each for each in (Outcome, Result, SkipReason)}
TIME = "time"
PLAIN = ""


class OutboxLine(NamedTuple):
    """One write that waits: a function of the store and what it is given after its session."""

    function: Callable[..., object]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class OutboxFile:
    """The file of one node in a folder; without a folder there is none, and what waits is lost with the daemon.

    Whatever is wrong with the file hinders no call: it is logged once, and records wait in memory only. What is in it
    outlives the process; it is not forced to the disk, so the last second may be lost with the machine.
    """

    def __init__(self, folder: str | None, node: str) -> None:
        self.path = Path(folder) / f"unwritten-{node}.jsonl" if folder else None
        self._file: int | None = None
        self._told = False
        """Whether it was said that it cannot be used; said again only after it could."""

    def restore(self) -> list[OutboxLine]:
        """Return what an earlier life of this node has left, oldest first; the file stays until ``clear``.

        A line that cannot be read, such as the last one of a daemon that was killed, is logged and left out.
        """
        if self.path is None:
            return []
        if not self.path.parent.is_dir():
            log.info("records that the database cannot take wait in memory only: there is no %s", self.path.parent)
            return []
        try:
            if not self.path.exists():
                return []
            self._open(self.path)
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            self._give_up(error)
            return []
        return list(self._read(text))

    def keep(self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Add a write to the file, if it is of those that are kept; tell whether it will not be missed."""
        if KEPT.get(function.__name__) is not function:
            return True
        if self.path is None:
            return False
        said = {
            "function": function.__name__,
            "args": [_told(value) for value in args],
            "kwargs": {name: _told(value) for name, value in kwargs.items()},
        }
        try:
            line = json.dumps(said).encode() + b"\n"
            written = os.write(self._open(self.path), line)
        except (TypeError, ValueError):  # a mistake inside fshunt, which shall cost this record's safety and no call
            log.exception("a record cannot be kept in a file: %s", function.__name__)
            return False
        except OSError as error:
            self._give_up(error)
            return False
        if written < len(line):
            self._give_up(OSError(ENOSPC, os.strerror(ENOSPC)))
            return False
        self._told = False
        return True

    def clear(self) -> None:
        """All that was kept is in the database: remove the file."""
        if self._file is not None and self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                self._give_up(error)
        self.close()

    def close(self) -> None:
        """Leave the file to the next life of this node."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open(self, path: Path) -> int:
        """Open the file if need be, and lock it against another daemon of the same name. Raises OSError."""
        if self._file is not None:
            return self._file
        # For its owner only: it says who called whom.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_size:
                os.write(file, b"\n")  # whoever wrote the last line may not have come to its end
        except BlockingIOError:
            os.close(file)
            raise OSError(EWOULDBLOCK, "another daemon with the same `node` uses it") from None
        except OSError:
            os.close(file)
            raise
        self._file = file
        return file

    def _give_up(self, error: OSError) -> None:
        self.close()
        if not self._told:
            log.warning("records that the database cannot take wait in memory only: %s: %s", self.path, error.strerror)
        self._told = True

    def _read(self, text: str) -> Iterator[OutboxLine]:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line:
                continue
            try:
                said = json.loads(line)
                args = tuple(_meant(*value) for value in said["args"])
                kwargs = {name: _meant(*value) for name, value in said["kwargs"].items()}
                yield OutboxLine(KEPT[said["function"]], args, kwargs)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                log.warning("line %d of %s is not a record, and is left out", number, self.path)


def _told(value: object) -> list[object]:
    """Write a value as its kind and its text; what JSON has itself is of no kind."""
    if isinstance(value, datetime):
        return [TIME, value.isoformat()]
    if isinstance(value, StrEnum) and type(value).__name__ in WORDS:
        return [type(value).__name__, value.value]
    return [PLAIN, value]


def _meant(kind: str, value: Any) -> Any:
    if kind == TIME:
        return datetime.fromisoformat(value)
    return WORDS[kind](value) if kind else value
