"""Calls, and the story of each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.db.queries.pilots import Numbered, Span, places_of
from fshunt.errors import BadValue
from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.hunting.validation import check_domain, check_pilot
from fshunt.services import rights
from fshunt.services.rights import Access, Action
from fshunt.services.serialize import call_json, whole_call_json
from fshunt.web.api.answers import PAGING, Answer, one_more, page_of, read_cursor
from fshunt.web.api.bodies import moment_field, read_moment, text_field
from fshunt.web.api.errors import BadRequest
from fshunt.web.api.operations import Asked, operation

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SEARCH = (
    text_field("domain", "Calls in this domain alone", check_domain),
    text_field("pilot", "Calls to the group with this pilot alone, also under its earlier numbers", check_pilot),
    moment_field("since", "Calls that began at this moment or later"),
    Field(name="failed", kind=FieldKind.FLAG, label="Hunts that failed alone", help="Hunts that failed alone."),
    *PAGING,
)


@operation("GET", "/calls", action=Action.SEE_CALLS, query=SEARCH, kind="calls", form="call", many=True)
def list_calls(asked: Asked, s: Session) -> Answer:
    """List the calls to the groups that the token's user looks after, the newest first."""
    query = asked.query
    found = calls.list_calls_of_group(
        s,
        query["domain"],
        query["pilot"],
        None if query["since"] is None else read_moment(query["since"]),
        one_more(query),
        failed=bool(query["failed"]),
        places=_places(s, asked.access),
        before=_before(asked),
    )
    return page_of(found, query["limit"], call_json, _place_in_list)


@operation("GET", "/calls/{uuid}", action=Action.SEE_CALLS, kind="call", form="whole_call")
def show_call(asked: Asked, s: Session, uuid: str) -> Answer:
    """Show a call: who rang, who was skipped, when and why."""
    newest, *earlier = calls.show_call(s, uuid, places=_places(s, asked.access))
    return Answer(whole_call_json(newest, earlier))


def _places(s: Session, access: Access) -> list[tuple[str, Span]] | None:
    """The numbers of the groups whose calls the user may see; None: all."""
    if access.role is rights.Role.PROVIDER:
        return None
    groups = rights.visible_groups(s, access)
    return places_of(s, [Numbered(group.id, group.domain, group.pilot) for group in groups])


def _place_in_list(record: CallRecord) -> tuple[str, str]:
    return record.started_at.isoformat(), record.id


def _before(asked: Asked) -> tuple[datetime, str] | None:
    found = read_cursor(asked.query, str, str)
    if found is None:
        return None
    try:
        return read_moment(found[0]), found[1]
    except BadValue as error:
        raise BadRequest(f"`cursor`: {error}") from error
