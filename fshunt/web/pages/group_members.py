"""What is done to the members of a group: add, move, change, block, remove. Each is one form, and one change.

A click is safe to repeat: the second of two finds the change that the first has made, and tells of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import gettext
from sqlalchemy.orm import Session

from fshunt.errors import BadValue, BeyondLimits, Conflict, Forbidden, NotFound, UsageError
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import columns_of
from fshunt.hunting.validation import check_position, shown
from fshunt.services import accounts, audit, member_search, members, rights
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.member_search import Match
from fshunt.services.moments import parse_until
from fshunt.services.questions import MAX_SEARCH_CHARS, Listing, Questions
from fshunt.services.rights import Action
from fshunt.services.switch_checks import Question, QuestionKind
from fshunt.web.changes import just_done
from fshunt.web.column_form import ColumnForm, version_of
from fshunt.web.group_form import VERSION
from fshunt.web.group_page import Refused, back_to, group_to_change, member_form, order_of, show_group
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language, set_meanwhile
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.times import zone

pages = Blueprint("group_members", __name__, url_prefix="/groups/<domain>/<pilot>/members")

ANCHOR = "members"
REFUSALS = (BadValue, UsageError, Conflict, NotFound)

ANYWAY = "anyway"
"""The input that says: add a number that the directory does not have, too."""

OFFER = "offer"
"""Beside what was typed: it may be added all the same."""

Work = Callable[[Session, Group], object]


@pages.get("/search")
@for_signed_in
def search(domain: str, pilot: str) -> Response:
    """Return whom a text may mean, as options of a list: a script shows them while somebody types."""
    group, found = _search(domain, pilot, request.args.get("q", ""))
    return make_response(render_template("group/matches.html", group=group, found=found.matches, as_options=True))


@pages.post("/add")
@for_signed_in
def add(domain: str, pilot: str) -> Response:
    """Add a member after the last; where the text is not one, show whom it may mean."""
    written = request.form.get("member", "").strip()
    if not written:
        return _left_empty(domain, pilot, "add", "member", "")
    unchecked = False
    if ANYWAY not in request.form:
        group, found = _search(domain, pilot, written)
        if not (found.is_exact or _is_user(group, written, found)):
            typed = request.form.to_dict() | ({OFFER: "yes"} if _may_be_added(written, found) else {})
            refused = Refused("add", written, typed, {"member": _whom(group, written, found)})
            return show_group(domain, pilot, refused=refused, found=found.matches)
        unchecked = found.is_unchecked

    def work(s: Session, group: Group) -> None:
        shared = group.domain in parts().settings.shared_members
        members.add_members(s, group.domain, group.pilot, [parse_member(written)], shared=shared)

    return _do(domain, pilot, work, "add", "member", written, (Subject.MEMBER, ChangeKind.ADD), unchecked=unchecked)


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a text may mean; ``is_exact``: it is the number itself, or nobody can say that it is none.

    ``is_unchecked``: it would be one of the directory, and no switch said whether it is.
    """

    matches: Sequence[Match]
    is_exact: bool
    is_unchecked: bool = False


def _search(domain: str, pilot: str, text: str) -> tuple[Group, Found]:
    """Ask the switch's directory, by a daemon, before any transaction; raise NotFound or Forbidden."""
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.CHANGE_MEMBERS)
    text = text.strip()[:MAX_SEARCH_CHARS]
    if not text or not text.isprintable():
        return group, Found((), is_exact=True)
    listing = Questions(parts().store).directory(group.domain, text.partition("@")[0])
    configured = [gateway.name for gateway in parts().settings.gateway]
    with reading() as s:
        gateways = member_search.gateways_of(s, access(), group, configured)
        found = member_search.matches(s, access(), group, text, listing, gateways)
    address = _address_of(text)
    is_unchecked = listing.unknown is not None and address is not None and not address.external
    return group, Found(found, _is_exact(text, listing), is_unchecked)


def _is_user(group: Group, text: str, found: Found) -> bool:
    """Whether the switch knows a number that it does not list: a directory behind HTTP lists nobody."""
    if found.matches or not _may_be_added(text, found):
        return False
    (said,) = Questions(parts().store).check([Question(QuestionKind.USER, (text, group.domain))])
    return not said.is_missing


def _address_of(text: str) -> MemberAddress | None:
    """Return whom a text names; None: it is no number, but maybe a name."""
    try:
        return parse_member(text)
    except BadValue:
        return None


def _is_exact(text: str, listing: Listing) -> bool:
    address = _address_of(text)
    if address is None:
        return False
    return address.external or listing.unknown is not None or any(user.number == text for user in listing.users)


def _may_be_added(text: str, found: Found) -> bool:
    """Whether a text may be added although the directory does not have it; an external number goes by a gateway."""
    return _address_of(text) is not None and not any("@" in each.address for each in found.matches)


def _whom(group: Group, written: str, found: Found) -> str:
    if found.matches:
        return str(gettext("Choose whom you mean."))
    try:
        parse_member(written)
    except BadValue as error:
        return in_language(str(error))
    return str(gettext("The phone system has nobody of %(domain)s with this number or name.", domain=group.domain))


@pages.post("/invite")
@for_signed_in
def invite(domain: str, pilot: str) -> Response:
    """Make a link by which a member sets a password: it is shown this once."""
    try:
        with writing() as s:
            group = group_to_change(s, domain, pilot, Action.INVITE_MEMBER)
            extension = _member(group).extension
            rights.check_invite(s, access(), group.domain, extension)
            invitation = accounts.invite_member(s, group.domain, extension)
    except (*REFUSALS, Forbidden) as error:
        return show_group(domain, pilot, refused=Refused.by("invite", _key(), "", error))
    return show_group(domain, pilot, invited=invitation)


