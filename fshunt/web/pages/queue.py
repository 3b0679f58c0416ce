"""The queue of a group: who waits now, and who has left it to be called back."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext

from fshunt.db.queries.callbacks import Request
from fshunt.errors import Conflict, NotFound
from fshunt.hunting.callbacks import MAX_TRIES, CallbackState
from fshunt.hunting.group import Group
from fshunt.services import callbacks, rights
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.group_queue import waiting_callers
from fshunt.services.live import Watched
from fshunt.services.live_feed import Look
from fshunt.services.rights import Action
from fshunt.web.live.hub import hub
from fshunt.web.now import live_of, ticking, watches
from fshunt.web.numbers import number_of
from fshunt.web.parts import parts
from fshunt.web.problems import status_of
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading
from fshunt.web.times import short_when
from fshunt.web.twice import Last, do_once

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString
    from sqlalchemy.orm import Session

pages = Blueprint("queue", __name__, url_prefix="/groups/<domain>/<pilot>/queue")

GONE = "gone"
STATES: dict[CallbackState, tuple[str, LazyString]] = {
    CallbackState.WAITING: ("", lazy_gettext("waits")),
    CallbackState.CALLING_MEMBER: ("accent", lazy_gettext("a member is looked for")),
    CallbackState.CALLING_CALLER: ("good", lazy_gettext("is being called, or talks")),
}
"""The kind of badge, and the words."""
DONE = {
    "removed": ("good", lazy_gettext("The request is removed: the caller is not called back.")),
    "removed-already": ("good", lazy_gettext("The request was removed already.")),
    GONE: ("warn", lazy_gettext("There is no such request any more: it has ended in the meantime.")),
}


@pages.get("")
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show who waits now, and the open requests to be called back."""
    return _page(domain, pilot)


@pages.get("/now")
@for_signed_in
def queue_now(domain: str, pilot: str) -> str:
    """Return the part of the page that changes by itself: of the last look for the streams, if there is one."""
    with reading() as s:
        group = _group(s, domain, pilot)
    return render_template("group/waiting.html", group=group, **_waiting(group, hub().recent()))


@pages.post("/remove")
@for_signed_in
def remove(domain: str, pilot: str) -> Response:
    """Do not call a caller back."""
    request_id = number_of(request.form.get("callback")) or 0
    with reading() as s:
        group = _group(s, domain, pilot)
        rights.check(access(), Action.REMOVE_CALLBACK)

    def work(s: Session) -> None:
        callbacks.remove_of(s, group, request_id)

    last = Last(Subject.CALLBACK, ChangeKind.REMOVE, str(request_id), group.domain, group.pilot)
    try:
        done = do_once(work, last, "removed")
    except NotFound:  # served, or the caller has called again
        done = GONE
    except Conflict as error:
        return _page(domain, pilot, error)
    where = url_for("queue.show", domain=group.domain, pilot=group.pilot, done=done)
    return make_response(redirect(where, HTTPStatus.SEE_OTHER))


def _group(s: Session, domain: str, pilot: str) -> Group:
    group = rights.group_for(s, access(), domain, pilot)
    rights.check(access(), Action.SEE_CALLS)
    return group


def _page(domain: str, pilot: str, error: Conflict | None = None) -> Response:
    with reading() as s:
        group = _group(s, domain, pilot)
        found = callbacks.open_requests_of(s, group)
    page = render_template(
        "queue.html",
        group=group,
        **_waiting(group),
        requests=found,
        state_badge=_state_badge,
        max_tries=MAX_TRIES,
        may_remove=_may_remove,
        refused=None if error is None else in_language(str(error)),
        done=DONE.get(request.args.get("done", "")),
    )
    return make_response(page, HTTPStatus.OK if error is None else status_of(error))


def _waiting(group: Group, look: Look | None = None) -> dict[str, Any]:
    """Return what the live part of the page shows, and have the daemons publish the group."""
    watches().renew(Watched(group.domain, group.pilot))
    live, state = live_of(parts().store, group, look)
    with reading() as s:
        callers = waiting_callers(s, live)
    return {"at": state.at, "queued": len(live.queued), "callers": callers, "ticking": ticking}


def _state_badge(found: Request) -> tuple[str, str]:
    kind, words = STATES[found.state]
    is_put_off = found.state is CallbackState.WAITING and found.not_before is not None
    if is_put_off and found.not_before is not None and found.not_before > datetime.now(UTC):
        return kind, str(gettext("tried again at %(time)s", time=short_when(found.not_before)))
    return kind, str(words)


def _may_remove(found: Request) -> bool:
    return found.state is not CallbackState.CALLING_CALLER and rights.may(access(), Action.REMOVE_CALLBACK)
