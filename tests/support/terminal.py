"""A program on a terminal of its own, as somebody sits at it: its output, keys, the size, and how it leaves it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.support.waiting import WAIT_SECONDS

CHUNK = 65536


class OnTerminal:
    """A program on a pseudo-terminal, which is its controlling terminal."""

    def __init__(self, program: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = (80, 24)) -> None:
        self.seen = ""
        self._exit_code: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:  # the child
            with suppress(BaseException):
                _set_size(0, size)
                os.execve(program[0], program, {"TERM": "xterm", **env})
            os._exit(99)
        self.modes = termios.tcgetattr(self._fd)

    def until(self, text: str) -> str:
        """Read until a text stands in what is printed from now on; return what was read."""
        before, end = len(self.seen), time.monotonic() + WAIT_SECONDS
        while text not in self.seen[before:]:
            assert time.monotonic() < end, self.seen[before:]
            assert self._read(), f"it has ended: {self.seen[before:]}"
        return self.seen[before:]

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size, as a window does."""
        _set_size(self._fd, size)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def modes_now(self) -> list[object]:
        """The modes of the terminal."""
        return termios.tcgetattr(self._fd)

    def end(self) -> int:
        """Wait for its end, and return the exit code, 128 and more by a signal."""
        if self._exit_code is None:
            end = time.monotonic() + WAIT_SECONDS
            while self._read():
                assert time.monotonic() < end, "it does not end"
            _, status = os.waitpid(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self._exit_code = code if code >= 0 else 128 - code
        return self._exit_code

    def close(self) -> None:
        """Leave nothing behind."""
        if self._exit_code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def _read(self) -> bool:
        """Read some; tell whether the program is still there."""
        if not select.select([self._fd], [], [], 0.5)[0]:
            return True
        try:
            read = os.read(self._fd, CHUNK)
        except OSError:  # the last who had the terminal has closed it
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)


def _set_size(fd: int, size: tuple[int, int]) -> None:
    columns, lines = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
