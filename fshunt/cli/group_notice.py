"""`fshunt group notice`: who is told what happens in a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fshunt.cli import expiry, late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.errors import UsageError
from fshunt.notices.notice import EVENT_FORMS, MAX_AFTER_MINUTES, MIN_AFTER_MINUTES

if TYPE_CHECKING:
    from fshunt.db.queries.notices import StoredNotice

TITLES = ("notice", "group", "to", "on", "when", "last sent", "waiting")

pilot_argument = click.argument("pilot", type=params.PILOT)


@click.group("notice", cls=NounGroup, example="fshunt group notice add 5000 --mail sales@example.com --on missed")
def notice() -> None:
    """Who is told what happens in a group, by mail or by a webhook.

    A daemon sends the notices, and tries again until they get through: `fshunt notice list` shows what waits.
    """


@notice.command("add", example="fshunt group notice add 5000 --mail sales@example.com --on missed --after 15")
@pilot_argument
@click.option("--mail", metavar="ADDR", help="Mail address.")
@click.option("--webhook", metavar="URL", help="Address for a signed request (POST) with JSON.")
@click.option(
    "--on",
    "events",
    metavar="EVENT",
    multiple=True,
    help=f"Event to tell; repeat it, or put commas between: {', '.join(EVENT_FORMS)}.",
)
@click.option(
    "--after",
    type=params.Count(MIN_AFTER_MINUTES, MAX_AFTER_MINUTES),
    metavar="MINUTES",
    help="Wait so long for the caller to be served: then nothing is sent. One message for each missed caller.",
)
@click.option("--digest", metavar="HH:MM", help="Send all of a day together at this time, in the group's time zone.")
@pass_app
def add(
    app: App,
    pilot: str,
    mail: str | None,
    webhook: str | None,
    events: tuple[str, ...],
    after: int | None,
    digest: str | None,
) -> None:
    """Tell somebody of events of PILOT.

    The secret of a webhook, by which its receiver knows that a request is genuine, is shown once (docs/notices.md).
    """
    if mail is None and webhook is None:
        raise UsageError("Name who is told: --mail ADDR or --webhook URL.")
    if not events:
        raise UsageError(f"Name an event with --on: {', '.join(EVENT_FORMS)}.")
    wish = late.notices.wish_of(
        mail=mail,
        webhook=webhook,
        events=[word.strip() for each in events for word in each.split(",")],
        after_minutes=after,
        digest=digest,
        allowed=app.settings.webhook_allowed_networks,
    )
    with app.writing() as (session, domain):
        made, secret = late.notices.add_notice(session, domain, pilot, wish)
    if mail is not None and app.settings.smtp_host is None:
        app.warn(late.notices.MAIL_NEEDS_HOST)

    def page() -> None:
        words = f"on {', '.join(wish.event_words())}; {wish.when_words()}"
        output.say(f"Notice {made.id} of group {pilot} of {domain} to {wish.target}: {words}.")
        if secret is not None:
            output.say(f"Secret: {secret}")
            output.say("The receiver verifies requests with it. It is not shown again.")

    app.show("notice", lambda: late.serialize.notice_json(made, 0, secret), page)


@notice.command("list", cls=ListCommand, example="fshunt group notice list 5000")
@click.argument("pilot", type=params.PILOT, required=False)
@pass_app
def list_(app: App, pilot: str | None) -> None:
    """List the notices of PILOT, or of all groups."""
    if pilot is None:
        with app.reading_all() as (session, domains):
            found = [each for each in late.notices.list_notices(session) if each.place.domain in domains]
            waiting = late.notices.waiting_of(session, found)
    else:
        with app.reading() as (session, domain):
            group = late.groups.get_group(session, domain, pilot)
            found = late.notices.list_notices(session, group_ids=[group.id])
            waiting = late.notices.waiting_of(session, found)
    of_group = f" of group {pilot}" if pilot else ""
    app.show_list(
        "notices",
        lambda: [late.serialize.notice_json(each, waiting.get(each.id, 0)) for each in found],
        TITLES,
        lambda: [_row(each, waiting.get(each.id, 0)) for each in found],
        f"No notices{of_group} yet: `fshunt group notice add {pilot or 'PILOT'}` adds the first.",
    )


@notice.command("remove", example="fshunt group notice remove 5000 3")
@pilot_argument
@click.argument("notice_id", metavar="NOTICE", type=expiry.ID)
@pass_app
def remove(app: App, pilot: str, notice_id: int) -> None:
    """Tell somebody nothing more, not even what waits to be sent.

    NOTICE is its number in `fshunt group notice list`. `fshunt undo` brings a notice by mail back, not a webhook: its
    secret is gone.
    """
    with app.writing() as (session, domain):
        gone = late.notices.remove_notice(session, domain, pilot, notice_id)
    sentence = f"Notice {gone.id} of group {pilot} of {domain} is removed: {gone.wish.target} is told nothing more."
    app.show("notice", lambda: late.serialize.notice_json(gone, 0), lambda: output.say(sentence))


def _row(each: StoredNotice, waiting: int) -> Sequence[str]:
    place, wish = each.place, each.wish
    last = "never" if each.last_sent_at is None else output.local(each.last_sent_at, seconds=False)
    events = ", ".join(wish.event_words())
    return str(each.id), f"{place.pilot}@{place.domain}", wish.target, events, wish.when_words(), last, str(waiting)
