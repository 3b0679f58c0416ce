"""The application: one place where its parts are chosen."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for

from fshunt.db.engine import Store
from fshunt.settings import Settings
from fshunt.web import languages, problems, security
from fshunt.web.database_state import DatabaseState
from fshunt.web.http.connection import MAX_BODY_BYTES
from fshunt.web.pages import health
from fshunt.web.parts import EXTENSION, Parts

SLOW_POSTS = ("/sign-in", "/invitation/", "/account/password", "/account/one-time-codes")
"""Where forms are posted whose passwords are hashed; see `is_slow`."""

WITHOUT_DATABASE = ("static", "health.healthz")
"""Endpoints that work without the database."""

STATIC = Path(__file__).parent / "static"


def make_app(settings: Settings, store: Store, database: DatabaseState) -> Flask:
    """Return the application, a WSGI application that any number of threads may call."""
    app = Flask("fshunt.web", static_folder=str(STATIC), static_url_path="/static")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES)
    app.extensions[EXTENSION] = Parts(settings, store, database)
    app.jinja_env.globals["static_url"] = static_url
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    security.install(app, settings)
    languages.install(app)
    problems.install(app, database)

    @app.context_processor
    def _for_every_page() -> dict[str, Any]:
        return {"language": languages.language_now()}

    @app.before_request
    def _check_database() -> None:
        if request.endpoint not in WITHOUT_DATABASE and (trouble := database.now().trouble) is not None:
            raise problems.Unavailable(trouble)

    app.register_blueprint(health.pages)
    return app


def is_slow(method: str, path: str) -> bool:
    """Whether a request hashes a password: such requests have threads of their own."""
    return method == "POST" and path.startswith(SLOW_POSTS)


def static_url(name: str) -> str:
    """Return the address of a static file, with its version: browsers keep it until it changes."""
    return url_for("static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
