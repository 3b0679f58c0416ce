"""Signing in, with a password and a one-time code where the account has one, and signing out."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from fshunt.errors import SignInFailed, SlowDown
from fshunt.services import sign_in
from fshunt.web import cookies, csrf
from fshunt.web.forms import CodeForm, SignInForm
from fshunt.web.kept_form import KeptForm, kept_before, local_path
from fshunt.web.parts import parts
from fshunt.web.problems import retry_after
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import NotSignedIn, maybe_signed_in

pages = Blueprint("session", __name__)

MAX_AGENT_CHARS = 200


@pages.get("/sign-in")
def sign_in_page() -> Response:
    """Show the form."""
    known = maybe_signed_in()
    if known is not None and not known.awaits_code:
        return _away(local_path(request.args.get("next")))
    return show_sign_in(SignInForm(next=local_path(request.args.get("next"))), None)


@pages.post("/sign-in")
def sign_in_now() -> Response:
    """Check name and password, and begin a session."""
    form, kept = SignInForm(), kept_before()
    if not cookies.can_be_kept() or not form.is_sent_well():
        return show_sign_in(form, kept, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        proven = sign_in.check_password(
            parts().store,
            form.name.data.strip(),
            form.password.data,
            address=request.remote_addr,
            device=request.cookies.get(cookies.BROWSER),
        )
    except (SignInFailed, SlowDown) as error:
        form.refuse("password", in_language(str(error)))
        return retry_after(show_sign_in(form, kept, _status(error)), error)
    secret = begin(proven.user_id, awaits_code=proven.needs_code)
    answer = _code_page(CodeForm(), kept) if proven.needs_code else _continued(kept)
    cookies.put(answer, cookies.SESSION, secret)
    cookies.put(answer, cookies.BROWSER, proven.device, seconds=cookies.BROWSER_SECONDS)
    return answer


@pages.get("/sign-in/code")
def code_page() -> Response:
    """Show the form for the one-time code."""
    if maybe_signed_in() is None:
        return _to_sign_in()
    return _code_page(CodeForm(next=local_path(request.args.get("next"))), None)


@pages.post("/sign-in/code")
def check_code() -> Response:
    """Check the one-time code, and begin the session anew with a new secret."""
    form, kept, known = CodeForm(), kept_before(), maybe_signed_in()
    if known is None:
        raise NotSignedIn("The sign-in took too long: begin again.")
    if not form.is_sent_well():
        return _code_page(form, kept, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        secret = sign_in.check_code(
            parts().store,
            known.secret,
            form.recovery.data or form.code.data,
            address=request.remote_addr,
            device=request.cookies.get(cookies.BROWSER),
        )
    except (SignInFailed, SlowDown) as error:
        form.refuse("recovery" if form.recovery.data else "code", in_language(str(error)))
        return retry_after(_code_page(form, kept, _status(error)), error)
    csrf.bind_to(secret)
    answer = _continued(kept)
    cookies.put(answer, cookies.SESSION, secret)
    return answer


@pages.post("/sign-out")
def sign_out() -> Response:
    """End the session."""
    if (known := maybe_signed_in()) is not None:
        with parts().store.writing() as s:
            sign_in.end_session(s, known.secret)
    answer = make_response(redirect(url_for("session.sign_in_page"), HTTPStatus.SEE_OTHER))
    cookies.drop(answer, cookies.SESSION)
    cookies.drop(answer, cookies.FORM)
    return answer


def begin(user_id: int, *, awaits_code: bool) -> str:
    """Begin a session, and return its secret. The one that this browser had ends: its secret is worth nothing more."""
    agent = (request.user_agent.string or "")[:MAX_AGENT_CHARS]
    before = request.cookies.get(cookies.SESSION)
    with parts().store.writing() as s:
        if before:
            sign_in.end_session(s, before)
        secret = sign_in.start_session(s, user_id, address=request.remote_addr, agent=agent, awaits_code=awaits_code)
    csrf.bind_to(secret)
    return secret


def show_sign_in(form: SignInForm, kept: KeptForm | None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the page with the form, or with the reason why nobody can sign in over this connection."""
    possible = cookies.can_be_kept()
    page = render_template("sign_in.html", form=form, kept=kept, possible=possible)
    return make_response(page, status if possible else HTTPStatus.FORBIDDEN)


def _code_page(form: CodeForm, kept: KeptForm | None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    form.next.data = local_path(request.values.get("next"))
    return make_response(render_template("sign_in_code.html", form=form, kept=kept), status)


def _continued(kept: KeptForm | None) -> Response:
    """Go to where the person wanted to go; a form that was kept waits for one more click, with a new token."""
    if kept is None:
        return _away(local_path(request.form.get("next")))
    return make_response(render_template("kept_form.html", kept=kept))


def _away(path: str | None) -> Response:
    return make_response(redirect(path or "/", HTTPStatus.SEE_OTHER))


def _to_sign_in() -> Response:
    return make_response(redirect(url_for("session.sign_in_page"), HTTPStatus.SEE_OTHER))


def _status(error: SignInFailed | SlowDown) -> HTTPStatus:
    return HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, SlowDown) else HTTPStatus.UNAUTHORIZED
