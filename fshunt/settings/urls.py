"""Database URLs, which may hold a password: checked and shown without ever printing it.

SQLAlchemy is imported only where it is needed, because importing it would slow help and TAB down: not for the usual
URLs.
"""

from __future__ import annotations

import re

from fshunt.settings.values import WrongValueError

_PLAIN = re.compile(
    r"sqlite:///[A-Za-z0-9_./-]+|postgresql://(?:[a-z0-9_]+@)?[a-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9_]+"
)
"""URLs that need no SQLAlchemy to be read: without a password or options."""

SECRET_PARTS = ("password", "sslpassword", "passfile")
HIDDEN = "***"


def check_database_url(value: object) -> str:
    """Return the URL if SQLAlchemy can read it; raise WrongValueError, without the value in its text, if not."""
    wrong = (
        "must be a SQLAlchemy URL such as sqlite:////var/lib/fshunt/fshunt.db or postgresql://fshunt@localhost/fshunt"
    )
    if not isinstance(value, str):
        raise WrongValueError(wrong)
    if _PLAIN.fullmatch(value):
        return value
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(value).get_backend_name()
        make_url(value).get_dialect()
    except (ArgumentError, ValueError):
        raise WrongValueError(wrong) from None
    except (NoSuchModuleError, ImportError):
        raise WrongValueError(f"{wrong}: no driver is installed for the one given") from None
    return value


def hide_password(value: str) -> str:
    """Return the URL with *** in place of the password, wherever it is in the URL."""
    if _PLAIN.fullmatch(value):
        return value
    from sqlalchemy.engine import make_url

    url = make_url(value)
    secret = {part: HIDDEN for part in SECRET_PARTS if part in url.query}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def has_password(value: str) -> bool:
    """Tell whether the URL holds a password."""
    if _PLAIN.fullmatch(value):
        return False
    from sqlalchemy.engine import make_url

    url = make_url(value)
    return bool(url.password) or any(part in url.query for part in SECRET_PARTS[:2])


def takes_password(value: str) -> bool:
    """Tell whether the URL is of a server and holds no password yet."""
    if _PLAIN.fullmatch(value):
        return not value.startswith("sqlite:")
    from sqlalchemy.engine import make_url

    return make_url(value).get_backend_name() != "sqlite" and not has_password(value)


def with_password(value: str, password: str) -> str:
    """Return the URL with a password in it."""
    from sqlalchemy.engine import make_url

    url = make_url(value)
    # A URL without a user has no place for a password in front of its host.
    made = url.set(password=password) if url.username else url.update_query_dict({"password": password})
    return made.render_as_string(hide_password=False)
