"""An address with an earlier pilot of a group, from a bookmark or an open page: it leads to the group all the same."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, make_response, render_template, request, url_for

from fshunt.errors import NotFound
from fshunt.hunting.group import Group
from fshunt.services import rights
from fshunt.web.kept_form import KeptForm, kept_now
from fshunt.web.problems import answer_error, wants_json
from fshunt.web.signed_in import maybe_signed_in, reading

OF_THE_GROUP_ITSELF = "new_group."
"""Forms that give a group another pilot, remove it or the like were meant for what it was: they are not sent again."""


def answer_not_found(error: NotFound) -> Response:
    """Return the page that says which pilot a group has now, to who looks after it; to all others the error."""
    group = None if wants_json() else _renumbered()
    if group is None:
        return answer_error(error)
    page = render_template(
        "renumbered.html",
        group=group,
        earlier=_named()[1],
        to=_same_page(group) if request.method == "GET" else _page_of(group),
        kept=_form_for(group),
    )
    return make_response(page, HTTPStatus.NOT_FOUND)


def _renumbered() -> Group | None:
    known = maybe_signed_in()
    domain, pilot = _named()
    if known is None or known.awaits_code or not domain or not pilot:
        return None
    with reading() as s:
        return rights.renumbered_group(s, known.access, domain, pilot)


def _named() -> tuple[str, str]:
    parts = request.view_args or {}
    return str(parts.get("domain", "")), str(parts.get("pilot", ""))


def _page_of(group: Group) -> str:
    return url_for("groups.group", domain=group.domain, pilot=group.pilot)


def _same_page(group: Group) -> str:
    path = url_for(request.endpoint or "", **{**(request.view_args or {}), "pilot": group.pilot})
    query = request.query_string.decode("latin-1")
    return f"{path}?{query}" if query else path


def _form_for(group: Group) -> KeptForm | None:
    if (request.endpoint or "").startswith(OF_THE_GROUP_ITSELF):
        return None
    return kept_now(_same_page(group))
