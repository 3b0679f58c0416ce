"""The outbox: what must reach the database, in order and once, without a call that waits for it.

Events go into a queue, and one writer writes them in batches. What the database cannot take stays in the queue and,
while that lasts, in a file, so that the next run of the daemon writes it should this one end. While the database takes
events, only those that a killed daemon must not have forgotten go into the file, as they are hurried: the system takes
them before the next command is sent to a switch, and nobody waits for the disk.

To apply an event twice has the effect of applying it once, so a COMMIT whose answer was lost does no harm.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from gevent.event import Event

from fshunt.backoff import Backoff
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.events import CallEnd, OrderKey, OutboxEvent, Scope
from fshunt.daemon.data.outbox_file import OutboxFile
from fshunt.db.statements import Transaction
from fshunt.errors import DatabaseError, FshuntError, Locked
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

MAX_BATCH = 200
"""Events written in one transaction: many calls then share one disk flush."""

GATHER_SECONDS = 0.02
"""How long an event waits for others to share its transaction, which costs more than some events do."""

MAX_PENDING = 100_000
"""Events held while the database is away, about 100 MB; beyond it the oldest are lost, and that is logged."""

MAX_KEYS_APART = 100
"""Keys that are written one by one as a lock may hold them up. More than that is no locked row but a locked table:
all else but claims then waits, too, and is written in batches again when the table is free."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Pauses between tries while the database is away, or a row is locked."""

KEPT_SECONDS = 1.0
"""How long, at a stop, the database may take for what the file keeps: the next start writes it as well."""


@dataclass(slots=True, eq=False)
class Entry:
    """An event in the queue. ``then`` is called when it is written, or when it is clear that it will be late."""

    event: OutboxEvent
    then: Callable[[], None] | None = None
    in_file: bool = False
    """Whether the next run writes it, should this one end before it does."""


def _backoff() -> Backoff:
    return Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)


@dataclass(slots=True)
class Apart:
    """The oldest events with one key, which are written by themselves as a lock may hold them up."""

    entries: list[Entry] = field(default_factory=list)
    backoff: Backoff = field(default_factory=_backoff)
    not_before: float = 0.0
    """When they are tried again, in seconds of the monotonic clock."""


