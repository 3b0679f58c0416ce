"""Long files: made part by part, each in a native thread when the client has taken the part before it.

So a file has any length, a slow client holds neither a thread nor a transaction, and all who wait have their turn.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from gevent.threadpool import ThreadPool

from fshunt.errors import FshuntError
from fshunt.web.http.connection import ClientGone
from fshunt.web.http.workers import Busy

FILE_THREADS = 1

MAX_FILES, FILES_OF_ONE_CLIENT = 16, 4
"""On their way at a time."""

log = logging.getLogger(__name__)


class LongFile:
    """The body of a response. ``parts`` may wait for the database, and keeps nothing open between two parts."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self.is_broken = False
        """Whether it has ended early, by an error."""

    def next_part(self) -> bytes | None:
        """Return the next part, which may be empty; None: there is none, or it could not be made, which is logged."""
        try:
            return next(self._parts, None)
        except FshuntError as error:
            log.warning("a file ends early: %s", error)
        except Exception:  # the outermost frame of a job: it must not end the thread
            log.exception("internal error in a file")
        self.is_broken = True
        return None

    def chunks(self) -> Iterator[bytes]:
        """Give all parts, to a client in this process that may wait."""
        yield from self._parts

    def close(self) -> None:
        """Nothing: between two parts it keeps nothing open."""


class Files:
    """The thread that makes parts, and the files on their way."""

    def __init__(self) -> None:
        self._pool = ThreadPool(FILE_THREADS)
        self._open: Counter[str] = Counter()

    def begin(self, file: LongFile, client: str) -> Sending:
        """Return the file as a stream for a client. Raises Busy where there are too many already."""
        if self._open.total() >= MAX_FILES or self._open[client] >= FILES_OF_ONE_CLIENT:
            raise Busy
        self._open[client] += 1
        return Sending(file, self, client)

    def make(self, file: LongFile) -> bytes | None:
        """Return the next part; only the greenlet that asks waits."""
        part: bytes | None = self._pool.apply(file.next_part)
        return part

    def end(self, client: str) -> None:
        """Have room for another file."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]

    def close(self) -> None:
        """End the thread after the part that it makes."""
        self._pool.kill()


class Sending:
    """A file on its way to a client: an `EventStream`."""

    def __init__(self, file: LongFile, files: Files, client: str) -> None:
        self._file, self._files, self._client = file, files, client

    def chunks(self) -> Iterator[bytes]:
        """Give the parts. Raises ClientGone for a file that ends early: the client then knows that it is not whole."""
        while (part := self._files.make(self._file)) is not None:
            if part:
                yield part
        if self._file.is_broken:
            raise ClientGone

    def close(self) -> None:
        """Leave room for another file."""
        self._files.end(self._client)
