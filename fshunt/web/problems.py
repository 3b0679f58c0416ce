"""What goes wrong, as a page, or as problem details (RFC 9457) for programs: the same sentence in both."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, make_response, render_template, request
from flask_babel import gettext, lazy_gettext
from werkzeug.exceptions import HTTPException, InternalServerError

from fshunt.errors import (
    BadValue,
    CannotStore,
    Conflict,
    DatabaseError,
    Forbidden,
    FshuntError,
    NotFound,
    SignInFailed,
    SlowDown,
    TooManyStreams,
    UsageError,
)
from fshunt.web.change_values import sentence_of
from fshunt.web.database_state import DatabaseState, Trouble
from fshunt.web.sentences import in_language

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
API_PREFIX = "/api/"
RETRY_AFTER_SECONDS = "5"

STATUS_OF: dict[type[FshuntError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Forbidden: HTTPStatus.FORBIDDEN,
    SignInFailed: HTTPStatus.UNAUTHORIZED,
    SlowDown: HTTPStatus.TOO_MANY_REQUESTS,
    TooManyStreams: HTTPStatus.TOO_MANY_REQUESTS,
    Conflict: HTTPStatus.CONFLICT,
    BadValue: HTTPStatus.UNPROCESSABLE_ENTITY,
    UsageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DatabaseError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each error; the nearest class counts."""

TITLES: dict[int, LazyString] = {
    400: lazy_gettext("This request cannot be understood"),
    401: lazy_gettext("Sign in first"),
    403: lazy_gettext("You may not do this"),
    404: lazy_gettext("There is nothing here"),
    405: lazy_gettext("This cannot be done here"),
    409: lazy_gettext("This contradicts what is there"),
    413: lazy_gettext("That is too large"),
    422: lazy_gettext("This cannot be saved"),
    429: lazy_gettext("Too many tries"),
    500: lazy_gettext("Something went wrong here"),
    503: lazy_gettext("Not available right now"),
}
SENTENCES: dict[int, LazyString] = {
    400: lazy_gettext(
        "The browser sent something that does not belong to a form of these pages. Go back and try again."
    ),
    401: lazy_gettext("This page is for people who have signed in."),
    403: lazy_gettext("Your account does not allow this. Ask your provider."),
    404: lazy_gettext("The page does not exist, or it is not for you."),
    405: lazy_gettext("The address exists, but not for this kind of request."),
    409: lazy_gettext("Somebody has changed this in the meantime. Look at it again."),
    413: lazy_gettext("A form may have one megabyte at most."),
    422: lazy_gettext("A value does not fit."),
    429: lazy_gettext("Wait a little, then try again."),
    500: lazy_gettext("The fault is on our side, and the log has it. Nothing was saved."),
    503: lazy_gettext("Try again in a moment. Calls to the groups are not affected."),
}
TROUBLES: dict[Trouble, LazyString] = {
    Trouble.AWAY: lazy_gettext(
        "The database does not answer. Calls to the groups go on; these pages come back by themselves."
    ),
    Trouble.NO_TABLES: lazy_gettext(
        "The database has no tables yet. The administrator of this server runs `fshunt db upgrade`."
    ),
    Trouble.OLDER: lazy_gettext(
        "The tables of the database are older than these pages. The administrator of this server runs "
        "`fshunt db upgrade`."
    ),
    Trouble.NEWER: lazy_gettext(
        "The tables of the database are newer than these pages. The administrator of this server upgrades fshunt."
    ),
}


class Unavailable(FshuntError):
    """The database is not there, or its tables are not those of this fshunt."""

    code = "database"

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(TROUBLES[trouble]))
        self.trouble = trouble


def install(app: Flask, database: DatabaseState) -> None:
    """Have an application answer each error in one way."""
    app.register_error_handler(HTTPException, answer_http)

    @app.errorhandler(InternalServerError)
    def _internal(error: InternalServerError) -> Response:
        del error  # Flask has logged it
        return answer_problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(SENTENCES[500]))

    @app.errorhandler(DatabaseError)
    def _database(error: DatabaseError) -> Response:
        log.warning("%s", error)
        database.doubt()
        return unavailable(Trouble.AWAY)

    @app.errorhandler(Unavailable)
    def _unavailable(error: Unavailable) -> Response:
        return unavailable(error.trouble)

    @app.errorhandler(CannotStore)
    def _cannot_store(error: CannotStore) -> Response:
        log.warning("%s", error)  # it has the name of the database, which is for nobody else
        return answer_problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(SENTENCES[422]), code=error.code)

    app.register_error_handler(FshuntError, answer_error)


def answer_http(error: HTTPException) -> Response:
    """Return the answer to an error of HTTP, such as an address that there is not."""
    status = HTTPStatus(error.code or 500)
    answer = answer_problem(status, str(SENTENCES.get(status, error.description or status.phrase)))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return answer


def answer_error(error: FshuntError) -> Response:
    """Return the answer to an error of ours: its sentence, in the reader's language."""
    sentence = in_language(str(error)) if wants_json() else sentence_of(error)
    return retry_after(answer_problem(status_of(error), sentence, code=error.code), error)


def status_of(error: FshuntError) -> HTTPStatus:
    """Return the HTTP status of an error of ours."""
    return next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), HTTPStatus.BAD_REQUEST)


def retry_after(answer: Response, error: FshuntError) -> Response:
    """Have the answer to a try that came too soon say when the next one may come."""
    if isinstance(error, SlowDown):
        answer.headers["Retry-After"] = str(math.ceil(error.seconds))
    return answer


def unavailable(trouble: Trouble) -> Response:
    """Return the answer where the database cannot be used."""
    answer = answer_problem(HTTPStatus.SERVICE_UNAVAILABLE, str(TROUBLES[trouble]), code="database")
    answer.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return answer


def answer_problem(status: HTTPStatus, sentence: str, *, code: str | None = None, **more: Any) -> Response:
    """Return an error as a page or as problem details; ``more`` are members of the details."""
    if wants_json():
        details = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": sentence}
        answer = make_response({**details, "code": code or status.name.lower().replace("_", "-"), **more})
        answer.headers["Content-Type"] = PROBLEM
    else:
        title = TITLES.get(status.value) or gettext("This did not work")
        answer = make_response(render_template("problem.html", status=status.value, title=title, sentence=sentence))
    answer.status_code = status.value
    return answer


def wants_json() -> bool:
    """Whether the answer goes to a program."""
    if request.path.startswith(API_PREFIX) or g.get("for_program"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", PROBLEM], "text/html")
    return best != "text/html"
