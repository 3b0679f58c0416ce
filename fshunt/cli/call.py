"""`fshunt call`: calls to hunt groups."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from fshunt.cli import output, params
from fshunt.cli.app import App
from fshunt.cli.base import NounGroup, pass_app
from fshunt.cli.call_page import print_call
from fshunt.cli.times import parse_since
from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.services.call_story import caller_words, result_words, whole_uuid
from fshunt.services.serialize import call_json, whole_call_json

DEFAULT_LIMIT = 20
MAX_LIMIT = 100_000
MAX_RESULT_CHARS = 100
"""Of a reason in the list; the page of the call has all of it."""

TITLES = ("started", "pilot", "caller", "result", "seconds", "uuid")


@click.group("call", cls=NounGroup, example="fshunt call list 5000 --since today")
def call() -> None:
    """Calls to hunt groups: which phones rang or not, and why."""


@call.command("list", example="fshunt call list 5000 --since 2h --limit 50")
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
@pass_app
def list_(app: App, pilot: str | None, since: str | None, limit: int, failed: bool) -> None:
    """List calls, the newest first.

    Without --domain and the setting `default_domain`: the calls of all domains.
    """
    start = parse_since(since, datetime.now(UTC)) if since is not None else None
    domain = app.given_domain or app.settings.default_domain
    with app.store.reading() as session:
        found = calls.list_calls(session, domain, pilot, start, limit, failed=failed)
        if not found and (pilot or app.given_domain):
            calls.check_known(session, domain, pilot)

    def page() -> None:
        if found:
            output.table(TITLES, [_row(record) for record in found])
        else:
            output.say("No calls match." if pilot or start or failed else "No calls yet.")

    app.show("calls", lambda: [call_json(record) for record in found], page)


def _row(record: CallRecord) -> tuple[str, ...]:
    ended = record.ended_at
    seconds = "" if ended is None else f"{(ended - record.started_at).total_seconds():.0f}"
    started = output.local(record.started_at)
    return started, record.pilot, caller_words(record), _short(result_words(record)), seconds, record.uuid


def _short(words: str) -> str:
    return words if len(words) <= MAX_RESULT_CHARS else f"{words[: MAX_RESULT_CHARS - 3]}..."


@call.command("show", example="fshunt call show 3f2a9c41")
@click.argument("uuid")
@pass_app
def show(app: App, uuid: str) -> None:
    """Show one call: who rang, who was skipped, when and why.

    The last part shows how the order was decided.

    UUID is the caller's channel in FreeSWITCH; its first 6 or more characters are enough if they are unique.
    """
    with app.store.reading() as session:
        newest, *earlier = calls.show_call(session, whole_uuid(session, uuid))
        app.show("call", lambda: whole_call_json(newest, earlier), lambda: print_call(newest, earlier))
