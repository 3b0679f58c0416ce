"""`fshunt call`: the calls that were hunted."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.cli import output, params
from fshunt.cli.app import App
from fshunt.cli.base import Group as Noun
from fshunt.cli.base import json_option, pass_app
from fshunt.cli.records import call_json, caller_words, print_call, result_words, whole_call_json
from fshunt.cli.times import parse_since
from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.errors import UsageError

DEFAULT_LIMIT = 20
MAX_LIMIT = 100_000
MIN_PREFIX_CHARS = 6
MANY = 5
"""How many uuids with the same beginning are named."""
TITLES = ("started", "pilot", "caller", "result", "seconds", "uuid")


@click.group("call", cls=Noun, example="fshunt call list 5000 --since today")
def call() -> None:
    """The calls that were hunted: who was rung or not, and why."""


@call.command("list", example="fshunt call list 5000 --since 2h --limit 50")
@click.argument("pilot", type=params.PILOT, required=False)
@click.option(
    "--since",
    metavar="T",
    help="Only calls that began at or after T: 30m, 2h, 7d, `today`, or a date and time (of this time zone).",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="How many.",
)
@json_option
@pass_app
def list_(app: App, pilot: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """List the calls, the newest first.

    Where neither --domain nor the setting `domain` names a domain, the calls of all domains.
    """
    start = parse_since(since, datetime.now(UTC)) if since is not None else None
    domain = app.said_domain or app.settings.default_domain
    with app.store.reading() as session:
        found = calls.list_calls(session, domain, pilot, start, limit)
        if not found and (pilot or app.said_domain):
            calls.check_known(session, domain, pilot)
        if as_json:
            output.emit_json([call_json(record) for record in found])
        elif found:
            output.table(TITLES, [_row(record) for record in found])
        else:
            output.say("There is no such call.")


def _row(record: CallRecord) -> tuple[str, ...]:
    ended = record.ended_at
    seconds = "" if ended is None else f"{(ended - record.started_at).total_seconds():.0f}"
    started = output.local(record.started_at)
    return started, record.pilot, caller_words(record), result_words(record), seconds, record.uuid


@call.command("show", example="fshunt call show 3f2a9c41")
@click.argument("uuid")
@json_option
@pass_app
def show(app: App, uuid: str, as_json: bool) -> None:
    """Show one call: who was rung or passed over, when and why.

    Below stands on what the order was decided.

    UUID is the caller's channel in FreeSWITCH; its first characters, 6 or more, are enough if no other call has them.
    """
    with app.store.reading() as session:
        newest, *earlier = calls.show_call(session, _whole(session, uuid))
        if as_json:
            output.emit_json(whole_call_json(newest, earlier))
        else:
            print_call(newest, earlier)


def _whole(session: Session, said: str) -> str:
    """The uuid that begins with what was said; raises UsageError if that is too short or more than one begins so."""
    if len(said) < MIN_PREFIX_CHARS:
        raise UsageError(f"'{said}' is too short: say at least {MIN_PREFIX_CHARS} characters of the call's uuid.")
    query = select(CallRecord.uuid).where(CallRecord.uuid.startswith(said, autoescape=True)).distinct().limit(MANY)
    found = list(session.scalars(query))
    if said in found or not found:
        return said
    if len(found) > 1:
        raise UsageError(f"More than one call's uuid begins with {said}: {', '.join(sorted(found))}.")
    return found[0]
