"""The own account: password, one-time codes, sessions, and how the pages are read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import segno
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext

from fshunt.errors import BadValue, SignInFailed, SlowDown
from fshunt.services import accounts, one_time_codes, passwords, recovery_codes, sign_in
from fshunt.web.forms import BaseForm, ChangePasswordForm, PasswordForm, ReadingForm, StartCodesForm
from fshunt.web.parts import parts
from fshunt.web.problems import retry_after
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import for_signed_in, reading, signed_in, writing

pages = Blueprint("account", __name__, url_prefix="/account")

ISSUER = "fshunt"
"""The name under which an app lists the codes."""

DONE = {
    "saved": lazy_gettext("Saved."),
    "password": lazy_gettext("The password is changed. All other sessions have ended."),
    "no-codes": lazy_gettext("Signing in needs no code any more."),
    "session": lazy_gettext("The session has ended."),
    "sessions": lazy_gettext("All other sessions have ended."),
}
"""What is said after a change; the word is part of the page's address, since nothing else outlives a redirect."""


@pages.get("")
@for_signed_in
def show() -> Response:
    """Show the account."""
    user = signed_in().user
    return _page(ReadingForm(language=user.language or "", time_zone=user.time_zone or ""))


@pages.post("")
@for_signed_in
def save_reading() -> Response:
    """Save language and time zone."""
    form, user = ReadingForm(), signed_in().user
    if not form.is_sent_well():
        return _page(form)
    with writing() as s:
        accounts.set_user(s, user.name, language=form.language.data, time_zone=form.time_zone.data)
    return _back("saved")


@pages.route("/password", methods=["GET", "POST"])
@for_signed_in
def password() -> Response | str:
    """Change the password; all other sessions end."""
    form, known = ChangePasswordForm(), signed_in()
    if not form.is_sent_well():
        return _form_page("account_password.html", form, chars=passwords.MIN_CHARS)
    try:
        sign_in.verify_again(parts().store, known.user.id, form.password.data, address=request.remote_addr)
        made = passwords.new_hash(form.new_password.data, name=known.user.name)
    except (SignInFailed, SlowDown) as error:
        form.refuse("password", in_language(str(error)))
        return retry_after(_form_page("account_password.html", form, chars=passwords.MIN_CHARS), error)
    except BadValue as error:
        form.refuse("new_password", in_language(str(error)))
        return _form_page("account_password.html", form, chars=passwords.MIN_CHARS)
    with writing() as s:
        accounts.set_password(s, known.user.name, made, keep_session=known.secret)
    return _back("password")


@pages.route("/one-time-codes", methods=["GET", "POST"])
@for_signed_in
def codes() -> Response | str:
    """Begin one-time codes with an app; shown once, as a picture to scan and as text."""
    known = signed_in()
    if known.user.has_totp:
        return _back()
    form = StartCodesForm(secret=one_time_codes.new_totp_secret())
    if not form.is_sent_well():
        return _codes_page(form)
    try:
        sign_in.verify_again(parts().store, known.user.id, form.password.data, address=request.remote_addr)
        with writing() as s:
            accounts.enable_totp(s, known.user.name, form.secret.data, form.code.data)
            made = recovery_codes.new_codes(s, known.user.id, known.user.name)
    except (SignInFailed, SlowDown) as error:
        form.refuse("password", in_language(str(error)))
        return retry_after(_codes_page(form), error)
    except BadValue as error:
        form.refuse("code", in_language(str(error)))
        return _codes_page(form)
    return _form_page("account_recovery.html", form, made=made)


@pages.route("/recovery-codes", methods=["GET", "POST"])
@for_signed_in
def recovery() -> Response | str:
    """Make recovery codes in place of those there were, and show them this once."""
    form, known = PasswordForm(), signed_in()
    if not known.user.has_totp:
        return _back()
    if not form.is_sent_well():
        return _form_page("account_recovery.html", form)
    try:
        sign_in.verify_again(parts().store, known.user.id, form.password.data, address=request.remote_addr)
    except (SignInFailed, SlowDown) as error:
        form.refuse("password", in_language(str(error)))
        return retry_after(_form_page("account_recovery.html", form), error)
    with writing() as s:
        made = recovery_codes.new_codes(s, known.user.id, known.user.name)
    return _form_page("account_recovery.html", form, made=made)


@pages.route("/one-time-codes/end", methods=["GET", "POST"])
@for_signed_in
def end_codes() -> Response | str:
    """End one-time codes."""
    form, known = PasswordForm(), signed_in()
    if not form.is_sent_well():
        return _form_page("account_end_codes.html", form)
    try:
        sign_in.verify_again(parts().store, known.user.id, form.password.data, address=request.remote_addr)
    except (SignInFailed, SlowDown) as error:
        form.refuse("password", in_language(str(error)))
        return retry_after(_form_page("account_end_codes.html", form), error)
    with writing() as s:
        accounts.disable_totp(s, known.user.name)
    return _back("no-codes")


@pages.post("/sessions/end")
@for_signed_in
def end_session() -> Response:
    """End one session, or all but this one."""
    known, which = signed_in(), request.form.get("session")
    with writing() as s:
        if which:
            sign_in.end_session_of(s, known.user.id, which)
        else:
            sign_in.end_other_sessions(s, known.user.id, known.secret)
    return _back("session" if which else "sessions")


def _page(form: ReadingForm) -> Response:
    user = signed_in().user
    with reading() as s:
        sessions = sign_in.list_sessions(s, user.id)
        recovery_left = recovery_codes.left(s, user.id)
    done = DONE.get(request.args.get("done", ""))
    return _form_page("account.html", form, user=user, sessions=sessions, recovery_left=recovery_left, done=done)


def _back(done: str | None = None) -> Response:
    return make_response(redirect(url_for("account.show", done=done), HTTPStatus.SEE_OTHER))


def _form_page(template: str, form: BaseForm, **more: Any) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK
    return make_response(render_template(template, form=form, **more), status)


def _codes_page(form: StartCodesForm) -> Response:
    uri = one_time_codes.totp_uri(signed_in().user.name, form.secret.data, ISSUER)
    picture = segno.make(uri, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
    return _form_page("account_codes.html", form, picture=picture)
