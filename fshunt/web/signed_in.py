"""Who asks: the session of a request, the account's rights, and transactions in the account's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, g, request

from fshunt.errors import FshuntError
from fshunt.services import audit, limits, sign_in
from fshunt.services.audit import Actor, Entrance
from fshunt.web import cookies, languages
from fshunt.web.http.wsgi import USER
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.rights import Access
    from fshunt.services.users import User

BY_ITSELF = ("groups.group_now", "queue.queue_now", "api.stream_events", "boards.board", "boards.board_events")
"""Endpoints that an open page asks by itself: they do not prove that a person is still there."""

View = TypeVar("View", bound=Callable[..., Any])


class NotSignedIn(FshuntError):
    """The request has no session, or its session is over."""

    code = "not-signed-in"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: who it belongs to, what they may do, and its secret. ``awaits_code``: a one-time code is missing."""

    user: User
    access: Access
    session: sign_in.SessionInfo
    secret: str
    awaits_code: bool


def install(app: Flask) -> None:
    """Have an application find out who asks before each page."""

    @app.before_request
    def _find_session() -> None:
        secret = request.cookies.get(cookies.SESSION)
        if secret and request.endpoint not in ("static", "health.healthz"):
            g.signed_in = _found(secret)
        if (known := maybe_signed_in()) is not None:
            request.environ[USER] = known.user.name
            g.language = known.user.language

    @app.context_processor
    def _for_every_page() -> dict[str, Any]:
        known = maybe_signed_in()
        return {
            "signed_in": None if known is None or known.awaits_code else known,
            "language": languages.language_now(),
        }


def _found(secret: str) -> SignedIn | None:
    store, limits = parts().store, sign_in.limits_of(parts().settings)
    with store.reading() as s:
        found = sign_in.find_session(s, secret, limits)
    if found is None:
        return None
    if found.needs_touch and request.endpoint not in BY_ITSELF:
        with store.writing() as s:
            sign_in.touch_session(s, found)
    return SignedIn(found.user, found.access, found.session, secret, found.awaits_code)


def maybe_signed_in() -> SignedIn | None:
    """Return who asks, as far as a password has shown it; None if nobody has signed in."""
    return cast("SignedIn | None", g.get("signed_in"))


def signed_in() -> SignedIn:
    """Return who asks; raise NotSignedIn if nobody has, or the one-time code is missing."""
    known = maybe_signed_in()
    if known is None or known.awaits_code:
        raise NotSignedIn("Sign in first.")
    return known


def access() -> Access:
    """Return what the one who asks may do; raise NotSignedIn."""
    return signed_in().access


def for_signed_in(view: View) -> View:
    """Have a view for people who have signed in only."""

    @wraps(view)
    def checked(*args: Any, **named: Any) -> Any:
        signed_in()
        return view(*args, **named)

    return cast("View", checked)


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that only reads."""
    with parts().store.reading() as s:
        yield s


@contextmanager
def writing(name: str | None = None) -> Iterator[Session]:
    """A transaction in the name of the one who asks, which the audit has with each change.

    ``name`` says who it is where nobody has signed in yet, as with an invitation.
    """
    actor = Actor(name or signed_in().user.name, Entrance.PAGE, request.remote_addr)
    with parts().store.writing() as s:
        audit.acting(s, actor)
        if (known := maybe_signed_in()) is not None:
            limits.bind(s, known.user.role, parts().settings.seconds_per_ring)
        yield s
