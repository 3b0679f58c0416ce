"""The tokens of programs, for providers: adding and revoking them."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import StopValidation

from fshunt.errors import FshuntError, NotFound
from fshunt.services import accounts, rights
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.rights import Action
from fshunt.services.users import Scope
from fshunt.web.change_values import SCOPES
from fshunt.web.changes import just_added
from fshunt.web.forms import ExpiringForm, required, short, text_of
from fshunt.web.numbers import number_of
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.twice import Last, do_once

pages = Blueprint("tokens", __name__, url_prefix="/tokens")

DONE = {
    "revoked": lazy_gettext("The token holds no more."),
    "revoked-already": lazy_gettext("The token was revoked already."),
}


class NewTokenForm(ExpiringForm):
    """A new token: whose rights it has, what for, and until when."""

    user = SelectField(lazy_gettext("User"))
    name = StringField(lazy_gettext("What it is for"), [required, short])
    scopes = SelectMultipleField(lazy_gettext("What it may do"))

    def __init__(self, users: list[str], **values: Any) -> None:
        super().__init__(**values)
        self.user.choices = [(name, name) for name in users]
        self.scopes.choices = [*SCOPES.items()]

    def validate_scopes(self, field: Any) -> None:
        """Refuse a token that may do nothing."""
        if not field.data:
            raise StopValidation(gettext("Choose at least one."))

    def check_expiry(self, expires_at: datetime | None, now: datetime) -> None:
        """Raise BadValue for an end that is past."""
        accounts.check_expiry(expires_at, now)


@pages.get("")
@for_signed_in
def show() -> Response:
    """Show all tokens."""
    return _page(_form(scopes=[Scope.READ.value]))


@pages.post("")
@for_signed_in
def add() -> Response:
    """Add a token: its secret is shown this once."""
    rights.check(access(), Action.MANAGE_USERS)
    form = _form()
    if not form.is_sent_well():
        return _page(form)
    scopes = [Scope(word) for word in form.scopes.data]
    user, name = form.user.data, text_of(form.name)
    try:
        with writing() as s:
            for token in accounts.list_tokens(s, user):
                if token.name == name and just_added(s, access(), Subject.TOKEN, name, user=user):
                    accounts.revoke_token(s, token.id)
            made, secret = accounts.add_token(s, user, name, scopes, expires_at=form.expires_at())
    except FshuntError as error:
        form.refuse("expires" if "expired" in str(error) else "name", in_language(str(error)))
        return _page(form)
    return _page(_form(fresh=True, scopes=[Scope.READ.value]), name=made.name, secret=secret)


@pages.post("/revoke")
@for_signed_in
def revoke() -> Response:
    """End a token."""
    rights.check(access(), Action.MANAGE_USERS)
    token_id = number_of(request.form.get("token"))
    if token_id is None:
        raise NotFound("There is no such token.")
    with reading() as s:
        name = accounts.get_token(s, token_id).name
    last = Last(Subject.TOKEN, ChangeKind.REMOVE, name)
    done = do_once(lambda s: accounts.revoke_token(s, token_id), last, "revoked")
    return make_response(redirect(url_for("tokens.show", done=done), HTTPStatus.SEE_OTHER))


def _form(**values: Any) -> NewTokenForm:
    rights.check(access(), Action.MANAGE_USERS)
    with reading() as s:
        users = [user.name for user in accounts.list_users(s) if not user.disabled]
    return NewTokenForm(users, **values)


def _page(form: NewTokenForm, *, name: str | None = None, secret: str | None = None) -> Response:
    with reading() as s:
        tokens = accounts.list_tokens(s)
    page = render_template(
        "tokens.html",
        form=form,
        tokens=list(reversed(tokens)),
        scope_words=SCOPES,
        now=datetime.now(UTC),
        name=name,
        secret=secret,
        done=DONE.get(request.args.get("done", "")),
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK)
