"""Boards: where a group's are made and revoked, and the board itself, which needs no signing in but its address."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext
from wtforms import StringField

from fshunt.errors import FshuntError, NotFound
from fshunt.services import boards, rights
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.board_figures import KINDS
from fshunt.services.boards import Board
from fshunt.services.live_feed import LiveFeed
from fshunt.services.rights import Action
from fshunt.services.watchers import Credential, CredentialKind, Wish
from fshunt.web.changes import just_added
from fshunt.web.forms import ExpiringForm, required, short, text_of
from fshunt.web.links import own_address
from fshunt.web.live.events import BoardStream, stream_response
from fshunt.web.live.hub import hub
from fshunt.web.now import length
from fshunt.web.numbers import number_of
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.twice import Last, do_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

pages = Blueprint("boards", __name__)

OF_GROUP = "/groups/<domain>/<pilot>/boards"
BOARD = f"{boards.PATH}<secret>"

LONG_SECONDS = 60
"""A caller who waits longer makes the board red; as in the script of the board."""

ASSETS = ("board.css", "board.js")

KIND_WORDS = {
    "free": lazy_gettext("free"),
    "ringing": lazy_gettext("ringing"),
    "talking": lazy_gettext("talking"),
    "wrap_up": lazy_gettext("wrap-up"),
    "blocked": lazy_gettext("blocked"),
    "no_phone": lazy_gettext("no phone"),
}
"""What members do, in the words of a board."""


DONE = {
    "revoked": lazy_gettext("The board is revoked: its screens show nothing any more."),
    "revoked-already": lazy_gettext("The board was revoked already."),
}


class NewBoardForm(ExpiringForm):
    """A new board: where it hangs, and until when it holds."""

    name = StringField(lazy_gettext("Where it hangs"), [required, short])

    def check_expiry(self, expires_at: datetime | None, now: datetime) -> None:
        """Raise BadValue for an end that is past."""
        boards.check_expiry(expires_at, now)


@pages.get(OF_GROUP)
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show the boards of a group."""
    return _of_group(domain, pilot, NewBoardForm())


@pages.post(OF_GROUP)
@for_signed_in
def add(domain: str, pilot: str) -> Response:
    """Add a board: its address is shown this once."""
    form = NewBoardForm()
    if not form.is_sent_well():
        return _of_group(domain, pilot, form)
    try:
        with writing() as s:
            group = rights.group_for(s, access(), domain, pilot)
            rights.check(access(), Action.MANAGE_BOARDS)
            name = text_of(form.name)
            for board in boards.list_boards(s, group_ids=[group.id]):
                if board.name == name and just_added(s, access(), Subject.BOARD, name):
                    boards.revoke_board(s, board.id)
            made, secret = boards.add_board(s, group.domain, group.pilot, name, expires_at=form.expires_at())
    except NotFound:
        raise
    except FshuntError as error:
        form.refuse("expires" if "expired" in str(error) else "name", in_language(str(error)))
        return _of_group(domain, pilot, form)
    return _of_group(domain, pilot, NewBoardForm(fresh=True), made=made, secret=secret)


@pages.post(f"{OF_GROUP}/revoke")
@for_signed_in
def revoke(domain: str, pilot: str) -> Response:
    """End a board."""
    board_id = number_of(request.form.get("board"))
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.MANAGE_BOARDS)

    def work(s: Session) -> None:
        if board_id is None or board_id not in [each.id for each in boards.list_boards(s, group_ids=[group.id])]:
            raise NotFound("There is no such board.")
        boards.revoke_board(s, board_id)

    last = Last(Subject.BOARD, ChangeKind.REMOVE, request.form.get("name", ""), group.domain, group.pilot)
    done = do_once(work, last, "revoked")
    where = url_for("boards.show", domain=group.domain, pilot=group.pilot, done=done)
    return make_response(redirect(where, HTTPStatus.SEE_OTHER))


def _of_group(domain: str, pilot: str, form: NewBoardForm, *, made: Board | None = None, secret: str = "") -> Response:
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.MANAGE_BOARDS)
        found = boards.list_boards(s, group_ids=[group.id])
    page = render_template(
        "boards.html",
        group=group,
        form=form,
        boards=list(reversed(found)),
        now=datetime.now(UTC),
        made=made,
        link=None if made is None else boards.link_of(secret, own_address()),
        done=DONE.get(request.args.get("done", "")),
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK)


@pages.get(BOARD)
def board(secret: str) -> Response:
    """Show a board to whoever has its address."""
    try:
        with reading() as s:
            found, _ = boards.find_board(s, secret, datetime.now(UTC))
    except NotFound:
        return _without_index(render_template("board_ended.html"), HTTPStatus.NOT_FOUND)
    place, wish = (found.domain, found.pilot), _wish(found)
    look = hub().recent()
    if look is None or place not in look.boards:
        look = LiveFeed(parts().store, parts().settings).look([wish])
    if look.trouble is not None:
        raise look.trouble
    value = look.boards[place].value
    figures = value["figures"]
    since = figures["waiting_since"]
    waited = 0.0 if since is None else (look.state.at - datetime.fromisoformat(since)).total_seconds()
    page = render_template(
        "board.html",
        figures=figures,
        level="calm" if since is None else "long" if waited > LONG_SECONDS else "waits",
        wait=length(waited),
        members=value["members"],
        at=look.state.at,
        kinds=KINDS,
        kind_words={kind: str(words) for kind, words in KIND_WORDS.items()},
        version=version(),
        events=url_for("boards.board_events", secret=secret),
    )
    return _without_index(page, HTTPStatus.OK)


@pages.get(f"{BOARD}/events")
def board_events(secret: str) -> Response:
    """Stream the figures of a board."""
    with reading() as s:
        found, _ = boards.find_board(s, secret, datetime.now(UTC))
    return stream_response(BoardStream(hub(), hub().open(_wish(found), f"board {found.id}"), version()))


def version() -> str:
    """Return the version of the page: a screen that runs for weeks loads a newer one by itself."""
    static_url = cast("Callable[[str], str]", current_app.jinja_env.globals["static_url"])
    return hashlib.sha256("".join(static_url(name) for name in ASSETS).encode()).hexdigest()[:12]


def _wish(found: Board) -> Wish:
    return Wish(Credential(CredentialKind.BOARD, str(found.id)), found.domain, found.pilot)


def _without_index(page: str, status: HTTPStatus) -> Response:
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
