"""The page of one group: all that it shows, whoever asks for it, as it is stored or with a form that was refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from fshunt.errors import FshuntError
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import MEMBER_FIELDS, columns_of
from fshunt.hunting.limits import NO_LIMITS
from fshunt.hunting.policies import POLICIES
from fshunt.services import accounts, groups, limits, rights
from fshunt.services.accounts import Invitation
from fshunt.services.live import Watched
from fshunt.services.live_feed import Look
from fshunt.services.member_search import Match
from fshunt.services.rights import Access, Action, Role
from fshunt.web.change_values import sentence_of
from fshunt.web.changes import change_to_tell, last_changes
from fshunt.web.column_form import ColumnForm, version_of
from fshunt.web.group_form import CASES, GroupForm
from fshunt.web.hours_form import of_closing
from fshunt.web.links import link_of
from fshunt.web.names import names
from fshunt.web.now import Now, now_of, watches
from fshunt.web.parts import parts
from fshunt.web.problems import status_of
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, reading

MAX_RINGS_OFFERED = 10
"""More than so many rings are set in seconds, or at the command line."""

CHANGE = "change"
"""In the address of the page: the change that has just been made."""

DONE = "done"
"""In the address of the page: what was wished is so already."""

UNCHECKED = "unchecked"
"""In the address of the page: no switch said whether the directory has the member who was added."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An action on a member that was refused: which action, the member or what was typed, all inputs, the sentences.

    ``errors`` has them by input; that of the empty name concerns no single one.
    """

    action: str
    key: str
    texts: Mapping[str, str]
    errors: Mapping[str, str]

    @classmethod
    def by(cls, action: str, key: str, name: str, error: FshuntError) -> Refused:
        """Return the action that this request wanted, with an error beside one of its inputs."""
        return cls(action, key, request.form.to_dict(), {name: in_language(str(error))})


def group_to_change(s: Session, domain: str, pilot: str, action: Action) -> Group:
    """Return a group, locked, that the one who asks may do this to; raise NotFound or Forbidden."""
    found = rights.group_for(s, access(), domain, pilot)
    rights.check(access(), action)
    return groups.lock_group(s, found.domain, found.pilot)


def member_form(member: Member) -> ColumnForm:
    """Return the form of a member, with the inputs that the role of the one who asks may change."""
    fields = {name: MEMBER_FIELDS[name] for name in rights.own_member_fields(access(), MEMBER_FIELDS)}
    fields.pop("extension", None)
    if not member.address.external:
        fields.pop("caller_id_number", None)
    return ColumnForm.of(fields, member)


def order_of(group: Group) -> str:
    """Return the version of a group's order: who is a member, at which position."""
    return version_of({"order": [member.extension for member in group.members]})


def show_group(
    domain: str,
    pilot: str,
    *,
    form: GroupForm | None = None,
    refused: Refused | None = None,
    error: FshuntError | None = None,
    found: Sequence[Match] = (),
    invited: Invitation | None = None,
) -> Response:
    """Return the page of a group. ``form``, ``refused`` and ``error`` are what was not saved, and why.

    ``found``: whom a person may have meant to add; ``invited``: an invitation, whose link is shown this once.
    """
    mine = access()
    now = now_for(domain, pilot)
    with reading() as s:
        group = rights.group_for(s, mine, domain, pilot)
        stored = _stored(s, mine, group)
    page = render_template(
        "group.html",
        **stored,
        group=group,
        **_of_members(mine, group, now),
        **of_forms(mine, group, form),
        **of_closing(group, datetime.now(UTC)),
        refused=refused,
        sentence=None if error is None else sentence_of(error, group),
        done=DONE in request.args,
        unchecked=UNCHECKED in request.args,
        found=found,
        invited=invited,
        link=None if invited is None else link_of(invited),
    )
    return make_response(page, _status(form, refused, error))


def _stored(s: Session, mine: Access, group: Group) -> dict[str, Any]:
    """Return what the page shows of a group besides the group itself, from the database."""
    extensions = [each.extension for each in group.members]
    refused = rights.refused_invitations(s, mine, group.domain, extensions)
    return {
        "users": accounts.users_of_extensions(s, group.domain, extensions),
        "not_invited": {extension: in_language(str(error)) for extension, error in refused.items()},
        "history": last_changes(s, mine, group),
        "told": change_to_tell(s, mine, group, request.args.get(CHANGE, "")),
        "limits": limits.limits_of(s, group) if mine.role is Role.ADMIN else NO_LIMITS,
        "warnings": [in_language(each) for each in (*group.warnings(), *groups.warnings_of(s, group))],
    }


def _of_members(mine: Access, group: Group, now: Now) -> dict[str, Any]:
    """Return what the page shows of the members, and the forms that change them."""
    return {
        "now": now,
        "names": names().of(group),
        "states": {each.member.extension: each for each in now.members},
        "order": order_of(group),
        "is_shared": group.domain in parts().settings.shared_members,
        "may_invite": rights.may(mine, Action.INVITE_MEMBER),
        "member_forms": {member.id: member_form(member) for member in group.members},
        "versions": {member.id: version_of(columns_of(member)) for member in group.members},
    }


def now_for(domain: str, pilot: str, look: Look | None = None) -> Now:
    """Return what a group does now, and have the daemons publish it; raise NotFound for another's group.

    ``look`` is one of a moment ago, and is taken if the group is in it.
    """
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
    watches().renew(Watched(group.domain, group.pilot))
    return now_of(parts().store, group, look, names().of(group))


def of_forms(mine: Access, group: Group, form: GroupForm | None) -> dict[str, object]:
    """Return what a template needs for the form of a group's settings."""
    form = form or GroupForm.of(group, mine)
    return {
        "form": form,
        "base": json.dumps(form.base, separators=(",", ":")),
        "may_change": rights.may(mine, Action.CHANGE_GROUP),
        "policies": list(POLICIES),
        "cases": CASES,
        "rings_offered": range(1, MAX_RINGS_OFFERED + 1),
        "seconds_per_ring": parts().settings.seconds_per_ring,
    }


def back_to(group: Group, change_id: int | None, anchor: str | None = None, *, unchecked: bool = False) -> Response:
    """Go to the page of a group after a change; ``change_id`` None: all was so already.

    ``unchecked``: no switch said whether the directory has the member who was added.
    """
    query: dict[str, Any] = {
        CHANGE: change_id,
        DONE: "already" if change_id is None else None,
        UNCHECKED: "yes" if unchecked else None,
    }
    where = url_for("groups.group", domain=group.domain, pilot=group.pilot, _anchor=anchor, **query)
    return make_response(redirect(where, HTTPStatus.SEE_OTHER))


def _status(form: GroupForm | None, refused: Refused | None, error: FshuntError | None) -> HTTPStatus:
    if error is not None:
        return status_of(error)
    is_refused = refused is not None or (form is not None and bool(form.errors))
    return HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK
