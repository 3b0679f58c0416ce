"""`fshunt call`: calls to hunt groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, yes_option
from fshunt.cli.following import Lines, follow, watched_by
from fshunt.cli.output import Column
from fshunt.cli.times import parse_since
from fshunt.errors import UsageError
from fshunt.hunting.states import Result

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from fshunt.db.models import CallRecord

DEFAULT_LIMIT = 20
MAX_LIMIT = 100_000
SHORTEST_AGE = timedelta(days=1)
"""Of calls that are removed: younger ones may be asked for today, and `fshunt status` counts them."""

MAX_OPEN = 100
"""Calls that may go on among the last ones that have ended."""

MAX_RESULT_CHARS = 100
"""Of a reason in the list; the page of the call has all of it."""

NONE_YET = "No calls yet: `fshunt config check` says whether a call to a pilot would reach fshunt."
FEWER = "No calls match: `fshunt call list` without PILOT and options lists the newest."

COLUMNS = (
    Column("started", wraps=True),
    Column("pilot", drop=2),
    Column("caller", drop=1, wraps=True),
    Column("result", wraps=True),
    Column("seconds", drop=3),
    Column("uuid"),
)


@click.group("call", cls=NounGroup, example="fshunt call list 5000 --since today")
def call() -> None:
    """Calls to hunt groups: which phones rang or not, and why."""


@call.command("list", cls=ListCommand, example="fshunt call list 5000 --since 2h --limit 50")
@click.argument("pilot", type=params.PILOT, required=False)
@click.option(
    "--since",
    metavar="T",
    help="Only calls that started at or after T: 30m, 2h, 7d, `today`, or a local date and time.",
)
@click.option(
    "--limit",
    type=params.Count(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Show at most N calls.",
)
@click.option("--failed", is_flag=True, help="Only hunts that failed, with their reason.")
@click.option("--wide", is_flag=True, help="Show all columns on any terminal, and whole uuids.")
@click.option("--follow", "-f", "follows", is_flag=True, help="Print calls as they end, until Ctrl-C.")
@pass_app
def list_(app: App, pilot: str | None, since: str | None, limit: int, failed: bool, wide: bool, follows: bool) -> None:
    """List calls, the newest first.

    With --follow: the last calls that have ended, and below them each further one when it ends; --json then prints one
    document a line. `fshunt events --follow` shows how calls go on meanwhile.

    With PILOT: the calls of that group, also under the numbers that it had before. Where no group has PILOT: the calls
    to that number. `call show` takes the uuids as they are here. Without --domain and the setting `default_domain`:
    the calls of all domains.
    """
    start = parse_since(since, datetime.now(UTC)) if since is not None else None
    domain = app.given_domain or app.settings.default_domain
    ended = _Ended(app, pilot, limit, failed=failed, wide=wide) if follows else None
    with app.store.reading() as session:
        asked = limit + MAX_OPEN if follows else limit
        found = late.calls.list_calls_of_group(session, domain, pilot, start, asked, failed=failed)
        if not found and (pilot or app.given_domain):
            late.calls.check_known(session, domain, pilot)
        shown = _uuids(session, found, whole=wide or app.separated)
        if ended is not None:
            ended.begin(session, found)
    if ended is not None:
        follow(ended.look)

    app.show_list(
        "calls",
        lambda: [late.serialize.call_json(record) for record in found],
        COLUMNS,
        lambda: [_row(record, shown[record.uuid]) for record in found],
        FEWER if pilot or start or failed or app.given_domain else NONE_YET,
        wide=wide,
    )


class _Ended:
    """Prints the calls that have ended, and each further one."""

    def __init__(self, app: App, pilot: str | None, limit: int, *, failed: bool, wide: bool) -> None:
        self._app, self._limit, self._failed, self._whole = app, limit, failed, wide or app.separated
        self._places, self._feed = watched_by(app, pilot), late.call_feed.CallFeed()
        self._lines = Lines(app, "call", COLUMNS, wide=wide)
        self._told: set[tuple[str, str | None]] = set()
        """A record that was closed by a guess, and is corrected, is told again."""

    def begin(self, session: Session, newest_first: Sequence[CallRecord]) -> None:
        self._new(session)
        ended = [record for record in newest_first if record.ended_at is not None][: self._limit]
        self._print(session, ended[::-1])

    def look(self) -> None:
        with self._app.store.reading() as session:
            new = self._new(session)
            self._print(session, [each for each in new if not self._failed or each.result == Result.FAILED])

    def _new(self, session: Session) -> list[Row[Any]]:
        calls = self._feed.read(session, self._places, datetime.now(UTC))
        over = {(call.record.id, call.record.result): call.record for call in calls if call.record and not call.open}
        new = [record for key, record in over.items() if key not in self._told]
        self._told = set(over)
        return new

    def _print(self, session: Session, records: Sequence[CallRecord | Row[Any]]) -> None:
        shown = _uuids(session, records, whole=self._whole)
        self._lines.add(map(late.serialize.call_json, records), [_row(each, shown[each.uuid]) for each in records])


def _uuids(session: Session, records: Sequence[CallRecord | Row[Any]], *, whole: bool) -> dict[str, str]:
    """Return each uuid as it is shown."""
    uuids = [record.uuid for record in records]
    return dict(zip(uuids, uuids, strict=True)) if whole else late.call_story.short_uuids(session, uuids)


def _row(record: CallRecord | Row[Any], uuid: str) -> tuple[str, ...]:
    ended = record.ended_at
    seconds = "" if ended is None else f"{(ended - record.started_at).total_seconds():.0f}"
    started = output.local(record.started_at)
    return (
        started,
        record.pilot,
        late.call_story.caller_words(record),
        _short(late.call_story.result_words(record)),
        seconds,
        uuid,
    )


def _short(words: str) -> str:
    return words if len(words) <= MAX_RESULT_CHARS else f"{words[: MAX_RESULT_CHARS - 3]}..."


@call.command("show", example="fshunt call show 3f2a9c41")
@click.argument("uuid")
@pass_app
def show(app: App, uuid: str) -> None:
    """Show one call: who rang, who was skipped, when and why.

    The last part shows how the order was decided.

    UUID is the caller's channel in FreeSWITCH; its first 6 or more characters are enough if they are unique. One that
    begins with a hyphen stands after `--`.
    """
    with app.store.reading() as session:
        newest, *earlier = late.calls.show_call(session, late.call_story.whole_uuid(session, uuid))
        app.show(
            "call",
            lambda: late.serialize.whole_call_json(newest, earlier),
            lambda: late.call_page.print_call(newest, earlier),
        )


@call.command("prune", example="fshunt call prune --older-than 90d")
@click.option(
    "--older-than",
    metavar="T",
    required=True,
    help="Remove calls that began before T: 90d, 12w, `yesterday`, or a local date and time; at least a day ago.",
)
@yes_option
@pass_app
def prune(app: App, older_than: str, yes: bool) -> None:
    """Remove old calls from the records.

    It asks first. The calls of all domains, with their offers and skips, are gone for good. Calls that are still open
    stay. It removes a few at a time, so that no hunt waits, and can be interrupted and run again. The setting
    `keep_calls_days` does the same once a day.
    """
    now = datetime.now(UTC)
    before = parse_since(older_than, now)
    if now - before < SHORTEST_AGE:
        raise UsageError(f"`--older-than {older_than}` is less than a day ago: use 1d or more.")
    confirm(f"The records of all calls that began before {output.local(before)} go for good, of all domains.", yes)
    with output.progress("Removed {} calls so far") as progress:
        removed = late.pruning.prune(app.store, before, sleep, monotonic, progress)
    sentence = f"Removed {removed} calls that began before {output.local(before)}."
    app.show("pruned", lambda: late.serialize.pruned_json(before, removed), lambda: output.say(sentence))
