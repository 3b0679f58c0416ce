"""Writes down what happens, as it happens, without making a call wait for the disk.

Everything is written in the order in which it was said, in one greenlet. What cannot be written because the database
is away stays in the queue, and in a file should the daemon end meanwhile, and is written when it is back; every write
may be done twice and is then one row (the store's functions are idempotent), so that a COMMIT whose answer was lost
does no harm.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Concatenate, ParamSpec

import gevent
from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database
from fshunt.daemon.data.outbox_file import OutboxFile
from fshunt.daemon.data.writes import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Lane, Write
from fshunt.errors import DatabaseError, FshuntError, Locked

log = logging.getLogger(__name__)

P = ParamSpec("P")

MAX_BATCH = 200
"""Writes taken into one transaction: many calls then share one disk flush."""

GATHER_SECONDS = 0.02
"""How long a write waits for others to share its transaction, which costs more than some writes do."""

MAX_WAITING = 100_000
"""Writes kept while the database is away, about 100 MB; beyond it the oldest are lost, and that is logged."""

KEPT_SECONDS = 1.0
"""How long, at a stop, the database may take for what is kept in the file: the next start writes it as well."""


class Outbox:
    """The queue of writes, and the greenlet that does them; ``outbox_file`` is where they outlive the daemon."""

    def __init__(
        self, database: Database, outbox_file: OutboxFile, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._spool, self._clock = database, outbox_file, clock
        self._waiting: OrderedDict[Write, None] = OrderedDict()
        self._held_up = False
        """Whether a lock of somebody else holds some of them up."""
        self._something = Event()
        self._hurry = Event()
        self._empty = Event()
        self._empty.set()
        self._try_again = Event()
        self._lost = 0
        self._kept = 0
        self._keeps = False
        """Whether each write is kept as it comes: the database is away."""
        self.error: str | None = None
        """Why what waits could not be written; None: nothing hinders it."""
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Start writing, with what an earlier life of this daemon could not write."""
        for line in self._spool.restore():
            self._put(Write(line.function, line.args, line.kwargs, kept=True))
            self._kept += 1
        if self._kept:
            log.info("%d records of an earlier run are written now, from %s", self._kept, self._spool.path)
        self._greenlet = gevent.spawn(self._run)

    def put(self, function: Callable[Concatenate[Session, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have ``function(session, ...)`` written as soon as it can be; never waits, never fails."""
        self._put(Write(function, args, kwargs))

    def put_then(
        self,
        then: Callable[[], None],
        function: Callable[Concatenate[Session, P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """As ``put``, and call ``then`` when it is written, or when the database turns out to be away."""
        self._put(Write(function, args, kwargs, then))

    def _put(self, write: Write) -> None:
        if len(self._waiting) >= MAX_WAITING:
            oldest, _ = self._waiting.popitem(last=False)
            self._forget(oldest)
            self._tell([oldest])
            self._lost += 1
            if self._lost == 1 or self._lost % 1000 == 0:
                log.error("the database is away for too long: %d records of calls are lost", self._lost)
        if self._keeps and self._kept == len(self._waiting):  # not before an older one: their order counts
            self._keep(write)
        self._waiting[write] = None
        self._empty.clear()
        self._something.set()

    def hurry(self) -> None:
        """Have what waits written at once: what a daemon that is killed now must not have forgotten."""
        self._hurry.set()

    @property
    def writes(self) -> bool:
        """Whether it goes on: it ends by an error inside fshunt only, or when it is stopped."""
        return self._greenlet is not None and not self._greenlet.dead

    @property
    def unwritten(self) -> int:
        """How many writes wait."""
        return len(self._waiting)

    @property
    def catches_up(self) -> bool:
        """Whether something still waits that was kept: until then the database may not know how older calls ended."""
        return self._kept > 0

    def keep(self) -> None:
        """The database is away: let what waits, and what comes, outlive the daemon until it is back."""
        self._keeps = True
        for write in self._waiting:
            if not self._keep(write):
                return

    def first_values(self, *functions: Callable[..., object]) -> list[Any]:
        """Return what those that wait of these functions are given first, such as the hunt whose record is closed."""
        return [write.args[0] for write in self._waiting if write.function in functions]

    def try_again(self) -> None:
        """The database is back: do not wait for the end of the pause."""
        self._try_again.set()

    def flush(self, timeout: float | None) -> bool:
        """Wait until all is written, at most ``timeout`` seconds; tell whether it is."""
        return bool(self._empty.wait(timeout))

    def stop(self, timeout: float) -> None:
        """Write what is left, and stop; what the file keeps is waited for ``KEPT_SECONDS``, all else ``timeout`` s.

        What neither the database nor the file has taken is lost, and logged.
        """
        if not self.flush(min(timeout, KEPT_SECONDS)):
            self.keep()
            if self._kept < len(self._waiting) and not self.flush(max(0.0, timeout - KEPT_SECONDS)):
                self.keep()
            kept, lost = self._kept, len(self._waiting) - self._kept
            if kept:
                log.warning(
                    "stopped before %d records were written: the next start does, from %s", kept, self._spool.path
                )
            if lost:
                log.error("stopped before %d records could be written: they are lost", lost)
        if self._greenlet is not None:
            self._greenlet.kill()
        self._spool.close()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._something.wait(self._until_next_try())
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            self._something.clear()
            try:
                self._write_some()
            except DatabaseError as error:
                self._say_that_they_wait(error)
                self.keep()
                self._tell(self._some(MAX_BATCH))
                self._try_again.wait(pause)
                self._try_again.clear()
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                self._something.set()
                continue
            pause = FIRST_PAUSE_SECONDS
            if not self._held_up:
                self.error, self._keeps = None, False

    def _write_some(self) -> None:
        """Write the oldest in one transaction; where a lock of somebody else holds it up, what is not held up by it."""
        if not self._held_up:
            batch = self._some(MAX_BATCH)
            try:
                self._write(batch)
            except Locked as error:
                self._say_that_they_wait(error)
                self._held_up = True
            else:
                self._done(batch)
                return
        self._write_around_locks()

    def _write_around_locks(self) -> None:
        """Write what can be: claims first, as others wait for these members, then records, then each stamp by itself.

        A lock may hold up the records, which are written in their order, or single stamps and memories.
        """
        lanes = self._lanes()
        parts = [lanes[Lane.CLAIMS], lanes[Lane.RECORDS], *([each] for each in lanes[Lane.STAMPS])]
        for part in parts:
            if not part or part[0].not_before > self._clock():
                continue
            try:
                self._write(part[:MAX_BATCH])
            except Locked as error:
                self._say_that_they_wait(error)
                self.keep()
                part[0].put_off(self._clock())
                self._tell(part)
                self._something.set()
                return  # the claims are first again
            self._done(part[:MAX_BATCH])
        self._held_up = any(write.not_before for write in self._waiting)

    def _lanes(self) -> dict[Lane, list[Write]]:
        lanes: dict[Lane, list[Write]] = {lane: [] for lane in Lane}
        for write in self._waiting:
            lanes[write.lane].append(write)
        return lanes

    def _until_next_try(self) -> float | None:
        """Seconds until something that is held up is tried again; None: nothing is."""
        if not self._held_up:
            return None
        return max(0.0, min((w.not_before for w in self._waiting if w.not_before), default=0.0) - self._clock())

    def _some(self, most: int) -> list[Write]:
        return list(islice(self._waiting, most))

    def _write(self, batch: list[Write]) -> None:
        """Do the writes of a batch in one transaction; if one of them is wrong, one by one, without that one."""

        def all_of(session: Session) -> None:
            for write in batch:
                write(session)

        try:
            self._database.run(all_of, write=True)
        except DatabaseError:
            raise
        except FshuntError as error:
            if len(batch) == 1:
                name = getattr(batch[0].function, "__name__", "?")
                log.warning("a record could not be written and is left out: %s: %s", name, error)
                return
            for write in batch:
                self._write([write])

    def _say_that_they_wait(self, error: DatabaseError) -> None:
        level = logging.DEBUG if self.error == str(error) else logging.WARNING
        log.log(level, "%d records wait for the database: %s", len(self._waiting), error)
        self.error = str(error)

    @staticmethod
    def _tell(batch: Iterable[Write]) -> None:
        for write in batch:
            then, write.then = write.then, None
            if then is not None:
                then()

    def _done(self, batch: Iterable[Write]) -> None:
        for write in batch:
            self._waiting.pop(write, None)
            self._forget(write)
        if not self._kept:
            self._spool.clear()
        if self._waiting:
            self._something.set()
        else:
            self._empty.set()
        self._tell(batch)

    def _keep(self, write: Write) -> bool:
        if not write.kept:
            write.kept = self._spool.keep(write.function, write.args, write.kwargs)
            self._kept += write.kept
        return write.kept

    def _forget(self, write: Write) -> None:
        self._kept -= write.kept
        write.kept = False
