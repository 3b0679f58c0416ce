"""Who watches groups without asking again, and what of it they may still see.

A stream of events is opened once and may stay open for weeks. So its right is looked at again and again: of a session
or a token that is over, of a user who was disabled, and of a group that was taken away, nothing more is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from fshunt.db.queries.boards import places_of_boards
from fshunt.db.queries.live import group_places
from fshunt.services import accounts, rights
from fshunt.services.call_feed import Place
from fshunt.services.rights import Access, Action, Role
from fshunt.services.sign_in import Limits, sessions_that_hold

MAX_GROUPS = 100
"""Groups of one watcher."""


class CredentialKind(StrEnum):
    """By what somebody is let in."""

    SESSION = "session"
    BOARD = "board"
    TOKEN = "token"  # noqa: S105  # the name of a kind


class Credential(NamedTuple):
    """By what somebody is let in; ``id`` is that of the session, the token or the board, and lets nobody in."""

    kind: CredentialKind
    id: str


class Wish(NamedTuple):
    """Who watches which groups: one, those of a domain (no pilot), or all that they look after."""

    credential: Credential
    domain: str | None = None
    pilot: str | None = None

    def covers(self, place: Place) -> bool:
        """Tell whether a group is meant."""
        return self.domain in (None, place[0]) and self.pilot in (None, place[1])


def allowed_places(s: Session, wishes: Collection[Wish], limits: Limits, now: datetime) -> dict[Wish, frozenset[Place]]:
    """Return the groups that each watcher may see now; who has no right any more, or no group, is not there.

    Of more than ``MAX_GROUPS``, the first by domain and pilot.
    """
    access = _access(s, {wish.credential for wish in wishes}, limits, now)
    places = group_places(s) if access else {}
    found = {wish: places_of(access[wish.credential], wish, places) for wish in wishes if wish.credential in access}
    seen = {wish: frozenset(theirs[:MAX_GROUPS]) for wish, theirs in found.items() if theirs}
    return seen | _of_boards(s, wishes, now)


def _of_boards(s: Session, wishes: Collection[Wish], now: datetime) -> dict[Wish, frozenset[Place]]:
    boards = {wish: int(wish.credential.id) for wish in wishes if wish.credential.kind is CredentialKind.BOARD}
    shown = places_of_boards(s, set(boards.values()), now) if boards else {}
    return {wish: frozenset({shown[board_id]}) for wish, board_id in boards.items() if board_id in shown}


def places_of(access: Access, wish: Wish, places: Mapping[int, Place]) -> list[Place]:
    """Return the groups of a wish that somebody may see, of all ``places`` by id, in their order."""
    if access.role is Role.MEMBER or not rights.may(access, Action.SEE_GROUP):
        return []
    everything = access.role is Role.PROVIDER
    return [
        place
        for group_id, place in places.items()
        if wish.covers(place) and (everything or group_id in access.group_ids)
    ]


def _access(s: Session, credentials: Collection[Credential], limits: Limits, now: datetime) -> dict[Credential, Access]:
    def ids(kind: CredentialKind) -> list[str]:
        return sorted(each.id for each in credentials if each.kind is kind)

    sessions = sessions_that_hold(s, ids(CredentialKind.SESSION), limits, now)
    found = {Credential(CredentialKind.SESSION, each): access for each, access in sessions.items()}
    tokens = accounts.tokens_that_hold(s, [int(each) for each in ids(CredentialKind.TOKEN)], now)
    for token_id, (user, token) in tokens.items():
        found[Credential(CredentialKind.TOKEN, str(token_id))] = rights.access_of(user, token.scopes)
    return found
