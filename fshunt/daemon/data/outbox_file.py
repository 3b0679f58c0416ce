"""The outbox's file: events that the database has not taken yet wait in it, so that they outlive the daemon.

The file is there only while something waits. Its first line says which format it has and which fshunt wrote it; each
further line is an event as JSON. The next run of the same node reads the file at its start.

Nothing that another version of fshunt wrote is lost. A file in a format that this version does not know stays where it
is, and this run uses the next name (``outbox-NODE~2.jsonl``). Events of unknown kinds move to such a file, too: the
version that knows them finds them there, because every version reads all names.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from errno import EEXIST, ENOSPC, EWOULDBLOCK
from pathlib import Path
from typing import Any, NoReturn

from fshunt import __version__
from fshunt.daemon.data.events import OutboxEvent, UnreadableEvent, from_json

log = logging.getLogger(__name__)

FORMAT = 1
"""Of the file: a header line, and a line for each event. Kinds of events have versions of their own."""

MAX_FILES = 9
"""How many names one node has: one, and one for each other version of fshunt that left a file."""

MAX_HEADER_BYTES = 1000
HEADER = {"format": FORMAT, "fshunt": __version__}


class OutboxFile:
    """The file of one node in a folder; without a folder, events that wait are lost with the daemon.

    Whatever is wrong with the file hinders no call: it is logged once, and events wait in memory only. What is in the
    file outlives the process; it is not forced to the disk, so the last second may be lost with the machine.
    """

    def __init__(self, folder: str | None, node: str) -> None:
        self._paths = _paths(Path(folder), node) if folder else []
        self._refused: set[Path] = set()
        """Files that are left alone: another version of fshunt wrote them."""
        self._ours: set[Path] = set()
        """Files whose events are all in the outbox now."""
        self._open_files: dict[Path, int] = {}
        self._begun: Path | None = None
        """The file that is open, and at the beginning of a line."""
        self._error_logged = False
        """Whether it was said that the file cannot be used; said again only after it could be."""

    @property
    def path(self) -> Path | None:
        """Where events are kept; None: nowhere."""
        return next((path for path in self._paths if path not in self._refused), None)

    def restore(self) -> list[OutboxEvent]:
        """Return what earlier runs of this node have left, oldest first; the files stay until ``clear``.

        A line that was cut off, such as the last one of a daemon that was killed, is logged and left out.
        """
        if not self._paths:
            return []
        folder = self._paths[0].parent
        events: list[OutboxEvent] = []
        try:
            if not folder.is_dir():
                log.info("pending writes are kept in memory only: folder %s does not exist", folder)
                self._error_logged = True
                return []
            for path in [path for path in self._paths if path.exists()]:
                events += self._restore_file(path)
        except OSError as error:
            self._give_up(error)
        return events

    def append(self, event: OutboxEvent) -> bool:
        """Add an event to the file unless it ends with the daemon; tell whether the next run will not miss it."""
        if not event.durable:
            return True
        path = self.path
        if path is None:
            return False
        try:
            _write_lines(self._open(path), [_as_line(event.to_json())])
        except (TypeError, ValueError):  # a mistake inside fshunt, which must cost this event's safety and no call
            log.exception("write %s cannot be kept in the outbox file", event.kind)
            return False
        except OSError as error:
            self._give_up(error)
            return False
        self._error_logged = False
        return True

    def clear(self) -> None:
        """Remove the files: all their events are in the database."""
        if not self._ours:
            return
        try:
            for path in sorted(self._ours):
                path.unlink(missing_ok=True)
                self._ours.discard(path)
        except OSError as error:
            self._give_up(error)
        self.close()

    def close(self) -> None:
        """Leave the files to the next run of this node."""
        files, self._open_files, self._begun = self._open_files, {}, None
        for file in files.values():
            os.close(file)

    def _open(self, path: Path) -> int:
        """Open a file of this run if need be, to append to it. Raises OSError."""
        if self._begun == path:
            return self._open_files[path]
        file = self._lock(path)
        size = os.fstat(file).st_size
        if size and path not in self._ours:
            os.close(self._open_files.pop(path))
            _fail(EEXIST, "another daemon with the same `node_name` left it; the next start reads it")
        self._ours.add(path)
        _begin_line(file, size)
        self._begun = path
        return file

    def _lock(self, path: Path) -> int:
        """Open a file, and lock it against another daemon of the same name. Raises OSError."""
        if path in self._open_files:
            return self._open_files[path]
        # For its owner only: it says who called whom.
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                _fail(EWOULDBLOCK, "another daemon with the same `node_name` uses it")
            raise
        self._open_files[path] = file
        return file

    def _restore_file(self, path: Path) -> list[OutboxEvent]:
        with open(self._lock(path), "rb", closefd=False) as reader:
            header, *lines = reader.read().split(b"\n")
        if not lines:  # its daemon did not come to the end of the first line
            self._ours.add(path)
            return []
        reason = _why_refused(header)
        if reason is None:
            events, unknown = _parse(lines, path)
            if not unknown or (events and self._set_aside(path, header, unknown)):
                self._ours.add(path)
                return events
            reason = "it does not know the kinds of writes in it"
        self._refuse(path, header, reason)
        return []

    def _refuse(self, path: Path, header: bytes, reason: str) -> None:
        self._refused.add(path)
        os.close(self._open_files.pop(path))
        log.error(
            "%s was written by fshunt %s and is left as it is: fshunt %s cannot read it, because %s. Start that"
            " version once to write its pending writes, or remove the file. This run keeps its own in %s",
            path,
            _version_of(header),
            __version__,
            reason,
            self.path or "memory",
        )

    def _set_aside(self, source: Path, header: bytes, lines: list[bytes]) -> bool:
        """Move lines that this version cannot read to a file of their own; tell whether they are there now."""
        others = [path for path in self._paths if path != source and path.exists()]
        there = {line for path in others for line in path.read_bytes().split(b"\n")}
        new = [line for line in lines if line not in there]  # this run may not be the first that sets them aside
        if not new:
            return True
        aside = next((path for path in self._paths if not path.exists()), None)
        if aside is None or not _write_new(aside, [header, *new]):
            return False
        self._refused.add(aside)
        log.error(
            "%d pending writes are of kinds that fshunt %s does not know: moved to %s. Start fshunt %s once to write"
            " them, or remove the file",
            len(new),
            __version__,
            aside,
            _version_of(header),
        )
        return True

    def _give_up(self, error: OSError) -> None:
        self.close()
        if not self._error_logged:
            log.warning("pending writes are kept in memory only: %s: %s", self.path, error.strerror)
        self._error_logged = True


def _paths(folder: Path, node: str) -> list[Path]:
    """Return the names of a node's files. A node has no ``~`` in its name: they are no other node's."""
    more = (folder / f"outbox-{node}~{number}.jsonl" for number in range(2, MAX_FILES + 1))
    return [folder / f"outbox-{node}.jsonl", *more]


def _fail(number: int, reason: str) -> NoReturn:
    raise OSError(number, reason)


def _write_new(path: Path, lines: list[bytes]) -> bool:
    """Write a file; tell whether it is there whole."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        _write_lines(file, lines)
    except OSError:
        path.unlink()
        return False
    finally:
        os.close(file)
    return True


