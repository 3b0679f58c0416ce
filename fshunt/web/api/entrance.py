"""Who asks: the token of a request, within its rate. No cookie counts here, so no other site can ask in one's name.

The stream of events is the exception, which pages read by their session: it changes nothing, and no other site can
read it.
"""

from __future__ import annotations

from typing import cast

from flask import Response, current_app, g, request

from fshunt.errors import Forbidden
from fshunt.services import accounts, rights
from fshunt.services.rights import ACTIONS, SCOPES, Access, Action
from fshunt.services.users import Scope
from fshunt.services.watchers import Credential, CredentialKind
from fshunt.web.api.errors import NotAuthenticated, RateExceeded
from fshunt.web.api.rate_limit import Left, RateLimit
from fshunt.web.http.wsgi import USER
from fshunt.web.parts import parts
from fshunt.web.signed_in import maybe_signed_in

RATE_LIMIT = "fshunt-rate-limit"
SCHEME = "bearer"


def credential_of_request(*, cookie_counts: bool = False) -> tuple[Access, Credential]:
    """Return what the token of the request allows, and its name; raise NotAuthenticated or RateExceeded.

    ``cookie_counts``: without a token the session of a browser counts, as for the pages' own requests that only read.
    """
    known = maybe_signed_in()
    if cookie_counts and "Authorization" not in request.headers and known is not None and not known.awaits_code:
        return known.access, Credential(CredentialKind.SESSION, known.session.id)
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
    return rights.access_of(user, token.scopes), Credential(CredentialKind.TOKEN, str(token.id))


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
