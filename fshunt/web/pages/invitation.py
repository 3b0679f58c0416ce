"""An invitation: a link for one use, with which a person sets the first password, or a new one for a lost one."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template

from fshunt.errors import BadValue
from fshunt.services import accounts, passwords
from fshunt.services.users import User
from fshunt.web import cookies
from fshunt.web.forms import NewPasswordForm
from fshunt.web.pages.session import begin
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import reading, writing

pages = Blueprint("invitation", __name__)


@pages.get("/invitation/<secret>")
def show(secret: str) -> Response:
    """Show the form, for whom the invitation is."""
    return _page(NewPasswordForm(), _invited(secret))


@pages.post("/invitation/<secret>")
def accept(secret: str) -> Response:
    """Set the password and sign in; an account with one-time codes asks for one first, as at any sign-in."""
    form, user = NewPasswordForm(), _invited(secret)
    if not cookies.can_be_kept() or not form.is_sent_well():
        return _page(form, user, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        made = passwords.new_hash(form.new_password.data, name=user.name)
    except BadValue as error:
        form.refuse("new_password", in_language(str(error)))
        return _page(form, user, HTTPStatus.UNPROCESSABLE_ENTITY)
    with writing(user.name) as s:
        accounts.accept_invitation(s, secret, made)
    answer = make_response(redirect("/sign-in/code" if user.has_totp else "/", HTTPStatus.SEE_OTHER))
    cookies.put(answer, cookies.SESSION, begin(user.id, awaits_code=user.has_totp))
    return answer


def _invited(secret: str) -> User:
    with reading() as s:
        return accounts.find_invitation(s, secret)


def _page(form: NewPasswordForm, user: User, status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template(
        "invitation.html", form=form, user=user, possible=cookies.can_be_kept(), chars=passwords.MIN_CHARS
    )
    return make_response(page, status if cookies.can_be_kept() else HTTPStatus.FORBIDDEN)
