"""Forms are taken from our own pages only.

Each form has a token that is made from a secret cookie: the session's, or before there is one that of the form. So a
token is worth nothing to another session, needs no key that several processes share, and ends with the session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from flask import Flask, Response, g, request
from markupsafe import Markup

from fshunt.errors import FshuntError
from fshunt.web import cookies
from fshunt.web.signed_in import NotSignedIn

FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SAME_SITE = "same-origin"
"""What browsers say in `Sec-Fetch-Site`, which no page can forge, of a request from a page of the same address."""

FOR_PROGRAMS = "is_for_programs"
"""Attribute of a view that takes no cookie as proof of who asks, such as one for programs."""

BEFORE_SESSION = ("/sign-in", "/invitation/")
"""Forms that may have been shown before there was a session."""


class Forged(FshuntError):
    """A form that did not come from our pages, or whose cookie is missing."""

    code = "forged-form"


def install(app: Flask) -> None:
    """Have an application check each request that may change something."""
    app.jinja_env.globals["csrf_field"] = field

    @app.before_request
    def _check() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if request.method not in SAFE_METHODS and view is not None and not getattr(view, FOR_PROGRAMS, False):
            check()

    @app.after_request
    def _keep_secret(response: Response) -> Response:
        if (made := g.get("new_form_secret")) is not None:
            cookies.put(response, cookies.FORM, made)
        return response


def check() -> None:
    """Raise Forged unless the form of this request came from our pages.

    Raises NotSignedIn if it surely did, but the cookie of its session has been dropped, as by a sign-out in another
    tab: what was typed is kept then.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, SAME_SITE, "none"):
        raise Forged("This form was sent from another site: nothing was changed.")
    given = request.form.get(FIELD) or request.headers.get(HEADER) or ""
    known = _secrets()
    if any(hmac.compare_digest(given.encode(), token_of(secret).encode()) for secret in known):
        return
    if site == SAME_SITE and cookies.SESSION not in request.cookies and not request.path.startswith(BEFORE_SESSION):
        raise NotSignedIn("Sign in first.")
    if not known:
        raise Forged("Your browser has sent no cookie with this form: allow cookies for this site, and try again.")
    raise Forged("This form is not of your session any more: open the page again. Nothing was changed.")


def token_of(secret: str) -> str:
    """Return the token of forms that are bound to a secret."""
    digest = hmac.digest(secret.encode(), b"fshunt form", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def bind_to(secret: str) -> None:
    """Have the forms of this response belong to a session that begins with it."""
    g.begun_session = secret


def token() -> str:
    """Return the token for the forms of this response."""
    session = g.get("begun_session") or request.cookies.get(cookies.SESSION)
    return token_of(session or _form_secret())


def field() -> Markup:
    """Return the hidden field that each form has."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def _form_secret() -> str:
    known = request.cookies.get(cookies.FORM) or g.get("new_form_secret")
    if known is None:
        known = g.new_form_secret = secrets.token_urlsafe(32)
    return str(known)


def _secrets() -> list[str]:
    session, form = request.cookies.get(cookies.SESSION), request.cookies.get(cookies.FORM)
    shown_before = session is None or request.path.startswith(BEFORE_SESSION)
    return [secret for secret in (session, form if shown_before else None) if secret]
