"""Who asks: the token of a request, within its rate. No cookie counts here, so no other site can ask in one's name."""

from __future__ import annotations

from typing import cast

from flask import Response, current_app, g, request

from fshunt.errors import Forbidden
from fshunt.services import accounts, rights
from fshunt.services.rights import ACTIONS, SCOPES, Access, Action
from fshunt.services.users import Scope
from fshunt.web.api.errors import NotAuthenticated, RateExceeded
from fshunt.web.api.rate_limit import Left, RateLimit
from fshunt.web.http.wsgi import USER
from fshunt.web.parts import parts

RATE_LIMIT = "fshunt-rate-limit"
SCHEME = "bearer"


def access_of_request() -> Access:
    """Return what the token of the request allows; raise NotAuthenticated or RateExceeded."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != SCHEME or not secret.strip():
        raise NotAuthenticated(invalid=False)
    store = parts().store
    with store.reading() as s:
        found = accounts.find_token(s, secret.strip())
    if found is None:
        raise NotAuthenticated(invalid=True)
    user, token = found
    request.environ[USER] = user.name
    _count(token.id)
    if accounts.is_touch_due(token):
        with store.writing() as s:
            accounts.touch_token(s, token)
    return rights.access_of(user, token.scopes)


def _count(token_id: int) -> None:
    limit = cast("RateLimit", current_app.extensions[RATE_LIMIT])
    try:
        g.rate_headers = limit.headers(limit.count(token_id))
    except RateExceeded as error:
        g.rate_headers = limit.headers(Left(0, error.seconds))
        raise


def check(access: Access, action: Action) -> None:
    """Raise Forbidden if the role or the token's scopes do not allow an action."""
    try:
        rights.check(access, action)
    except Forbidden:
        if action in ACTIONS[access.role]:
            g.challenge = f'Bearer error="insufficient_scope", scope="{SCOPES.get(action, Scope.WRITE)}"'
        raise


def write_headers(response: Response) -> Response:
    """Say in an answer what is left of the token's rate, and what a token lacks."""
    response.headers.update(g.get("rate_headers", {}))
    if (challenge := g.get("challenge")) is not None:
        response.headers["WWW-Authenticate"] = challenge
    return response
