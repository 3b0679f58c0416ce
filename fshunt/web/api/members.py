"""The members of a group, and the blocks of extensions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fshunt.errors import NotFound, UsageError
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import MEMBER_FIELDS, Field, FieldKind, model_values
from fshunt.services import accounts, members, rights
from fshunt.services.destination_checks import check_members
from fshunt.services.questions import Questions
from fshunt.services.rights import Access, Action
from fshunt.services.serialize import block_json, invitation_json, member_json, member_state_json
from fshunt.services.versions import version_of_group, version_of_member
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, Words, moment_field, read_moment
from fshunt.web.api.errors import BadFields
from fshunt.web.api.groups import ONE as GROUP
from fshunt.web.api.groups import answer_group, locked_group
from fshunt.web.api.now import live_group
from fshunt.web.api.operations import Asked, address_of, check_own_or, left_out, operation
from fshunt.web.links import own_address
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLLECTION = f"{GROUP}/members"
ONE = f"{COLLECTION}/{{extension}}"
BLOCK = "/domains/{domain}/blocks/{extension}"
BLOCK_IN_GROUP = f"{ONE}/block"
MAX_POSITION = 100_000
NOT_EMPTY = r"\S+"

POSITION = Field(
    name="position", kind=FieldKind.WHOLE, label="Position from 1", help="Position from 1.", low=1, high=MAX_POSITION
)
SETTINGS = {name: field for name, field in MEMBER_FIELDS.items() if name != "extension"}
NEW_MEMBER = Body("new_member", {**MEMBER_FIELDS, "position": POSITION}, required=("extension",))
CHANGED_MEMBER = Body("changed_member", {**SETTINGS, "position": POSITION}, patch=True)
ORDER = Body(
    "order_of_members",
    {"members": Words("members", "All members of the group from position 1", pattern=NOT_EMPTY, each="extensions")},
    required=("members",),
)
NEW_BLOCK = Body("new_block", {"until": moment_field("until", "Until when; null: until it is unblocked")})


@operation(
    "GET",
    COLLECTION,
    action=Action.SEE_GROUP,
    kind="members",
    form="member_now",
    many=True,
    own_transactions=True,
)
def list_members(asked: Asked, domain: str, pilot: str) -> Answer:
    """List the members of a group in order, with the state of each."""
    with asked.reading() as s:
        group = rights.group_for(s, asked.access, domain, pilot)
    live, sentences = live_group(group)
    group, states = live.details.group, live.now.states
    shown = [_member(asked, group, each.address) | member_state_json(states[each.id]) for each in group.members]
    return Answer(shown, warnings=sentences)


def check_new(asked: Asked, domain: str, pilot: str) -> tuple[str, ...]:
    """Ask the switches for the extension of a new member, before it is added; return warnings."""
    with asked.reading() as s:
        rights.group_for(s, asked.access, domain, pilot)
    return check_members([parse_member(asked.values["extension"])], domain, Questions(parts().store).check)


@operation(
    "POST",
    COLLECTION,
    action=Action.CHANGE_MEMBERS,
    before=check_new,
    body=NEW_MEMBER,
    example={"extension": "1003", "position": 1, "rings": 4},
    kind="member",
    form="member",
    versioned=True,
    repeatable=True,
    status=HTTPStatus.CREATED,
)
def add_member(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Add a member to a group, at the end unless `position` is given."""
    locked_group(s, asked.access, domain, pilot)
    address = parse_member(asked.values["extension"])
    own = _own(asked.access, asked.values)
    fields = model_values(MEMBER_FIELDS, {name: own[name] for name in SETTINGS if name in own})
    shared = domain in asked.settings.shared_members
    at = own.get("position")
    group = members.add_members(s, domain, pilot, [address], at=at, shared=shared, **fields)
    warnings = [*left_out(asked.access, asked.values, own), *asked.warnings]
    return _answer(asked, group, address, warnings, is_new=True)


