"""The parts of addresses that name something, and how each is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from fshunt.errors import BadValue
from fshunt.hunting import validation
from fshunt.hunting.addresses import parse_member

MAX_ID = 999_999_999


@dataclass(frozen=True, slots=True)
class PathParameter:
    """``read`` raises BadValue for a text that can name nothing."""

    label: str
    read: Callable[[str], Any]
    schema: dict[str, Any]
    example: Any


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= len(str(MAX_ID))):
        raise BadValue(f"{validation.shown(text)} is no number of a token, a board, a notice, a callback or a change.")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadValue(f"{validation.shown(text)} is no day: use one such as 2026-12-25.") from None


TEXT = {"type": "string", "minLength": 1}
ID = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
DAY = {"type": "string", "format": "date"}
PATH_PARAMETERS = {
    "domain": PathParameter("Domain of FreeSWITCH", validation.check_domain, TEXT, "pbx.example.com"),
    "pilot": PathParameter("Number that callers dial", validation.check_pilot, TEXT, "5000"),
    "extension": PathParameter("Extension, or an external number with its gateway", parse_member, TEXT, "1001"),
    "user": PathParameter("Name of the user", validation.check_user_name, TEXT, "omar"),
    "token": PathParameter("Number of the token", _id, ID, 2),
    "notice": PathParameter("Number of the notice", _id, ID, 3),
    "board": PathParameter("Number of the board", _id, ID, 3),
    "callback": PathParameter("Number of the request to be called back", _id, ID, 12),
    "change": PathParameter("Number of the change", _id, ID, 4),
    "uuid": PathParameter("The caller's channel in FreeSWITCH", validation.check_call_uuid, TEXT, "3f2a9c41-7d1e"),
    "first_day": PathParameter("First day of the holiday", _day, DAY, "2026-12-25"),
    "last_day": PathParameter("Last day of the holiday", _day, DAY, "2026-12-26"),
}
