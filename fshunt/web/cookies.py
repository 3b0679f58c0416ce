"""The cookies of the pages.

All have the prefix `__Host-`: browsers send them back only to this very host, and only over TLS, so that neither a
neighbour nor the network can set one. On this machine itself (`localhost`, `127.0.0.1`) browsers take plain HTTP as
safe for them.
"""

from __future__ import annotations

from flask import Response, request

from fshunt.web.security import is_loopback_host

SESSION = "__Host-fshunt"
"""The secret of a session. It ends with the browser."""

BROWSER = "__Host-fshunt-browser"
"""Shows that somebody has signed in with this browser before: an attack on the account does not slow it down."""

FORM = "__Host-fshunt-form"
"""What forms are bound to before there is a session."""

ZONE = "fshunt-zone"
"""The browser's time zone, which the script of the pages sets; no secret."""

BROWSER_SECONDS = 365 * 24 * 3600


def put(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie that no script can read and no other site can have sent; ``seconds`` None: until the browser ends.

    SameSite is Lax, not Strict, so that an invitation's link from a mail, or a bookmark, finds who has signed in.
    """
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Lax")


def drop(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


def can_be_kept() -> bool:
    """Whether browsers keep our cookies over the connection of this request."""
    return request.is_secure or is_loopback_host(request.host)
