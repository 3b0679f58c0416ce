"""The stream of events: what groups do now, told as it changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import request

from fshunt.db.queries.live import group_places
from fshunt.errors import BadValue, NotFound, UsageError
from fshunt.hunting.validation import check_domain, check_pilot
from fshunt.services.rights import Action
from fshunt.services.watchers import MAX_GROUPS, Wish, places_of
from fshunt.web.api.bodies import read_moment, text_field
from fshunt.web.api.operations import Asked, operation
from fshunt.web.live.events import GroupStream
from fshunt.web.live.hub import hub

if TYPE_CHECKING:
    from fshunt.web.http.messages import EventStream

OVERLAP = timedelta(seconds=2)
"""A call is told again rather than not at all: a daemon writes it some moments after it has changed."""

WHICH = (
    text_field("domain", "Groups of this domain alone", check_domain),
    text_field("pilot", "The group with this pilot alone", check_pilot),
)


@operation("GET", "/events", action=Action.SEE_GROUP, query=WHICH, kind="now", form="now", stream=True)
def stream_events(asked: Asked) -> EventStream:
    """Stream what groups do now, and their calls, as server-sent events."""
    domain, pilot = asked.query["domain"], asked.query["pilot"]
    wish = Wish(asked.credential, domain, pilot)
    with asked.reading() as s:
        found = places_of(asked.access, wish, group_places(s))
    if not found:
        which = f" {pilot}" if pilot else ""
        raise NotFound(f"There is no group{which}{f' in {domain}' if domain else ''}.")
    if len(found) > MAX_GROUPS:
        raise UsageError(f"A stream has {MAX_GROUPS} groups at most: name a domain or a pilot.")
    return GroupStream(hub(), hub().open(wish, asked.access.name), _had_until())


def _had_until() -> datetime | None:
    """Return until when the client has had everything: the last event that it names."""
    try:
        return read_moment(request.headers.get("Last-Event-ID", "")) - OVERLAP
    except BadValue:
        return None
