"""The boards of a group: addresses at which a wall screen shows it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fshunt.errors import NotFound
from fshunt.hunting.validation import check_board_name
from fshunt.services import boards, rights
from fshunt.services.rights import Action
from fshunt.services.serialize import board_json
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, moment_field, read_moment, text_field
from fshunt.web.api.groups import ONE as GROUP
from fshunt.web.api.operations import Asked, operation
from fshunt.web.links import own_address

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLLECTION = f"{GROUP}/boards"
NEW_BOARD = Body(
    "new_board",
    {
        "name": text_field("name", "Where it hangs", check_board_name),
        "expires_at": moment_field("expires_at", "Until when it holds; null: until it is revoked"),
    },
    required=("name",),
)
MANAGE = {"action": Action.MANAGE_BOARDS, "form": "board"}


@operation("GET", COLLECTION, kind="boards", many=True, **MANAGE)
def list_boards(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """List the boards of a group, also those that have expired."""
    group = rights.group_for(s, asked.access, domain, pilot)
    return Answer([board_json(each) for each in boards.list_boards(s, group_ids=[group.id])])


@operation(
    "POST",
    COLLECTION,
    body=NEW_BOARD,
    example={"name": "Sales floor", "expires_at": "2099-01-01T00:00:00Z"},
    kind="board",
    repeatable=True,
    status=HTTPStatus.CREATED,
    **MANAGE,
)
def add_board(asked: Asked, s: Session, domain: str, pilot: str) -> Answer:
    """Add a board; its address is shown in this answer alone."""
    group = rights.group_for(s, asked.access, domain, pilot)
    until = asked.values.get("expires_at")
    ends = None if until is None else read_moment(until)
    made, secret = boards.add_board(s, group.domain, group.pilot, asked.values["name"], expires_at=ends)
    return Answer(board_json(made, boards.link_of(secret, own_address())), secrets=("link",))


@operation("DELETE", f"{COLLECTION}/{{board}}", kind="board", **MANAGE)
def revoke_board(asked: Asked, s: Session, domain: str, pilot: str, board: int) -> Answer:
    """End a board: its screens show nothing more, within seconds."""
    group = rights.group_for(s, asked.access, domain, pilot)
    if all(each.id != board for each in boards.list_boards(s, group_ids=[group.id])):
        raise NotFound(f"There is no board {board}: `fshunt board list` lists them.")
    return Answer(board_json(boards.revoke_board(s, board)))
