"""All changes of everybody, for providers, with undo."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext

from fshunt.services import rights
from fshunt.services.audit import ChangeKind, Entrance, Subject, history
from fshunt.services.rights import Action
from fshunt.services.undo import can_undo, undo
from fshunt.web.change_values import shown_values
from fshunt.web.numbers import number_of
from fshunt.web.parts import parts
from fshunt.web.signed_in import access, for_signed_in, reading, writing

pages = Blueprint("audit", __name__, url_prefix="/changes")

CHANGES_A_PAGE = 50
SEARCHED = ("domain", "pilot", "subject", "actor")
"""What stays in the address from page to page."""

ENTRANCES = {
    Entrance.PAGE: lazy_gettext("page"),
    Entrance.API: lazy_gettext("program"),
    Entrance.COMMAND_LINE: lazy_gettext("command line"),
    Entrance.PHONE: lazy_gettext("phone"),
    Entrance.FILE: lazy_gettext("file"),
    Entrance.DAEMON: lazy_gettext("by itself"),
}
SUBJECTS = {
    Subject.GROUP: lazy_gettext("group"),
    Subject.MEMBER: lazy_gettext("member"),
    Subject.BLOCK: lazy_gettext("block"),
    Subject.LIMITS: lazy_gettext("limits of a group"),
    Subject.HOURS: lazy_gettext("opening hours"),
    Subject.USER: lazy_gettext("user"),
    Subject.GRANT: lazy_gettext("administrator of a group"),
    Subject.TOKEN: lazy_gettext("token"),
    Subject.INVITATION: lazy_gettext("invitation"),
    Subject.BOARD: lazy_gettext("board"),
    Subject.CALLBACK: lazy_gettext("call backs"),
    Subject.NOTICE: lazy_gettext("notices"),
    Subject.DOMAIN: lazy_gettext("domain"),
    Subject.CALL: lazy_gettext("call back"),
}
REMOVED = {
    "removed": lazy_gettext("The group is removed. It can be undone here."),
    "removed-already": lazy_gettext("The group was removed already. It can be undone here."),
}
"""What was done to a group, after whose removal these changes are shown."""

KINDS = {
    ChangeKind.ADD: lazy_gettext("added"),
    ChangeKind.SET: lazy_gettext("changed"),
    ChangeKind.MOVE: lazy_gettext("moved"),
    ChangeKind.REMOVE: lazy_gettext("removed"),
}


@pages.get("")
@for_signed_in
def show() -> str:
    """Show the changes that fit, the newest first."""
    rights.check(access(), Action.SEE_AUDIT)
    asked = {name: request.args.get(name, "").strip()[:200] for name in SEARCHED}
    subject = Subject(asked["subject"]) if asked["subject"] in list(Subject) else None
    with reading() as s:
        found = history(
            s,
            domain=asked["domain"] or None,
            pilot=asked["pilot"] or None,
            subject=subject,
            actor=asked["actor"] or None,
            before_id=number_of(request.args.get("before")),
            limit=CHANGES_A_PAGE + 1,
        )
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return render_template(
        "changes.html",
        changes=found[:CHANGES_A_PAGE],
        older=url_for("audit.show", **kept, before=found[CHANGES_A_PAGE - 1].id) if found[CHANGES_A_PAGE:] else None,
        newest=url_for("audit.show", **kept) if "before" in request.args else None,
        asked=asked,
        subjects=SUBJECTS,
        kinds=KINDS,
        entrances=ENTRANCES,
        values=shown_values,
        can_undo=can_undo,
        done=number_of(request.args.get("done")),
        removed=REMOVED.get(request.args.get("removed", "")),
    )


@pages.post("/<int(max=999999999):change_id>/undo")
@for_signed_in
def take_back(change_id: int) -> Response:
    """Undo a change, unless somebody has changed the same thing since."""
    with writing() as s:
        rights.check_undo(s, access(), change_id)
        made = undo(s, change_id, shared_members=parts().settings.shared_members)
    return make_response(redirect(url_for("audit.show", done=made.id), HTTPStatus.SEE_OTHER))