@operation(
    "PUT",
    f"{COLLECTION}/order",
    action=Action.CHANGE_MEMBERS,
    body=ORDER,
    example={"members": ["1002", "1001"]},
    kind="group",
    form="group",
    versioned=True,
    match=True,
)
def order_members(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Give all members of a group a new order, as one change."""
    asked.check_version(version_of_group(locked_group(s, asked.access, domain, pilot)))
    try:
        order = [parse_member(each) for each in asked.values["members"]]
        group = members.order_members(s, domain, pilot, order)
    except UsageError as error:
        raise BadFields({"members": str(error)}) from error
    return answer_group(s, asked, group)


@operation("GET", ONE, action=Action.SEE_GROUP, kind="member", form="member", versioned=True)
def show_member(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Show a member of a group."""
    return _answer(asked, rights.group_for(s, asked.access, domain, pilot), extension)


@operation(
    "PATCH",
    ONE,
    action=Action.CHANGE_MEMBERS,
    body=CHANGED_MEMBER,
    example={"position": 2, "ring_seconds": 25, "enabled": True},
    kind="member",
    form="member",
    versioned=True,
    match=True,
)
def change_member(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Change the settings of a member that are named; another `position` moves it."""
    group = locked_group(s, asked.access, domain, pilot)
    asked.check_version(version_of_member(members.member_of(group, extension)))
    own = _own(asked.access, asked.values)
    if fields := model_values(MEMBER_FIELDS, {name: own[name] for name in SETTINGS if name in own}):
        group = members.set_member(s, domain, pilot, extension, **fields)
    if "position" in own:
        group = members.move_member(s, domain, pilot, extension, own["position"])
    return _answer(asked, group, extension, left_out(asked.access, asked.values, own))


@operation("DELETE", ONE, action=Action.CHANGE_MEMBERS, match=True, status=HTTPStatus.NO_CONTENT)
def remove_member(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Remove a member from a group; the members behind move up."""
    group = locked_group(s, asked.access, domain, pilot)
    asked.check_version(version_of_member(members.member_of(group, extension)))
    members.remove_member(s, domain, pilot, extension)
    return Answer()


@operation(
    "POST",
    f"{ONE}/invitation",
    action=Action.INVITE_MEMBER,
    kind="invitation",
    form="invitation",
    status=HTTPStatus.CREATED,
)
def invite_member(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Make a link by which a member sets a password; an earlier link no longer holds."""
    group = rights.group_for(s, asked.access, domain, pilot)
    members.member_of(group, extension)
    rights.check_invite(s, asked.access, domain, str(extension))
    invitation = accounts.invite_member(s, domain, str(extension))
    return Answer(invitation_json(invitation, own_address()))


@operation("GET", BLOCK, kind="block", form="block")
def show_block(asked: Asked, s: Session, domain: str, extension: MemberAddress) -> Answer:
    """Show whether a member is blocked, until when, and in which groups."""
    return _shown(asked, s, domain, str(extension))


@operation("PUT", BLOCK, body=NEW_BLOCK, example={"until": None}, kind="block", form="block")
def block_member(asked: Asked, s: Session, domain: str, extension: MemberAddress) -> Answer:
    """Block a member in all groups of the domain."""
    return _blocked(asked, s, domain, str(extension), blocked=True)


@operation("DELETE", BLOCK, kind="block", form="block")
def unblock_member(asked: Asked, s: Session, domain: str, extension: MemberAddress) -> Answer:
    """Ring a member again in all groups of the domain."""
    return _blocked(asked, s, domain, str(extension), blocked=False)


@operation("GET", BLOCK_IN_GROUP, kind="block", form="block")
def show_block_in_group(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Show whether a member of a group is blocked, until when, and in which groups."""
    return _shown(asked, s, domain, str(extension), pilot)


@operation("PUT", BLOCK_IN_GROUP, body=NEW_BLOCK, example={"until": None}, kind="block", form="block")
def block_in_group(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Block a member in this group alone."""
    return _blocked(asked, s, domain, str(extension), pilot, blocked=True)


@operation("DELETE", BLOCK_IN_GROUP, kind="block", form="block")
def unblock_in_group(asked: Asked, s: Session, domain: str, pilot: str, extension: MemberAddress) -> Answer:
    """Ring a member again in this group; a member who is blocked in all groups stays blocked in the others."""
    return _blocked(asked, s, domain, str(extension), pilot, blocked=False)


def _shown(asked: Asked, s: Session, domain: str, extension: str, pilot: str | None = None) -> Answer:
    check_own_or(asked.access, Action.SEE_OWN, Action.SEE_GROUP)
    rights.check_member(s, asked.access, domain, extension, pilot)
    state = members.block_state(s, domain, extension, datetime.now(UTC))
    if not state.pilots:
        raise NotFound(f"{extension} is in no group of {domain}.")
    if pilot is not None and pilot not in state.groups:
        raise NotFound(f"{extension} is not a member of {pilot}.")
    return Answer(block_json(domain, extension, state))


def _blocked(
    asked: Asked, s: Session, domain: str, extension: str, pilot: str | None = None, *, blocked: bool
) -> Answer:
    check_own_or(asked.access, Action.BLOCK_SELF, Action.BLOCK_MEMBER)
    rights.check_member(s, asked.access, domain, extension, pilot)
    until = asked.values.get("until") if blocked else None
    end = None if until is None else read_moment(until)
    return Answer(block_json(domain, extension, members.block(s, domain, extension, blocked, pilot=pilot, until=end)))


def _own(access: Access, values: dict[str, Any]) -> dict[str, Any]:
    """The fields that the role may set; the order is everybody's who may change members."""
    always = {name: values[name] for name in ("extension", "position") if name in values}
    return rights.own_member_fields(access, values) | always


def _answer(
    asked: Asked, group: Group, address: MemberAddress, warnings: Sequence[str] = (), *, is_new: bool = False
) -> Answer:
    where = address_of("domains", group.domain, "groups", group.pilot, "members", address)
    version = version_of_member(members.member_of(group, address))
    location = where if is_new else None
    return Answer(_member(asked, group, address), warnings=warnings, version=version, location=location)


def _member(asked: Asked, group: Group, address: MemberAddress) -> dict[str, Any]:
    return member_json(members.member_of(group, address), group, asked.settings.seconds_per_ring)
