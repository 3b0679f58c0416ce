"""The routes of the interface, and how it answers errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, make_response

from fshunt.errors import BeyondLimits
from fshunt.web.api import (
    boards,
    callbacks,
    calls,
    changes,
    entrance,
    events,
    groups,
    hours,
    limits,
    members,
    notices,
    system,
    users,
)
from fshunt.web.api.errors import BadFields, NotAuthenticated, RateExceeded, RequestError
from fshunt.web.api.now import WATCHES, Watches
from fshunt.web.api.openapi import openapi
from fshunt.web.api.operations import OPERATIONS, PREFIX, Operation, respond
from fshunt.web.api.rate_limit import RateLimit
from fshunt.web.csrf import FOR_PROGRAMS
from fshunt.web.problems import answer_problem, status_of

MODULES = (groups, members, hours, limits, boards, notices, callbacks, calls, events, users, changes, system)
"""Their operations are known once they are imported."""


def install(app: Flask, rate_limit: RateLimit | None = None) -> None:
    """Have an application answer programs."""
    assert all(any(op.view.__module__ == module.__name__ for op in OPERATIONS) for module in MODULES)
    app.extensions[entrance.RATE_LIMIT] = rate_limit or RateLimit()
    app.extensions[WATCHES] = Watches()
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for op in OPERATIONS:
        rule = op.path.replace("{", "<").replace("}", ">")
        api.add_url_rule(rule, op.name, _view(op), methods=[op.method], provide_automatic_options=False)
    api.add_url_rule("/openapi.json", "openapi", _document, methods=["GET"], provide_automatic_options=False)
    api.after_request(entrance.write_headers)
    app.register_blueprint(api)
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(BeyondLimits, _beyond_limits)


def _view(op: Operation) -> Callable[..., Response]:
    def view(**path: Any) -> Response:
        return respond(op, path)

    setattr(view, FOR_PROGRAMS, True)
    return view


def _document() -> Response:
    return make_response(openapi())


def _beyond_limits(error: BeyondLimits) -> Response:
    more = [{"field": name, "detail": said} for name, said in error.sentences.items()]
    return answer_problem(status_of(error), str(error), code=error.code, errors=more)


def _refused(error: RequestError) -> Response:
    more: dict[str, Any] = {}
    if isinstance(error, BadFields):
        more["errors"] = [{"field": name, "detail": said} for name, said in error.sentences.items()]
    answer = answer_problem(error.status, str(error), code=error.code, **more)
    if isinstance(error, NotAuthenticated):
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if error.invalid else "Bearer"
    if isinstance(error, RateExceeded):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer
