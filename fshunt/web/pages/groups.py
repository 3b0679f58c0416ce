"""The start page, with the groups that a person may see, and the page of one group."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fshunt.services import hours, rights
from fshunt.services.group_search import matching, text_of
from fshunt.services.users import Role
from fshunt.web.group_page import now_for, show_group
from fshunt.web.live.hub import hub
from fshunt.web.names import names
from fshunt.web.signed_in import access, for_signed_in, reading

pages = Blueprint("groups", __name__)

GROUPS_A_PAGE = 100


@pages.get("/")
@for_signed_in
def start() -> ResponseReturnValue:
    """Show the groups that the one who asks looks after; a member has a page of the own."""
    mine = access()
    if mine.role is Role.MEMBER:
        return redirect(url_for("me.show"), HTTPStatus.SEE_OTHER)
    with reading() as s:
        found = rights.visible_groups(s, mine)
    words = request.args.get("q", "").strip()
    first = max(0, request.args.get("from", 0, int))
    known = names().for_search(found, words)
    shown = matching(found, words, known.names)
    page, now = shown[first : first + GROUPS_A_PAGE], datetime.now(UTC)
    return render_template(
        "groups.html",
        groups=page,
        closed={group.id: hours.state_of(group, now).closed for group in page},
        total=len(shown),
        all_total=len(found),
        words=words,
        known=known,
        texts={group.id: " ".join(text_of(group, known.names).split()) for group in page},
        first=first,
        page_size=GROUPS_A_PAGE,
        several_domains=len({group.domain for group in found}) > 1,
    )


@pages.get("/groups/<domain>/<pilot>")
@for_signed_in
def group(domain: str, pilot: str) -> Response:
    """Show a group; who has no right to it is told what everybody is told of a group that does not exist."""
    return show_group(domain, pilot)


@pages.get("/groups/<domain>/<pilot>/now")
@for_signed_in
def group_now(domain: str, pilot: str) -> str:
    """Return the part of a group's page that changes by itself: of the last look for the streams, if there is one."""
    return render_template("group/states.html", now=now_for(domain, pilot, hub().recent()))
