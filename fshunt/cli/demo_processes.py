"""The processes of a demo: its daemon, and its web pages."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.subprocess import PIPE, Popen

from fshunt.errors import FshuntError

START_SECONDS = 30.0
"""How long a process may take to start; it takes one."""

STOP_SECONDS = 15.0

PR_SET_PDEATHSIG = 1
"""Of ``prctl``: which signal a process gets when its parent has ended."""

TAKES_CALLS = re.compile(r"taking calls at \S+:(\d+)")


def environment(url: str, folder: str, **settings: str) -> dict[str, str]:
    """Return the environment of the demo's processes and commands: nothing of this machine's own fshunt gets in."""
    outer = {key: value for key, value in os.environ.items() if not key.startswith("FSHUNT_")}
    ours = {f"FSHUNT_{name.upper()}": value for name, value in settings.items()}
    return (
        outer
        | ours
        | {
            "FSHUNT_DATABASE_URL": url,
            "FSHUNT_CONFIG": os.devnull,
            "FSHUNT_LISTEN": "127.0.0.1:0",
            "FSHUNT_LOG_FORMAT": "json",
            "FSHUNT_STOP_TIMEOUT": "1",
            "FSHUNT_OUTBOX_DIR": folder,
        }
    )


@contextmanager
def closed_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP close a demo as Ctrl-C does, with exit status 128 + number; ``nohup`` still holds."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    for each, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(each, leave)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def running(
    what: str,
    words: list[str],
    environment: dict[str, str],
    started: re.Pattern[str],
    on_log: Callable[[str], None] = lambda _message: None,
) -> Iterator[str]:
    """Run ``fshunt WORDS``; yield what ``started`` finds in its log (group 1), and stop it afterwards.

    ``on_log`` is called with each message of its log. Raises FshuntError, with its last words, if it does not start.
    """
    found: AsyncResult[str] = AsyncResult()
    command = [sys.executable, "-m", "fshunt", *words]
    # A group of its own: Ctrl-C is for the demo alone, which stops its processes in order.
    with Popen(
        command, env=environment, stderr=PIPE, text=True, start_new_session=True, preexec_fn=_ending_with_us()
    ) as process:
        reader = gevent.spawn(_read_log, process, what, started, found, on_log)
        try:
            yield found.get(timeout=START_SECONDS)
        except gevent.Timeout:
            raise FshuntError(f"{what} did not start within {START_SECONDS:g} s.") from None
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
            reader.join(STOP_SECONDS)


def _ending_with_us() -> Callable[[], None]:
    """Return what a new process does first, so that it gets SIGTERM when the demo is gone, even by SIGKILL."""
    prctl, ours = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def ask_for_the_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != ours:  # gone already
            os._exit(1)

    return ask_for_the_signal


def _read_log(
    process: Any, what: str, started: re.Pattern[str], found: AsyncResult[str], on_log: Callable[[str], None]
) -> None:
    last = ""
    for line in process.stderr:
        last = _message(line)
        if match := started.search(last):
            found.set(match[1])
        on_log(last)
    if not found.ready():
        found.set_exception(FshuntError(f"{what} did not start: {last.removeprefix('Error: ')}"))


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line.strip()


def database_in(folder: str) -> str:
    """Return the URL of the demo's database."""
    return f"sqlite:///{Path(folder) / 'office.db'}"
