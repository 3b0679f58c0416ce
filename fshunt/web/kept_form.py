"""A form whose session ended while a person filled it in: it waits on the sign-in page, and nothing typed is lost."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import request

PATH, NAME, VALUE, FILES = "kept_path", "kept_name", "kept_value", "kept_files"
"""The hidden fields: the form's address, the names and values of its fields in order, and whether it had a file."""

NEVER_KEPT = re.compile(r"password|secret|code|^kept_|^csrf_token$")
"""Names of fields that go into no page again."""

_LOCAL = re.compile(r"/(?![/\\])[!-~]*")


class KeptForm(NamedTuple):
    """Where a form was sent, and what was in it. ``files``: it had a file, which a browser does not send again."""

    path: str
    fields: tuple[tuple[str, str], ...]
    files: bool = False


def kept_now(path: str | None = None) -> KeptForm | None:
    """Return the form of this request, which came too late, or to a wrong address; None if there is none.

    ``path`` is where it goes to; None: where it was sent. That it came from our own pages has been checked before.
    """
    path = local_path(request.full_path.rstrip("?") if path is None else path)
    if path is None or request.method != "POST":
        return None
    fields = tuple((name, value) for name, value in request.form.items(multi=True) if not NEVER_KEPT.search(name))
    return KeptForm(path, fields, bool(request.files))


def kept_before() -> KeptForm | None:
    """Return the form that the sign-in page has kept; None if there is none."""
    path = local_path(request.form.get(PATH, ""))
    if path is None:
        return None
    names, values = request.form.getlist(NAME), request.form.getlist(VALUE)
    pairs = tuple((name, value) for name, value in zip(names, values, strict=False) if not NEVER_KEPT.search(name))
    return KeptForm(path, pairs, FILES in request.form)


def local_path(said: str | None) -> str | None:
    """Return an address of ours, such as `/groups?q=a`; None for what may lead elsewhere."""
    return said if said and _LOCAL.fullmatch(said) else None
