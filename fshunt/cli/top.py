"""`fshunt top`: all groups live on one screen."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.following import rest_after, watched_by
from fshunt.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fshunt.cli.terminal import Terminal
    from fshunt.services.top_view import Overview, TopView

DRAW_SECONDS = 1.0
PLAIN_COLUMNS = 100
"""Width of one screen that goes elsewhere than to a terminal."""

DAEMONS_SECONDS = 3.0
"""How long one screen alone waits for what the daemons see."""

AGAIN_SECONDS = 0.2

LATE_SECONDS = 5.0
"""A look that takes longer is told."""

UP, DOWN, PAGE_UP, PAGE_DOWN = (b"\x1b[A", b"k"), (b"\x1b[B", b"j"), (b"\x1b[5~",), (b"\x1b[6~", b" ")
STEPS = {key: step for keys, step in ((UP, -1), (DOWN, 1), (PAGE_UP, -10), (PAGE_DOWN, 10)) for key in keys}
QUITS = (b"q", b"Q")


@click.command("top", cls=NounCommand, json=False, example="fshunt top")
@click.argument("pilot", type=params.PILOT, required=False)
@pass_app
def top(app: App, pilot: str | None) -> int:
    """Show all groups live: callers, members and the last calls.

    It looks each second: how many callers wait, and how many members ring, talk, are free, blocked or unregistered.
    q or Ctrl-C quits; the arrow keys and the page keys scroll groups that do not fit.

    With PILOT: that group. Without --domain and the setting `default_domain`: the groups of all domains. Where the
    output is no terminal, it prints one screen and ends.
    """
    view = late.top_view.TopView(app.store, watched_by(app, pilot))
    if not late.terminal.is_whole_screen():
        print_once(view)
        return 0
    with late.terminal.Terminal() as terminal, _Looker(view, terminal.wake) as looker:
        try:
            _show_until_quit(terminal, looker)
        except (KeyboardInterrupt, EOFError):
            return 0
    return 0


def print_once(view: TopView) -> None:
    """Print one screen: as soon as the daemons have said what they see, or have had their time to."""
    until = time.monotonic() + DAEMONS_SECONDS
    overview = view.look()
    while overview.awaited and time.monotonic() < until:
        time.sleep(AGAIN_SECONDS)
        overview = view.look()
    screen = late.top_screen.Screen(overview, datetime.now(UTC), keys=False)
    for line in late.top_screen.draw(screen, late.top_screen.Size(PLAIN_COLUMNS)):
        output.say(line.rstrip())


def _show_until_quit(terminal: Terminal, looker: _Looker) -> None:
    first, colour = 0, output.on_terminal(sys.stdout)
    while True:
        overview, trouble = looker.newest()
        last = late.top_screen.group_lines(overview) - 1
        first = max(0, min(first, last))
        screen = late.top_screen.Screen(overview, datetime.now(UTC), trouble, first, colour=colour)
        terminal.show(late.top_screen.draw(screen, late.top_screen.Size(*terminal.size)))
        for key in keys_in(terminal.wait(DRAW_SECONDS)):
            if key in QUITS:
                return
            first = max(0, min(first + STEPS.get(key, 0), last))


def keys_in(read: bytes) -> list[bytes]:
    """Return the keys among bytes that were read; of those that send several bytes, those that are known."""
    found = []
    while read:
        known = next((key for key in STEPS if len(key) > 1 and read.startswith(key)), read[:1])
        found.append(known)
        read = read[len(known) :]
    return found


class _Looker:
    """Looks in a thread of its own, so that the screen and the keys do not wait for a database that is away."""

    def __init__(self, view: TopView, on_news: Callable[[], None]) -> None:
        self._view, self._on_news = view, on_news
        self._overview: Overview = late.top_view.Overview(datetime.now(UTC))
        self._trouble = ""
        self._error: Exception | None = None
        self._began_at: float | None = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="looks", daemon=True)

    def __enter__(self) -> _Looker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    def newest(self) -> tuple[Overview, str]:
        """Return what was seen last, and what is wrong; raise what ended the thread."""
        if self._error is not None:
            raise self._error
        began_at, trouble = self._began_at, self._trouble
        took = 0.0 if began_at is None else time.monotonic() - began_at
        if not trouble and took > LATE_SECONDS:
            trouble = f"the database has not answered for {took:.0f} s."
        return self._overview, trouble

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._began_at = began = time.monotonic()
            try:
                self._overview, self._trouble = self._view.look(), ""
            except DatabaseError as error:
                self._trouble = str(error)
            except Exception as error:  # noqa: BLE001  told by the main thread
                self._error = error
                self._stopped.set()
            took = time.monotonic() - began
            self._began_at = None
            self._on_news()
            self._stopped.wait(rest_after(took))