class Outbox:
    """The queue of events and its writer, a service. All state is here, none in the greenlet."""

    def __init__(self, database: Database, file: OutboxFile, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._file, self._clock = database, file, clock
        self._entries: OrderedDict[Entry, None] = OrderedDict()
        self._in_file = 0
        """How many of the oldest entries are in the file."""
        self._keeps = False
        """Whether each event goes to the file as it comes: the database is away, or a lock holds some up."""
        self._catches_up = False
        """Whether the file has events that the database could not take when they came."""
        self._apart: OrderedDict[OrderKey, Apart] = OrderedDict()
        self._lost = 0
        self._pause = _backoff()
        self._arrived, self._hurry, self._database_back, self._empty = Event(), Event(), Event(), Event()
        self._empty.set()
        self.error: str | None = None
        """Why events could not be written; None: nothing hinders it."""

    # What calls and others use.

    def put(self, event: OutboxEvent, then: Callable[[], None] | None = None) -> None:
        """Have an event written as soon as it can be; never waits, never fails.

        ``then`` is called when it is written, or when the database turns out to be away.
        """
        self._add(Entry(event, then))

    def hurry(self) -> None:
        """Have pending events written at once, and in the file until then, should this daemon be killed now."""
        self._keep_pending()
        self._hurry.set()

    def flush(self, timeout: float | None) -> bool:
        """Wait until all is written, at most ``timeout`` seconds; tell whether it is."""
        return bool(self._empty.wait(timeout))

    @property
    def pending(self) -> int:
        """How many events wait to be written."""
        return len(self._entries)

    @property
    def hunts_ending(self) -> list[str]:
        """The hunts whose end is pending: the database has their calls still open."""
        return [entry.event.hunt_id for entry in self._entries if isinstance(entry.event, CallEnd)]

    @property
    def catches_up(self) -> bool:
        """Whether events are pending that the database could not take: it may not know how older calls ended."""
        return self._catches_up

    # The service.

    def start(self) -> None:
        """Take in what earlier runs of this daemon could not write; ``run`` then writes it first."""
        for event in self._file.restore():
            self._in_file += 1
            self._add(Entry(event, in_file=True))
        if self._in_file:
            self._catches_up = True
            log.info("writing %d pending writes of an earlier run from %s", self._in_file, self._file.path)

    def stop(self, timeout: float) -> None:
        """Write what is pending, and stop; what the file keeps gets ``KEPT_SECONDS``, all else ``timeout`` seconds.

        What neither the database nor the file has taken is lost, and logged. Until then events may still come.
        """
        if not self.flush(min(timeout, KEPT_SECONDS)):
            self.keep()
            if self._in_file < self.pending and not self.flush(max(0.0, timeout - KEPT_SECONDS)):
                self.keep()
            kept, lost = self._in_file, self.pending - self._in_file
            if kept:
                words = "stopped with %d writes pending: the next start writes them from %s"
                log.warning(words, kept, self._file.path, extra=about(LogEvent.WRITES_PENDING))
            if lost:
                log.error("stopped with %d writes pending: they are lost", lost, extra=about(LogEvent.WRITES_LOST))

    def close(self) -> None:
        """Close the file, when ``run`` has ended."""
        self._file.close()

    def keep(self) -> None:
        """The database is away: keep what is pending, and what comes, in the file until it is back."""
        self._keeps = True
        self._keep_pending()
        self._catches_up = self._in_file > 0

    def database_back(self) -> None:
        """Do not wait for the end of the pause between tries."""
        self._database_back.set()

    def run(self) -> None:
        """Write events until killed; begun anew after an error, it continues with what is pending."""
        while True:
            self._arrived.wait(self._until_work())
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            self._arrived.clear()
            try:
                self._write_some()
            except DatabaseError as error:
                self._wait_for_database(error)
            else:
                self._pause.reset()
                if not self._apart:
                    self.error, self._keeps = None, False

    # The queue and the file.

    def _add(self, entry: Entry) -> None:
        if self.pending >= MAX_PENDING:
            self._lose_oldest()
        if self._keeps and self._in_file == self.pending:  # not before an older one: their order counts
            self._catches_up = self._keep(entry) or self._catches_up
        self._entries[entry] = None
        self._empty.clear()
        self._arrived.set()

    def _lose_oldest(self) -> None:
        oldest, _ = self._entries.popitem(last=False)
        self._leaves_file(oldest)
        self._call_back([oldest])
        self._lost += 1
        if self._lost == 1 or self._lost % 1000 == 0:
            words = "more than %d writes pending: the oldest are dropped, %d so far"
            log.error(words, MAX_PENDING, self._lost, extra=about(LogEvent.WRITES_LOST))

    def _keep_pending(self) -> None:
        """Put into the file what is pending and not there; it ends at the first that the file does not take."""
        if self._in_file < self.pending:
            for entry in self._entries:
                if not self._keep(entry):
                    return

    def _keep(self, entry: Entry) -> bool:
        if not entry.in_file:
            entry.in_file = self._file.append(entry.event)
            self._in_file += entry.in_file
        return entry.in_file

    def _leaves_file(self, entry: Entry) -> None:
        self._in_file -= entry.in_file
        entry.in_file = False

    # The writer.

    def _until_work(self) -> float | None:
        """Return the seconds until something can be tried; None: nothing is pending."""
        if not self._apart:
            return 0.0 if self._entries else None
        if self._choose(1):
            return 0.0
        return max(0.0, min(apart.not_before for apart in self._apart.values()) - self._clock())

    def _write_some(self) -> None:
        """Write the oldest in one transaction; while locks hold some up, claims first, then one of these, then others.

        So callers who wait for a member wait for one lock of somebody else at most.
        """
        if self._apart:
            self._try(self._choose(MAX_BATCH, only_claims=True))
            self._try_one_apart()
        self._try(self._choose(MAX_BATCH))

    def _choose(self, most: int, *, only_claims: bool = False) -> list[Entry]:
        """Return the oldest that nothing holds up."""
        if not self._apart:
            return list(islice(self._entries, most))
        chosen = (entry for entry in self._entries if entry.event.key not in self._apart)
        if only_claims or len(self._apart) >= MAX_KEYS_APART:
            chosen = (entry for entry in chosen if entry.event.key.scope is Scope.CLAIMS)
        return list(islice(chosen, most))

    def _try(self, batch: list[Entry]) -> None:
        """Write a batch; if it meets a lock, set its keys apart, claims first."""
        try:
            self._write(batch)
        except Locked as error:
            self._log_pending(error)
            for entry in sorted(batch, key=lambda entry: entry.event.key.scope):
                self._apart.setdefault(entry.event.key, Apart()).entries.append(entry)
        else:
            self._written(batch)

    def _try_one_apart(self) -> None:
        """Write the events of the key that has waited longest for it."""
        due = next((key for key, apart in self._apart.items() if apart.not_before <= self._clock()), None)
        if due is None:
            return
        apart = self._apart[due]
        try:
            self._write(apart.entries)
        except Locked as error:
            self._log_pending(error)
            self.keep()
            apart.not_before = self._clock() + apart.backoff.next()
            self._apart.move_to_end(due)
            self._call_back(apart.entries)
        else:
            del self._apart[due]
            self._written(apart.entries)

    def _write(self, batch: list[Entry]) -> None:
        """Write a batch in one transaction; if an event is wrong, write one by one, without that one."""
        if not batch:
            return

        def apply_all(transaction: Transaction) -> None:
            for entry in batch:
                entry.event.apply(transaction)

        try:
            self._database.run_lean(apply_all, write=True)
        except DatabaseError:
            raise
        except FshuntError as error:
            if len(batch) == 1:
                log.warning("write %s is invalid and is dropped: %s", batch[0].event.kind, error)
                return
            for entry in batch:
                self._write([entry])

    def _written(self, batch: list[Entry]) -> None:
        for entry in batch:
            self._entries.pop(entry, None)
            self._leaves_file(entry)
        if not self._in_file:
            self._catches_up = False
            self._file.clear()
        if not self._entries:
            self._empty.set()
        self._call_back(batch)

    def _wait_for_database(self, error: DatabaseError) -> None:
        self._log_pending(error)
        self.keep()
        self._call_back(self._entries)
        self._database_back.wait(self._pause.next())
        self._database_back.clear()

    def _log_pending(self, error: DatabaseError) -> None:
        level = logging.DEBUG if self.error == str(error) else logging.WARNING
        log.log(level, "%d writes pending: %s", self.pending, error, extra=about(LogEvent.WRITES_PENDING))
        self.error = str(error)

    @staticmethod
    def _call_back(entries: Iterable[Entry]) -> None:
        """Call what is to be called after events."""
        for entry in [entry for entry in entries if entry.then is not None]:
            then, entry.then = entry.then, None
            try:
                if then is not None:
                    then()
            except Exception:  # one sender's mistake must not keep the writes of all others waiting
                log.exception("internal error after write %s", entry.event.kind)
