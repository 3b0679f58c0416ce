"""Connections to PostgreSQL with fewer round trips: a call waits for a database that may be far away.

A transaction begins together with its first statement, and statements whose answers nobody needs are sent together,
with the COMMIT if they are the last (psycopg's pipeline mode). So most transactions of a hunt wait for two answers:
``python -m tests.benchmarks.pipelining`` measures what that saves.
"""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg.errors import PipelineAborted
from psycopg.pq import PipelineStatus

R = TypeVar("R")

BEGIN = b"BEGIN"
BEGIN_READING = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""One snapshot for all statements."""

SILENT_SECONDS = 15.0
"""A server that has sent nothing for so long, longer than a statement may run, while we wait for its answer, is gone.
TCP does not tell where something in between, such as a proxy, continues to take our packets."""

SILENT_MARGIN_SECONDS = 1.0
"""How long after the end of the longest statement the server has for saying so."""


class PipedConnection(psycopg.Connection[Any]):
    """A connection whose transactions begin with their first statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = PipedCursor
        self.begin_with: bytes | None = None
        """The BEGIN that is still to be sent, with the first statement; None: none is."""
        self._statement_seconds = 0.0
        self.unanswered = 0
        """How many of the next statements are sent together, without waiting for each answer."""
        self._pipe: ExitStack | None = None

    def set_timeouts(self, milliseconds: Mapping[str, int]) -> int:
        """Have the server keep these timeouts, ``statement_timeout`` among them; return the number of its process."""
        setting = ", ".join(f"set_config('{name}', '{value:d}', false)" for name, value in milliseconds.items())
        row = self.execute(f"SELECT pg_backend_pid(), {setting}").fetchone()
        self._statement_seconds = milliseconds["statement_timeout"] / 1000
        assert row is not None
        return int(row[0])

    def expect_long_statements(self, seconds: float) -> None:
        """Allow the server so long for a statement before it counts as gone; some of a migration take minutes."""
        self._statement_seconds = seconds

    @property
    def longest_silence_seconds(self) -> float:
        """After how many seconds without a word, while an answer is awaited, the server is gone."""
        return max(SILENT_SECONDS, self._statement_seconds + SILENT_MARGIN_SECONDS)

    def was_spoken_to(self) -> bool:
        """Return whether the server has sent something unasked, or ended the connection."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def wait(self, gen: Generator[Any, Any, R], *args: Any, **named: Any) -> R:
        """Wait for the server as psycopg does, but give up a connection that stays silent."""
        return super().wait(self._while_it_speaks(gen), *args, **named)

    def _while_it_speaks(self, gen: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
        """Pass on what psycopg waits for: what is ready, or 0 now and then if nothing is."""
        heard, longest_silence = time.monotonic(), self.longest_silence_seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = now
                elif now - heard > longest_silence:
                    self.pgconn.finish()  # nobody must wait for it again, not even to roll back
                    raise psycopg.OperationalError(f"the server has sent nothing for {longest_silence:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: R = done.value
            return result

    def begin(self, *, reading: bool, immediate: bool = False, guarded: bool = True) -> None:  # noqa: ARG002 (SQLite's)
        """Begin a transaction, for ``reading`` one that sees one moment; it is sent with the next statement."""
        self.begin_with = BEGIN_READING if reading else BEGIN

    def hold_answers(self, statements: int, *, until_commit: bool) -> None:
        """Send so many statements together, and the COMMIT with them if it is to follow."""
        self.unanswered = statements + until_commit

    def open_pipe(self) -> None:
        """Send the next statements without waiting for answers."""
        if self._pipe is None:
            self._pipe = ExitStack()
            self._pipe.enter_context(self.pipeline())

    def close_pipe(self) -> None:
        """Wait for all answers; raise the first error."""
        pipe, self._pipe, self.unanswered = self._pipe, None, 0
        if pipe is None:
            return
        try:
            pipe.close()
        except psycopg.Error as error:
            raise _first_of(error) from None

    def commit(self) -> None:
        """Commit the transaction."""
        self.begin_with = None
        if self._pipe is None:
            super().commit()
            return
        # Not psycopg's own commit, which sends nothing while the answer to BEGIN is outstanding.
        psycopg.Cursor(self).execute(b"COMMIT")
        self.close_pipe()

    def rollback(self) -> None:
        """Roll the transaction back; if the connection is lost the server does so by itself.

        It is called because of an error, which an error of its own would hide.
        """
        self.begin_with = None
        with suppress(psycopg.Error):
            self.close_pipe()
        if self.pgconn.pipeline_status != PipelineStatus.OFF:
            self.close()  # answers will never come
        if not self.closed:
            super().rollback()


def _first_of(error: psycopg.Error) -> psycopg.Error:
    """Return the error of the first refused statement: those after it in a pipeline are only reported as aborted."""
    found = error
    while _only_follows(found) and isinstance(found.__context__, psycopg.Error):
        found = found.__context__
    return found


def _only_follows(error: psycopg.Error) -> bool:
    """Whether an error is only a consequence: the pipeline is aborted, or cannot be left while answers are missing."""
    return isinstance(error, PipelineAborted) or str(error).startswith("cannot exit pipeline mode")


class PipedCursor(psycopg.Cursor[Any]):
    """A cursor that sends BEGIN if it is due, and leaves the answer for later if its connection says so."""

    connection: PipedConnection

    def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        """Send a statement, and wait for the answer unless the connection holds answers."""
        connection = self.connection
        begin, connection.begin_with = connection.begin_with, None
        if begin is None and not connection.unanswered:
            return super().execute(query, params, **how)
        connection.open_pipe()
        if begin is not None:
            psycopg.Cursor(connection).execute(begin)
        super().execute(query, params, **how)
        connection.unanswered = max(0, connection.unanswered - 1)
        if not connection.unanswered:
            connection.close_pipe()
        return self

    def executemany(self, query: Any, params_seq: Any, **how: Any) -> None:
        """Send a statement with many sets of values, and wait for the answers."""
        begin, self.connection.begin_with = self.connection.begin_with, None
        if begin is not None:
            psycopg.Cursor(self.connection).execute(begin)
        super().executemany(query, params_seq, **how)
