"""The operations of the interface: each is described once, and routes, checks and the OpenAPI document come from that.

An operation runs in one transaction, in the name of the token's user, and does all of its work or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, make_response, request

from fshunt.errors import FshuntError, NotFound
from fshunt.hunting.group_fields import Field
from fshunt.services import audit, idempotency, limits, rights
from fshunt.services.audit import Actor, Entrance
from fshunt.services.rights import Access, Action
from fshunt.services.serialize import document
from fshunt.services.watchers import Credential
from fshunt.settings import Settings
from fshunt.web.api import bodies, entrance
from fshunt.web.api.answers import Answer, next_address
from fshunt.web.api.errors import ChangedMeanwhile, MatchMissing
from fshunt.web.api.parameters import PATH_PARAMETERS
from fshunt.web.live.events import stream_response
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PREFIX = "/api/v1"
KEY_HEADER = "Idempotency-Key"

View = Callable[..., Any]
"""It returns an Answer, or an EventStream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address.

    ``action`` is the right that it takes, None where the view asks for it. The answer has a value of ``form`` under
    ``kind``; ``form`` None: it is empty. ``match``: it takes `If-Match`; ``repeatable``: an idempotency key;
    ``own_transactions``: the view gets no session. ``stream``: it answers with server-sent events, and the session of
    a browser is let in, too.
    """

    method: str
    path: str
    view: View
    summary: str
    action: Action | None = None
    kind: str = ""
    form: str | None = None
    many: bool = False
    versioned: bool = False
    query: tuple[Field, ...] = ()
    body: bodies.Body | None = None
    example: Mapping[str, Any] | None = None
    match: bool = False
    repeatable: bool = False
    status: HTTPStatus = HTTPStatus.OK
    own_transactions: bool = False
    before: Callable[..., tuple[str, ...]] | None = None
    stream: bool = False

    @property
    def name(self) -> str:
        """The name of the operation, for programs."""
        return self.view.__name__


OPERATIONS: list[Operation] = []


def operation(method: str, path: str, **described: Any) -> Callable[[View], View]:
    """Describe the operation that a view does."""

    def describe(view: View) -> View:
        summary = (view.__doc__ or "").partition("\n")[0].rstrip(".")
        OPERATIONS.append(Operation(method=method, path=path, view=view, summary=summary, **described))
        return view

    return describe


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose token, body and parameters are known to be right."""

    access: Access
    credential: Credential
    settings: Settings
    values: dict[str, Any]
    query: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """What was found before the transaction."""

    def check_version(self, version: str) -> None:
        """Raise ChangedMeanwhile unless the program has seen this version, or does not care."""
        if request.headers.get("If-Match") is not None and not request.if_match.contains(version):
            raise ChangedMeanwhile("Somebody has changed this in the meantime: read it again, then change it.")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with parts().store.reading() as s:
            yield s


def respond(op: Operation, path: Mapping[str, str]) -> Response:
    """Do an operation for the request that has come; raise FshuntError."""
    access, credential = entrance.credential_of_request(cookie_counts=op.stream)
    if op.action is not None:
        entrance.check(access, op.action)
    values = {name: _read_part(name, text) for name, text in path.items()}
    asked = Asked(
        access,
        credential,
        parts().settings,
        {} if op.body is None else bodies.read(request, op.body),
        bodies.read_query(request, {each.name: each for each in op.query}),
    )
    if op.match and request.headers.get("If-Match") is None:
        raise MatchMissing("Say which version this is for: `If-Match` with the `ETag` that you have read, or `*`.")
    if op.stream:
        return stream_response(op.view(asked, **values))
    if op.own_transactions:
        return _response(op, asked, op.view(asked, **values))
    if op.method == "GET":
        with asked.reading() as s:
            return _response(op, asked, op.view(asked, s, **values))
    if op.before is not None:
        asked = replace(asked, warnings=op.before(asked, **values))
    with parts().store.writing() as s:
        audit.acting(s, Actor(access.name, Entrance.API, request.remote_addr))
        limits.bind(s, access.role, parts().settings.seconds_per_ring)
        return _changed(op, asked, s, values)


def _read_part(name: str, text: str) -> Any:
    """Return what a part of the path names; what it cannot name is not there."""
    try:
        return PATH_PARAMETERS[name].read(text)
    except FshuntError as error:
        raise NotFound(str(error)) from error


def _changed(op: Operation, asked: Asked, s: Session, values: Mapping[str, Any]) -> Response:
    key = request.headers.get(KEY_HEADER) if op.repeatable else None
    if key is None:
        return _response(op, asked, op.view(asked, s, **values))
    whole = b"\0".join([op.method.encode(), request.path.encode(), request.get_data()])
    attempt = idempotency.begin(s, asked.access.user_id, key, whole)
    if attempt.answer is not None:
        return _response(op, asked, Answer(**attempt.answer))
    answer = op.view(asked, s, **values)
    told_once = dict.fromkeys(answer.secrets)
    kept = {"value": answer.value | told_once, "warnings": list(answer.warnings)}
    idempotency.keep(s, attempt, kept | {"version": answer.version, "location": answer.location})
    return _response(op, asked, answer)


def _response(op: Operation, asked: Asked, answer: Answer) -> Response:
    if op.form is None:
        return make_response("", HTTPStatus.NO_CONTENT)
    whole = document(op.kind, answer.value, answer.warnings)
    following = None if answer.next_cursor is None else next_address(request.path, asked.query, answer.next_cursor)
    response = make_response(whole | {"next_page": following} if op.many else whole, op.status)
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    if answer.version is not None:
        response.set_etag(answer.version)
    if answer.location is not None:
        response.headers["Location"] = f"{PREFIX}{answer.location}"
    return response


def left_out(access: Access, given: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Return a warning for each field that was given and is not the role's to change."""
    role = access.role.value
    return [f"`{name}` is not for your role ({role}) to set: it was left out." for name in given if name not in own]


def address_of(*parts_of_path: object) -> str:
    """Return the address below the prefix, for `Location`."""
    return "".join(f"/{quote(str(part), safe='+@')}" for part in parts_of_path)


def check_own_or(access: Access, own: Action, others: Action) -> None:
    """Raise Forbidden unless a member may do ``own``, and everybody else ``others``."""
    entrance.check(access, own if access.role is rights.Role.MEMBER else others)
