"""The users, for providers: adding, inviting, disabling and removing them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from fshunt.errors import FshuntError
from fshunt.hunting.validation import check_domain, check_extension
from fshunt.services import accounts, rights
from fshunt.services.accounts import Invitation
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.rights import Action
from fshunt.services.users import Role
from fshunt.web.changes import just_added
from fshunt.web.forms import BaseForm, checked, required, short, text_of
from fshunt.web.links import link_of
from fshunt.web.problems import status_of
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.twice import Last, do_once
from fshunt.web.words import ROLES

pages = Blueprint("users", __name__, url_prefix="/users")

DONE = {
    "enabled": lazy_gettext("The user may sign in again."),
    "disabled": lazy_gettext("The user may not sign in any more; all sessions have ended."),
    "removed": lazy_gettext("The user is removed."),
    "enabled-already": lazy_gettext("The user was enabled already."),
    "disabled-already": lazy_gettext("The user was disabled already."),
    "removed-already": lazy_gettext("The user was removed already."),
}


class NewUserForm(BaseForm):
    """A new user. An extension and its domain belong to members alone."""

    name = StringField(lazy_gettext("Name"), [required, short])
    role = SelectField(lazy_gettext("Role"))
    extension = StringField(lazy_gettext("Extension"), [short])
    domain = StringField(lazy_gettext("Domain"), [short])

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.role.choices = [(role.value, ROLES[role]) for role in (Role.ADMIN, Role.MEMBER, Role.PROVIDER)]

    def validate_extension(self, field: Any) -> None:
        """Refuse a member without an extension."""
        self._check_of_member(field, check_extension)

    def validate_domain(self, field: Any) -> None:
        """Refuse a member without a domain."""
        self._check_of_member(field, check_domain)

    def _check_of_member(self, field: Any, check: Callable[[str], object]) -> None:
        if self.role.data == Role.MEMBER.value:
            required(self, field)
            checked(check, text_of(field))


@pages.get("")
@for_signed_in
def show() -> Response:
    """Show all users."""
    return _page(NewUserForm(role=Role.ADMIN.value))


@pages.post("")
@for_signed_in
def add() -> Response:
    """Add a user and invite them: the link is shown this once."""
    rights.check(access(), Action.MANAGE_USERS)
    form = NewUserForm()
    if not form.is_sent_well():
        return _page(form)
    role, name = Role(form.role.data), text_of(form.name)
    of_member: dict[str, Any] = {"domain": text_of(form.domain), "extension": text_of(form.extension)}
    try:
        with writing() as s:
            if not just_added(s, access(), Subject.USER, name, role=role.value):
                accounts.add_user(s, name, role, **(of_member if role is Role.MEMBER else {}))
            invitation = accounts.invite(s, name)
    except FshuntError as error:
        is_of_extension = role is Role.MEMBER and of_member["extension"] in str(error)
        form.refuse("extension" if is_of_extension else "name", _said(error))
        return _page(form)
    return _page(NewUserForm(fresh=True, role=role.value), invitation=invitation)


@pages.post("/invite")
@for_signed_in
def invite() -> Response:
    """Make a new link for a user, which is shown this once; an earlier one holds no more."""
    rights.check(access(), Action.MANAGE_USERS)
    try:
        with writing() as s:
            invitation = accounts.invite(s, request.form.get("name", ""))
    except FshuntError as error:
        return _refused(error)
    return _page(NewUserForm(fresh=True, role=Role.ADMIN.value), invitation=invitation)


@pages.post("/enable")
@for_signed_in
def enable() -> Response:
    """Let a user sign in, or not."""
    enabled = request.form.get("enabled") == "yes"
    done = "enabled" if enabled else "disabled"
    return _changed(lambda s, name: accounts.enable_user(s, name, enabled), ChangeKind.SET, done)


@pages.post("/remove")
@for_signed_in
def remove() -> Response:
    """Remove a user."""
    return _changed(accounts.remove_user, ChangeKind.REMOVE, "removed")


def _changed(change: Callable[[Session, str], object], action: ChangeKind, done: str) -> Response:
    rights.check(access(), Action.MANAGE_USERS)
    name = request.form.get("name", "")
    try:
        done = do_once(lambda s: change(s, name), Last(Subject.USER, action, name), done)
    except FshuntError as error:
        return _refused(error)
    return make_response(redirect(url_for("users.show", done=done), HTTPStatus.SEE_OTHER))


def _refused(error: FshuntError) -> Response:
    answer = _page(NewUserForm(fresh=True, role=Role.ADMIN.value), refused=_said(error))
    answer.status_code = status_of(error)
    return answer


def _said(error: FshuntError) -> str:
    return in_language(str(error))


def _page(form: NewUserForm, *, invitation: Invitation | None = None, refused: str | None = None) -> Response:
    rights.check(access(), Action.MANAGE_USERS)
    with reading() as s:
        users = accounts.list_users(s)
    page = render_template(
        "users.html",
        form=form,
        users=users,
        invitation=invitation,
        link=None if invitation is None else link_of(invitation),
        done=DONE.get(request.args.get("done", "")),
        refused=refused,
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK)