@pages.post("/move")
@for_signed_in
def move(domain: str, pilot: str) -> Response:
    """Move a member to a position, if the order is still the one that was seen."""
    written = request.form.get("position", "").strip()
    if not written:
        return _left_empty(domain, pilot, "move", "position", _key())

    def work(s: Session, group: Group) -> None:
        member = _member(group)
        position = int(check_position(written))
        if request.form.get("order", order_of(group)) != order_of(group):
            raise Conflict("The order of the members has changed in the meantime: look at it again.")
        members.move_member(s, group.domain, group.pilot, member.address, position)

    return _do(domain, pilot, work, "move", "position", _key(), (Subject.MEMBER, ChangeKind.MOVE))


@pages.post("/remove")
@for_signed_in
def remove(domain: str, pilot: str) -> Response:
    """Remove a member."""

    def work(s: Session, group: Group) -> None:
        members.remove_member(s, group.domain, group.pilot, _member(group).address)

    return _do(domain, pilot, work, "remove", "", _key(), (Subject.MEMBER, ChangeKind.REMOVE))


@pages.post("/block")
@for_signed_in
def block(domain: str, pilot: str) -> Response:
    """Block a member in this group or in all, until a moment or until unblocked."""
    written = request.form.get("until", "").strip()

    def work(s: Session, group: Group) -> None:
        until = parse_until(written, datetime.now(UTC), zone()) if written else None
        members.block(s, group.domain, _member(group).extension, True, pilot=_where(group), until=until)

    return _do(domain, pilot, work, "block", "until", _key(), (Subject.BLOCK, ChangeKind.ADD), Action.BLOCK_MEMBER)


@pages.post("/unblock")
@for_signed_in
def unblock(domain: str, pilot: str) -> Response:
    """Have a blocked member ring again in this group or in all."""

    def work(s: Session, group: Group) -> None:
        members.block(s, group.domain, _member(group).extension, False, pilot=_where(group))

    return _do(domain, pilot, work, "block", "", _key(), (Subject.BLOCK, ChangeKind.REMOVE), Action.BLOCK_MEMBER)


@pages.post("/settings")
@for_signed_in
def change(domain: str, pilot: str) -> Response:
    """Save the settings of a member: all of them or none."""
    try:
        with writing() as s:
            group = group_to_change(s, domain, pilot, Action.CHANGE_MEMBERS)
            member = _member(group)
            form = ColumnForm.sent(member_form(member).fields, member, request.form)
            values = form.columns()
            if not form.errors:
                _point_out_changes(member, form)
            if not form.errors:
                members.set_member(s, group.domain, group.pilot, member.address, **form.model_values(values))
            change_id = audit.last_change_id(s)
    except BeyondLimits as error:
        form.errors |= {name: in_language(sentence) for name, sentence in error.sentences.items()}
    except REFUSALS as error:
        return show_group(domain, pilot, refused=Refused.by("settings", _key(), "", error))
    if form.errors:
        return show_group(domain, pilot, refused=Refused("settings", member.extension, form.texts, form.errors))
    return back_to(group, change_id, ANCHOR)


def _point_out_changes(member: Member, form: ColumnForm) -> None:
    """Where somebody else has changed the member since the form was made: say each other value beside one's own."""
    stored = version_of(columns_of(member))
    if request.form.get(VERSION, stored) == stored:
        return
    there = ColumnForm.of(form.fields, member).texts
    for name, text in form.texts.items():
        if text != there[name]:
            form.errors[name] = set_meanwhile(there[name])


def _do(
    domain: str,
    pilot: str,
    work: Work,
    action: str,
    beside: str,
    key: str,
    done: tuple[Subject, ChangeKind],
    right: Action = Action.CHANGE_MEMBERS,
    *,
    unchecked: bool = False,
) -> Response:
    """Do the work in one transaction; an error stands beside the input of the action that it concerns.

    ``unchecked``: the page says afterwards that no switch has checked it.
    """
    try:
        with writing() as s:
            group = group_to_change(s, domain, pilot, right)
            work(s, group)
            change_id = audit.last_change_id(s)
    except REFUSALS as error:
        # Of a member who is not there, there is no input that the sentence could stand beside.
        where = "" if isinstance(error, NotFound) and action != "add" else beside
        return _refused(domain, pilot, Refused.by(action, key, where, error), done, unchecked=unchecked)
    return back_to(group, change_id, ANCHOR, unchecked=unchecked)


def _refused(
    domain: str, pilot: str, refused: Refused, done: tuple[Subject, ChangeKind], *, unchecked: bool
) -> Response:
    """Show the page with the reason, or what the first click of two has done; raise NotFound for another's group."""
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        before = just_done(s, access(), group, *done, refused.key)
    if before is not None:
        return back_to(group, before, ANCHOR, unchecked=unchecked)
    return show_group(domain, pilot, refused=refused)


def _left_empty(domain: str, pilot: str, action: str, name: str, key: str) -> Response:
    typed = request.form.to_dict()
    return show_group(domain, pilot, refused=Refused(action, key, typed, {name: gettext("Please fill this in.")}))


def _key() -> str:
    return request.form.get("extension", "")


def _where(group: Group) -> str | None:
    """Return the pilot of this group if the form means it alone; None: all groups of the member."""
    return group.pilot if request.form.get("where") == "group" else None


def _member(group: Group) -> Member:
    """Return the member that the form names; raise NotFound."""
    for member in group.members:
        if member.extension == _key():
            return member
    raise NotFound(f"{shown(_key())} is not a member of {group.pilot}.")
