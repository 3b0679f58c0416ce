"""A terminal whose whole screen a command uses, and which is as it was before, however the command ends."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""The other screen, without a cursor, and empty."""
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a program, here after the terminal was restored."""

KEY_BYTES = 64
"""More than any key sends."""


def is_whole_screen(environ: dict[str, str] | os._Environ[str] = os.environ) -> bool:
    """Whether this is a terminal that can be drawn on, with keys."""
    return sys.stdin.isatty() and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"


class Terminal:
    """The whole screen, from ``with`` on. Keys come at once and are not shown; Ctrl-C raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self._stdin = sys.stdin.fileno()
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(self._woken, False)
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now, whatever `COLUMNS` says."""
        columns, lines = os.get_terminal_size(self._stdin)
        return max(columns, 1), max(lines, 1)

    def __enter__(self) -> Self:
        """Take the screen."""
        try:
            self._handlers = {each: signal.signal(each, self._end) for each in ENDING}
            self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._resized)
            self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stopped)
            self._take()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the screen back."""
        self._restore()

    def show(self, lines: Sequence[str]) -> None:
        """Draw lines, none wider than the screen, in place of what is there."""
        drawn = "\r\n".join(f"{line}{REST_OF_LINE}" for line in lines)
        sys.stdout.write(f"{HOME}{drawn}{REST_OF_SCREEN}")
        sys.stdout.flush()

    def wait(self, seconds: float) -> bytes:
        """Wait for a key, a wake-up or another size, and return the bytes of the keys."""
        ready, _, _ = select.select([self._stdin, self._woken], [], [], max(0.0, seconds))
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, KEY_BYTES)
        if self._stdin not in ready:
            return b""
        keys = os.read(self._stdin, KEY_BYTES)
        if not keys:
            raise EOFError  # the terminal is gone
        return keys

    def wake(self) -> None:
        """End the wait, from any thread."""
        with suppress(BlockingIOError, OSError):
            os.write(self._wakes, b".")

    def _take(self) -> None:
        self._before = termios.tcgetattr(self._stdin)
        tty.setcbreak(self._stdin)
        sys.stdout.write(ENTER)
        sys.stdout.flush()

    def _give_back(self) -> None:
        if self._before is None:
            return
        before, self._before = self._before, None
        with suppress(termios.error):  # whoever was at the terminal has gone
            termios.tcsetattr(self._stdin, termios.TCSANOW, before)
        with suppress(OSError, ValueError):
            sys.stdout.write(LEAVE)
            sys.stdout.flush()

    def _restore(self) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _end(self, number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        self.wake()

    def _stopped(self, number: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its terminal, until `fg`."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(signal.SIGTSTP, self._stopped)
        self._take()
        self.wake()
