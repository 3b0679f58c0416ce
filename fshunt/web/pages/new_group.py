"""What only providers do with a group: make it, change its pilot, give it to administrators, remove it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from fshunt.db.queries.rows import domain_names
from fshunt.errors import FshuntError, NotFound
from fshunt.hunting.group import Group
from fshunt.services import accounts, groups, limits, members, rights
from fshunt.services.accounts import Invitation
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.destination_checks import missing_of_new
from fshunt.services.questions import Questions
from fshunt.services.rights import Action
from fshunt.services.users import Role, User
from fshunt.web.changes import just_added
from fshunt.web.forms import text_of
from fshunt.web.links import link_of
from fshunt.web.parts import parts
from fshunt.web.pilot_words import Told, pilot_told
from fshunt.web.problems import status_of
from fshunt.web.provider_forms import LimitsForm, NewAdminForm, NewGroupForm, PilotForm
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.twice import Last, do_once

pages = Blueprint("new_group", __name__, url_prefix="/groups")

DEFAULT_RINGS = "3"
CHECK = "check"
"""The button that asks for a pilot and saves nothing."""

ANYWAY = "anyway"
"""The input that says: add the group although a switch does not know its box, or a member."""

DONE = {
    "renumbered": lazy_gettext("The group has its new pilot. Holds for the next call."),
    "limited": lazy_gettext("The limits are saved. They bind the administrators of this group from now on."),
    "granted": lazy_gettext("The administrator looks after this group now."),
    "revoked": lazy_gettext("The administrator looks after this group no more."),
    "renumbered-already": lazy_gettext("The group got this pilot already."),
    "granted-already": lazy_gettext("The administrator was given this group already."),
    "revoked-already": lazy_gettext("The group was taken from the administrator already."),
}


@pages.get("/new")
@for_signed_in
def new() -> Response:
    """Show the form for a new group."""
    with reading() as s:
        known = domain_names(s)
    domain = parts().settings.default_domain or (known[0] if len(known) == 1 else "")
    return _new_page(_new_form(domain=domain, rings=DEFAULT_RINGS, policy="regular"))


@pages.get("/new/pilot")
@for_signed_in
def look_at_pilot() -> Response:
    """Return what is known of a number that may become a pilot: a script shows it while somebody types."""
    rights.check(access(), Action.ADD_GROUP)
    domain, pilot = (request.args.get(name, "").strip() for name in ("domain", "pilot"))
    told = pilot_told(domain, pilot) if domain and pilot else None
    return make_response(render_template("pilot_told.html", told=told))


@pages.post("/new")
@for_signed_in
def add() -> Response:
    """Add a group with its members and its administrator, all or nothing."""
    form = _new_form()
    if CHECK in request.form:
        return _new_page(form, pilot_told(text_of(form.domain), text_of(form.pilot)))
    if not form.is_sent_well():
        return _new_page(form)
    domain, pilot = text_of(form.domain), text_of(form.pilot)
    if ANYWAY not in request.form and not _is_just_added(domain, pilot) and _refuse_missing(form):
        return _new_page(form, is_missing=True)
    step = "pilot"
    try:
        with writing() as s:
            groups.add_group(s, domain, pilot, **form.fields())
            step = "members"
            if addresses := form.addresses():
                shared = domain in parts().settings.shared_members
                members.add_members(s, domain, pilot, addresses, shared=shared)
            step = "admin"
            if form.admin.data:
                accounts.grant(s, form.admin.data, domain, pilot)
    except FshuntError as error:
        if not _is_just_added(domain, pilot):
            form.refuse(step, in_language(str(error)))
            return _new_page(form)
    return _to(url_for("groups.group", domain=domain, pilot=pilot))


def _refuse_missing(form: NewGroupForm) -> bool:
    """Ask the switches, by a daemon and before any transaction, for the box and the members; say what is missing."""
    new = Group(id=0, domain=text_of(form.domain), pilot=text_of(form.pilot), voicemail=text_of(form.voicemail) or None)
    missing = missing_of_new(new, form.addresses(), parts().settings, Questions(parts().store).check)
    for name, sentences in missing.items():
        form.refuse(name, " ".join(map(in_language, sentences)))
    return bool(missing)


@pages.get("/<domain>/<pilot>/administration")
@for_signed_in
def administration(domain: str, pilot: str) -> Response:
    """Show what a provider does with a group."""
    return _page(domain, pilot)


@pages.post("/<domain>/<pilot>/administration/pilot")
@for_signed_in
def renumber(domain: str, pilot: str) -> Response:
    """Give the group another pilot."""
    rights.check(access(), Action.RENUMBER_GROUP)
    form = PilotForm()
    if not form.is_sent_well():
        return _page(domain, pilot, pilot_form=form)
    if CHECK in request.form:
        return _page(domain, pilot, pilot_form=form, told=pilot_told(domain, text_of(form.pilot)))
    new_pilot = text_of(form.pilot)
    try:
        last = Last(Subject.GROUP, ChangeKind.SET, new_pilot, domain, before={"pilot": pilot})
        done = do_once(lambda s: groups.renumber_group(s, domain, pilot, new_pilot), last, "renumbered")
    except NotFound:
        raise
    except FshuntError as error:
        form.refuse("pilot", in_language(str(error)))
        return _page(domain, pilot, pilot_form=form)
    return _to(url_for("new_group.administration", domain=domain, pilot=new_pilot, done=done))


@pages.post("/<domain>/<pilot>/administration/limits")
@for_signed_in
def change_limits(domain: str, pilot: str) -> Response:
    """Set how far the administrators of the group may go: all of it or nothing."""
    rights.check(access(), Action.CHANGE_LIMITS)
    form = LimitsForm()
    wanted = form.limits() if form.validate() else None
    if wanted is None:
        return _page(domain, pilot, limits_form=form)
    with writing() as s:
        rights.group_for(s, access(), domain, pilot)
        limits.set_limits(s, domain, pilot, wanted)
    return _to(url_for("new_group.administration", domain=domain, pilot=pilot, done="limited", _anchor="limits"))


@pages.post("/<domain>/<pilot>/administration/grants")
@for_signed_in
def change_grant(domain: str, pilot: str) -> Response:
    """Give the group to an administrator, or take it away again."""
    rights.check(access(), Action.MANAGE_USERS)
    name, wanted = request.form.get("name", ""), request.form.get("granted") == "yes"
    change, action = (accounts.grant, ChangeKind.ADD) if wanted else (accounts.revoke, ChangeKind.REMOVE)
    last = Last(Subject.GRANT, action, name, domain, pilot)
    try:
        done = do_once(lambda s: change(s, name, domain, pilot), last, "granted" if wanted else "revoked")
    except FshuntError as error:
        answer = _page(domain, pilot, refused=in_language(str(error)))
        answer.status_code = status_of(error)
        return answer
    return _to(url_for("new_group.administration", domain=domain, pilot=pilot, done=done))


@pages.post("/<domain>/<pilot>/administration/invitations")
@for_signed_in
def invite(domain: str, pilot: str) -> Response:
    """Add an administrator for this group and invite them: the link is shown this once."""
    rights.check(access(), Action.MANAGE_USERS)
    form = NewAdminForm()
    if not form.is_sent_well():
        return _page(domain, pilot, admin_form=form)
    name = text_of(form.name)
    try:
        with writing() as s:
            rights.group_for(s, access(), domain, pilot)
            if not just_added(s, access(), Subject.USER, name, role=Role.ADMIN.value):
                accounts.add_user(s, name, Role.ADMIN)
            accounts.grant(s, name, domain, pilot)
            invitation = accounts.invite(s, name)
    except FshuntError as error:
        form.refuse("name", in_language(str(error)))
        return _page(domain, pilot, admin_form=form)
    return _page(domain, pilot, invitation=invitation)


@pages.post("/<domain>/<pilot>/administration/remove")
@for_signed_in
def remove(domain: str, pilot: str) -> Response:
    """Remove the group, where its pilot was typed once more."""
    rights.check(access(), Action.REMOVE_GROUP)
    form = PilotForm()
    if text_of(form.pilot) != pilot:
        form.refuse("pilot", gettext("Type %(pilot)s here, so that no wrong group is removed.", pilot=pilot))
        return _page(domain, pilot, remove_form=form)
    last = Last(Subject.GROUP, ChangeKind.REMOVE, pilot, domain)
    done = do_once(lambda s: groups.remove_group(s, domain, pilot), last, "removed")
    return _to(url_for("audit.show", domain=domain, pilot=pilot, removed=done))


def _is_just_added(domain: str, pilot: str) -> bool:
    """Whether the same person has just added this group: this is the second click of two."""
    with reading() as s:
        return just_added(s, access(), Subject.GROUP, pilot, domain=domain)


def _new_form(**values: Any) -> NewGroupForm:
    rights.check(access(), Action.ADD_GROUP)
    with reading() as s:
        return NewGroupForm([user.name for user in _admins(s)], **values)


def _new_page(form: NewGroupForm, told: Told | None = None, *, is_missing: bool = False) -> Response:
    with reading() as s:
        known = domain_names(s)
    page = render_template("new_group.html", form=form, domains=known, told=told, is_missing=is_missing)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK)


def _page(
    domain: str,
    pilot: str,
    *,
    pilot_form: PilotForm | None = None,
    admin_form: NewAdminForm | None = None,
    limits_form: LimitsForm | None = None,
    remove_form: PilotForm | None = None,
    invitation: Invitation | None = None,
    told: Told | None = None,
    refused: str | None = None,
) -> Response:
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.RENUMBER_GROUP)
        mine, others = _parted(_admins(s), group)
        limits_form = limits_form or LimitsForm.of(limits.limits_of(s, group))
        beyond = [in_language(each) for each in limits.beyond_by_now(s, group, parts().settings.seconds_per_ring)]
    refusing = any(form is not None and form.is_refused for form in (pilot_form, admin_form, limits_form, remove_form))
    page = render_template(
        "group_administration.html",
        group=group,
        pilot_form=pilot_form or PilotForm(fresh=True, pilot=group.pilot),
        limits_form=limits_form,
        beyond=beyond,
        admin_form=admin_form or NewAdminForm(fresh=True),
        remove_form=remove_form or PilotForm(fresh=True),
        removing=remove_form is not None,
        mine=mine,
        others=others,
        invitation=invitation,
        link=None if invitation is None else link_of(invitation),
        told=told,
        done=DONE.get(request.args.get("done", "")),
        refused=refused,
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if refusing else HTTPStatus.OK)


def _admins(s: Session) -> list[User]:
    return [user for user in accounts.list_users(s) if user.role is Role.ADMIN]


def _parted(admins: list[User], group: Group) -> tuple[list[User], list[User]]:
    """Those who look after the group, and those who do not."""
    mine = [user for user in admins if group.id in user.group_ids]
    return mine, [user for user in admins if user not in mine and not user.disabled]


def _to(address: str) -> Response:
    return make_response(redirect(address, HTTPStatus.SEE_OTHER))
