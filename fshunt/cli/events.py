"""`fshunt events`: what happens, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, pass_app
from fshunt.cli.change_words import told
from fshunt.cli.following import Lines, follow, watched_by
from fshunt.cli.output import Column
from fshunt.errors import DatabaseError

if TYPE_CHECKING:
    from fshunt.db.queries.live import Watched
    from fshunt.services.events import Event
    from fshunt.services.live import LiveState

DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000
SHOWN_UUID_CHARS = 8

COLUMNS = (
    Column("time", wraps=True),
    Column("pilot", drop=2),
    Column("event", drop=1),
    Column("what", wraps=True),
    Column("call", drop=3),
)


@click.command("events", cls=ListCommand, example="fshunt events 5000 --follow")
@click.argument("pilot", type=params.PILOT, required=False)
@click.option("--follow", "-f", "follows", is_flag=True, help="Print further events as they happen, until Ctrl-C.")
@click.option(
    "--limit",
    type=params.Count(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Show the last N events at first.",
)
@pass_app
def events(app: App, pilot: str | None, follows: bool, limit: int) -> None:
    """Show what happens: calls, ringing phones, blocks and changes.

    The newest is last. With PILOT: of that group. Without --domain and the setting `default_domain`: of all domains.

    With --follow, phones that come and go and callers who begin to wait are told, too; --json then prints one document
    a line.
    """
    watched = watched_by(app, pilot)
    feed = late.event_feed.EventFeed(watched)
    with app.store.reading() as session:
        found = feed.begin(session, limit, datetime.now(UTC))
    if not follows:
        app.show_list(
            "events",
            lambda: [_value(each) for each in found],
            COLUMNS,
            lambda: _rows(app, found),
            "No events yet: `fshunt config check` says whether a call to a pilot would reach fshunt.",
        )
        return
    lines, states = Lines(app, "event", COLUMNS), _States(app, watched)

    def tell(new: Sequence[Event]) -> None:
        lines.add((_value(each) for each in new), _rows(app, new))

    def look() -> None:
        with app.store.reading() as session:
            new = feed.look(session, datetime.now(UTC))
        tell(new)  # before anything else can fail: the feed does not tell them again
        tell(states.look())

    tell(found)
    follow(look)


class _States:
    """Asks the daemons to say what their switches see, and tells what has changed in it."""

    def __init__(self, app: App, watched: Sequence[Watched]) -> None:
        self._watched = frozenset(watched)
        self._looking, self._view = late.live.Looking(app.store), late.live.LiveView(app.store)
        self._feed = late.event_feed.StateFeed()
        self._warned: set[str] = set()

    def look(self) -> list[Event]:
        try:
            self._looking.say(self._watched)
        except DatabaseError as error:  # a database that cannot be written can be read
            self._warn(f"Daemons cannot be asked for what they see: {error}")
        state: LiveState = self._view.look(self._watched)
        for sentence in state.sentences:
            self._warn(sentence)
        self._warned &= {*state.sentences, *(each for each in self._warned if each.startswith("Daemons"))}
        return self._feed.look(state)

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            output.warn(sentence)
        self._warned.add(sentence)


def _value(event: Event) -> dict[str, object]:
    return late.serialize.event_json(event, _words(event))


def _words(event: Event) -> str:
    return event.words if event.change is None else told(event.change)


def _rows(app: App, found: Sequence[Event]) -> list[tuple[str, ...]]:
    return [
        (
            output.local(event.at),
            event.pilot or "",
            event.name.value,
            _words(event),
            (event.call or "") if app.separated else (event.call or "")[:SHOWN_UUID_CHARS],
        )
        for event in found
    ]
