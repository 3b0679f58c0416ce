"""Answers: documents in the form of ``--json``, versions, and pages of long lists."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.web.api.bodies import text_field
from fshunt.web.api.errors import BadRequest

T = TypeVar("T")

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
LIMIT = Field(
    name="limit",
    kind=FieldKind.WHOLE,
    label="How many at most",
    help=f"How many at most; without it {DEFAULT_LIMIT}.",
    low=1,
    high=MAX_LIMIT,
)
CURSOR = text_field("cursor", "Where the page begins: from `next_page` of the page before")
PAGING = (LIMIT, CURSOR)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: the value under its kind, None where there is nothing to say.

    ``version`` becomes the ETag; ``next_cursor`` is where the next page begins. ``secrets`` are names in the value that
    are shown once, and not again to who repeats the request.
    """

    value: Any = None
    status: HTTPStatus = HTTPStatus.OK
    warnings: Sequence[str] = ()
    version: str | None = None
    location: str | None = None
    next_cursor: str | None = None
    secrets: tuple[str, ...] = field(default=())


def page_of(
    found: Sequence[T], limit: int | None, show: Callable[[T], Any], cursor: Callable[[T], Sequence[Any]]
) -> Answer:
    """Return one page of a list: ``found`` has one more than the limit if there is another page."""
    many = limit or DEFAULT_LIMIT
    shown = found[:many]
    more = write_cursor(cursor(shown[-1])) if len(found) > many else None
    return Answer([show(each) for each in shown], next_cursor=more)


def one_more(query: Mapping[str, Any]) -> int:
    """Return how many to ask for, so as to know whether there is another page."""
    return int(query["limit"] or DEFAULT_LIMIT) + 1


def write_cursor(values: Sequence[Any]) -> str:
    """Return a cursor: where a page begins, as text for an address."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def read_cursor(query: Mapping[str, Any], *kinds: type) -> list[Any] | None:
    """Return what a cursor holds, values of these kinds; None where none is given. Raises BadRequest."""
    text = query["cursor"]
    if text is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        values = None
    if not isinstance(values, list) or [type(each) for each in values] != list(kinds):
        raise BadRequest("`cursor` is none of ours: take it from `next_page` of the page before.")
    return values


def next_address(path: str, query: Mapping[str, Any], cursor: str) -> str:
    """Return the address of the next page: the same request, from the cursor on."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given | {'cursor': cursor})}"