def _begin_line(file: int, size: int) -> None:
    """Write the header, or end the last line: whoever wrote it may not have come to its end, as on a full disk."""
    if b"\n" not in os.pread(file, MAX_HEADER_BYTES, 0):
        os.ftruncate(file, 0)
        _write_lines(file, [_as_line(HEADER)])
    elif os.pread(file, 1, size - 1) != b"\n":
        _write_lines(file, [b""])


def _as_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _write_lines(file: int, lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)
    if os.write(file, text) < len(text):
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _header_of(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def _why_refused(header: bytes) -> str | None:
    """Return why a file with this first line cannot be read; None: it can be."""
    found = _header_of(header).get("format")
    return None if found == FORMAT else f"its format is {found!r} and not {FORMAT}"


def _version_of(header: bytes) -> str:
    return str(_header_of(header).get("fshunt", "of an unknown version"))


def _parse(lines: list[bytes], path: Path) -> tuple[list[OutboxEvent], list[bytes]]:
    """Return the events of a file, and the lines that are JSON and no events of this version."""
    events: list[OutboxEvent] = []
    unknown: list[bytes] = []
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            json_value = json.loads(line)
        except (ValueError, RecursionError):
            log.warning("line %d of %s is not JSON and is dropped", number, path)
            continue
        try:
            events.append(from_json(json_value))
        except UnreadableEvent as error:
            log.warning("line %d of %s is of an unknown kind: %s", number, path, error)
            unknown.append(line)
    return events, unknown
