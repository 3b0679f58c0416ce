"""The application: one place where its parts are chosen."""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from flask import Flask, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fshunt.db.engine import Store
from fshunt.errors import NotFound
from fshunt.services.live_feed import LiveFeed
from fshunt.services.questions import Questions
from fshunt.settings import Settings
from fshunt.web import (
    call_words,
    csrf,
    languages,
    names,
    now,
    problems,
    renumbered,
    security,
    sentences,
    signed_in,
    times,
    words,
)
from fshunt.web.api import blueprint as api
from fshunt.web.api.rate_limit import RateLimit
from fshunt.web.database_state import DatabaseState
from fshunt.web.forms import SignInForm
from fshunt.web.http.connection import MAX_BODY_BYTES
from fshunt.web.kept_form import kept_now, local_path
from fshunt.web.live.hub import HUB, Hub
from fshunt.web.pages import (
    account,
    audit,
    boards,
    calls,
    group_members,
    group_settings,
    groups,
    health,
    hours,
    invitation,
    me,
    new_group,
    notices,
    queue,
    report,
    session,
    system,
    tokens,
    users,
)
from fshunt.web.parts import EXTENSION, Parts

SLOW_POSTS = ("/sign-in", "/invitation/", "/account/password", "/account/one-time-codes")
"""Where forms are posted whose passwords are hashed; see `is_slow`."""

WITHOUT_DATABASE = ("static", "health.healthz")
"""Endpoints that work without the database."""

PAGES = (
    health,
    session,
    invitation,
    groups,
    group_settings,
    group_members,
    queue,
    hours,
    calls,
    report,
    boards,
    notices,
    me,
    account,
    users,
    tokens,
    audit,
    system,
    new_group,
)
"""The blueprints; one a file."""

STATIC = Path(__file__).parent / "static"


def make_app(
    settings: Settings, store: Store, database: DatabaseState, *, rate_limit: RateLimit | None = None
) -> Flask:
    """Return the application, a WSGI application that any number of threads may call.

    ``rate_limit`` is that of tokens; None: the usual one.
    """
    app = Flask("fshunt.web", static_folder=str(STATIC), static_url_path="/static")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES)
    app.extensions[EXTENSION] = Parts(settings, store, database)
    app.extensions[now.WATCHES] = now.Watches(store)
    app.extensions[HUB] = Hub(LiveFeed(store, settings))
    app.extensions[names.NAMES] = names.Names(Questions(store, answer_seconds=names.ANSWER_SECONDS))
    app.jinja_env.globals["static_url"] = static_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    security.install(app, settings)
    languages.install(app)
    problems.install(app, database)

    @app.before_request
    def _check_database() -> None:
        if request.endpoint not in WITHOUT_DATABASE and (trouble := database.now().trouble) is not None:
            raise problems.Unavailable(trouble)

    signed_in.install(app)
    csrf.install(app)
    times.install(app)
    words.install(app)
    call_words.install(app)
    for each in PAGES:
        app.register_blueprint(each.pages)
    api.install(app, rate_limit)
    app.register_error_handler(signed_in.NotSignedIn, ask_to_sign_in)
    app.register_error_handler(NotFound, renumbered.answer_not_found)
    return app


def ask_to_sign_in(error: signed_in.NotSignedIn) -> ResponseReturnValue:
    """Answer who has not signed in: programs by 401, a link by the sign-in page, a form by one that keeps the form."""
    if problems.wants_json():
        return problems.answer_problem(HTTPStatus.UNAUTHORIZED, sentences.in_language(str(error)), code=error.code)
    kept = kept_now()
    if kept is None:
        target = None if request.path == "/" else local_path(request.full_path.rstrip("?"))
        return redirect(url_for("session.sign_in_page", next=target), HTTPStatus.SEE_OTHER)
    return session.show_sign_in(SignInForm(fresh=True), kept, HTTPStatus.UNAUTHORIZED)


def is_slow(method: str, path: str) -> bool:
    """Whether a request hashes a password: such requests have threads of their own."""
    return method == "POST" and path.startswith(SLOW_POSTS)


def static_url(name: str) -> str:
    """Return the address of a static file, with its version: browsers keep it until it changes."""
    return url_for("static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
