"""Groups: their settings, and what becomes of the next caller."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fshunt.db.queries.rows import find_domain_id
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS, Field, FieldKind, model_values
from fshunt.hunting.validation import check_domain
from fshunt.services import groups, rights
from fshunt.services.destination_checks import check_places
from fshunt.services.forecast import forecast_json, next_caller
from fshunt.services.group_search import matching
from fshunt.services.groups import details_of
from fshunt.services.questions import Questions
from fshunt.services.rights import Access, Action
from fshunt.services.serialize import group_json
from fshunt.services.versions import version_of_group
from fshunt.web.api.answers import PAGING, Answer, one_more, page_of, read_cursor
from fshunt.web.api.bodies import Body, text_field
from fshunt.web.api.errors import BadFields
from fshunt.web.api.now import live_group
from fshunt.web.api.operations import Asked, address_of, left_out, operation
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLLECTION = "/domains/{domain}/groups"
ONE = f"{COLLECTION}/{{pilot}}"

NEW_GROUP = Body("new_group", GROUP_FIELDS, required=("pilot",))
CHANGED_GROUP = Body("changed_group", GROUP_FIELDS, patch=True)

SEARCH = (
    text_field("domain", "Groups of this domain alone", check_domain),
    text_field("search", "Groups whose pilot, name or members have this text"),
    *PAGING,
)


@operation("GET", "/groups", action=Action.SEE_GROUP, query=SEARCH, kind="groups", form="group", many=True)
def list_groups(asked: Asked, s: Session) -> Answer:
    """List the groups that the token's user looks after, in order of domain and pilot."""
    domain, after = asked.query["domain"], read_cursor(asked.query, str, str)
    found = matching(rights.visible_groups(s, asked.access), asked.query["search"] or "")
    found = [group for group in found if domain in (None, group.domain)]
    if after is not None:
        found = [group for group in found if [group.domain, group.pilot] > after]
    shown, now = details_of(s, found[: one_more(asked.query)]), datetime.now(UTC)
    seconds_per_ring = asked.settings.seconds_per_ring
    return page_of(
        shown,
        asked.query["limit"],
        lambda details: group_json(details, seconds_per_ring, now),
        lambda details: (details.group.domain, details.group.pilot),
    )


FORCE = Field(
    name="force",
    kind=FieldKind.FLAG,
    label="Save a voicemail box that FreeSWITCH does not know, too",
    help="Save a voicemail box that FreeSWITCH does not know.",
)


def check_new(asked: Asked, domain: str) -> tuple[str, ...]:
    """Ask the switches for the places that a new group names, before it is added; return warnings."""
    fields = _fields({name: value for name, value in asked.values.items() if name != "pilot"})
    return _checked(asked, Group(id=0, domain=domain, pilot=asked.values["pilot"]), fields)


def check_changed(asked: Asked, domain: str, pilot: str) -> tuple[str, ...]:
    """Ask the switches for the places that a change of a group names; return warnings."""
    own = rights.own_fields(asked.access, asked.values)
    with asked.reading() as s:
        group = rights.group_for(s, asked.access, domain, pilot)
    asked.check_version(version_of_group(group))
    return _checked(asked, group, _fields({name: value for name, value in own.items() if name != "pilot"}))


def _checked(asked: Asked, group: Group, fields: dict[str, Any]) -> tuple[str, ...]:
    """Raise BadFields for a box that is missing, unless the program insists."""
    ask = Questions(parts().store).check
    findings = check_places(replace(group, **fields), list(fields), asked.settings, ask)
    if findings.by_field and not asked.query["force"]:
        raise BadFields(findings.by_field)
    return findings.check(force=True).warnings


@operation(
    "POST",
    COLLECTION,
    action=Action.ADD_GROUP,
    before=check_new,
    query=(FORCE,),
    body=NEW_GROUP,
    example={"pilot": "5200", "name": "Support", "policy": "circular", "rings": 3, "voicemail": "1001"},
    kind="group",
    form="group",
    versioned=True,
    repeatable=True,
    status=HTTPStatus.CREATED,
)
def add_group(asked: Asked, s: Session, domain: str) -> Answer:
    """Add a group, and its domain if it is new."""
    fields = _fields({name: value for name, value in asked.values.items() if name != "pilot"})
    return answer_group(s, asked, groups.add_group(s, domain, asked.values["pilot"], **fields), is_new=True)


@operation("GET", ONE, action=Action.SEE_GROUP, kind="group", form="group", versioned=True)
def show_group(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Show a group: settings, hours, members, rotation and warnings."""
    return answer_group(s, asked, rights.group_for(s, asked.access, domain, pilot))


@operation(
    "PATCH",
    ONE,
    action=Action.CHANGE_GROUP,
    before=check_changed,
    query=(FORCE,),
    body=CHANGED_GROUP,
    example={"name": "Sales and support", "cycles": 2, "prefix": None},
    kind="group",
    form="group",
    versioned=True,
    match=True,
)
def change_group(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Change the settings that are named; null clears one. Another `pilot` renumbers the group."""
    group = locked_group(s, asked.access, domain, pilot)
    asked.check_version(version_of_group(group))
    own = rights.own_fields(asked.access, asked.values)
    warnings = left_out(asked.access, asked.values, own)
    new_pilot = own.pop("pilot", pilot)
    if fields := _fields(own):
        group = groups.set_group(s, domain, pilot, **fields)
    if new_pilot != pilot:
        group = groups.renumber_group(s, domain, pilot, new_pilot)
    return answer_group(s, asked, group, warnings=warnings)


@operation("DELETE", ONE, action=Action.REMOVE_GROUP, match=True, status=HTTPStatus.NO_CONTENT)
def remove_group(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Remove a group and its members; the records of its calls stay."""
    asked.check_version(version_of_group(locked_group(s, asked.access, domain, pilot)))
    groups.remove_group(s, domain, pilot)
    return Answer()


@operation("GET", f"{ONE}/next", action=Action.SEE_GROUP, kind="next", form="next", own_transactions=True)
def show_next(asked: Asked, domain: str, pilot: str) -> Answer:
    """Show what becomes of the next caller if nobody picks up."""
    with asked.reading() as s:
        group = rights.group_for(s, asked.access, domain, pilot)
    live, sentences = live_group(group)
    made = next_caller(live.details, live.now.statuses, live.now.at, asked.settings)
    return Answer(forecast_json(made, live.details.group, len(live.queued)), warnings=sentences)


def answer_group(
    s: Session, asked: Asked, group: Group, *, warnings: list[str] | None = None, is_new: bool = False
) -> Answer:
    """Return a group as an answer, as it is in this transaction."""
    [details] = details_of(s, [group])
    return Answer(
        group_json(details, asked.settings.seconds_per_ring),
        warnings=[*(warnings or ()), *asked.warnings, *groups.warnings_of(s, group)],
        version=version_of_group(group),
        location=address_of("domains", group.domain, "groups", group.pilot) if is_new else None,
    )


def locked_group(s: Session, access: Access, domain: str, pilot: str) -> Group:
    """Return a group that nobody else can change until the transaction ends; raise NotFound.

    Rights come first: the lock's own error names other domains.
    """
    rights.group_for(s, access, domain, pilot)
    find_domain_id(s, domain, lock=True)
    return rights.group_for(s, access, domain, pilot)


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of the group that are given; raise BadFields where it would have no ring time."""
    times = [values[name] for name in ("rings", "ring_seconds") if name in values]
    if times and all(value is None for value in times):
        raise BadFields({"rings": "A group has a ring time: give `rings` or `ring_seconds`."})
    return model_values(GROUP_FIELDS, values)
