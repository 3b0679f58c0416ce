"""Saving the settings of a group, and taking changes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from fshunt.errors import BadValue, Conflict, FshuntError, NotFound, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import columns_of
from fshunt.services import audit, destination_checks, groups, limits, rights, undo
from fshunt.services.audit import Change, Subject
from fshunt.services.questions import Questions
from fshunt.services.rights import Action
from fshunt.web.change_values import value_words
from fshunt.web.changes import is_recent
from fshunt.web.column_form import differing, version_of
from fshunt.web.group_form import BASE, PICK, VERSION, Both, GroupForm, both_values
from fshunt.web.group_page import back_to, group_to_change, of_forms, show_group
from fshunt.web.numbers import number_of
from fshunt.web.parts import parts
from fshunt.web.signed_in import access, for_signed_in, reading, writing

pages = Blueprint("group_settings", __name__, url_prefix="/groups/<domain>/<pilot>")

ANYWAY = "anyway"
"""The input that says: save a voicemail box that the switches do not have, too."""

NOT_KEPT = ("csrf_token", VERSION, BASE)
"""Inputs that the page of both values has anew."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a form: the group as it was, the change, and what differs from what somebody else has saved."""

    group: Group
    form: GroupForm
    change_id: int | None = None
    both: tuple[Both, ...] = ()


@pages.post("/settings")
@for_signed_in
def save(domain: str, pilot: str) -> Response:
    """Save the settings: all of them, or none, and then with a sentence beside each that is wrong."""
    saved = _save(domain, pilot, {} if ANYWAY in request.form else _missing(domain, pilot))
    if saved.form.errors:
        return show_group(domain, pilot, form=saved.form)
    if saved.both:
        return _both_page(saved)
    return back_to(saved.group, saved.change_id)


def _missing(domain: str, pilot: str) -> Mapping[str, str]:
    """Ask the switches for the boxes that the form names anew: a daemon answers, before the transaction begins."""
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
    form = GroupForm.sent(group, access(), request.form)
    values = form.checked(group)
    if form.errors:
        return {}
    changed = replace(group, **form.columns.model_values(values))
    names = differing(form.columns.fields, values, columns_of(group))
    return destination_checks.check_places(changed, names, parts().settings, Questions(parts().store).check).by_field


def _save(domain: str, pilot: str, missing: Mapping[str, str]) -> Saved:
    with writing() as s:
        group = group_to_change(s, domain, pilot, Action.CHANGE_GROUP)
        form = GroupForm.sent(group, access(), request.form)
        values = form.checked(group)
        form.refuse_beyond(_beyond(s, group, form, values))
        if not form.errors:
            form.refuse_missing(missing)
        if form.errors:
            return Saved(group, form)
        if form.version != version_of(columns_of(group)):
            both = tuple(both_values(form, values, group))
            if both:
                return Saved(group, form, both=both)
        try:
            groups.set_group(s, group.domain, group.pilot, **form.columns.model_values(values))
        except (BadValue, UsageError, Conflict) as error:
            form.refuse(error)
        return Saved(group, form, audit.last_change_id(s))


def _beyond(s: Session, group: Group, form: GroupForm, values: dict[str, Any]) -> Mapping[str, str]:
    """Return what goes beyond the limits of the group of all that is right otherwise: so all is told at once."""
    read = form.columns.model_values(values)
    if read.get("ring_time", group.ring_time) is None:
        del read["ring_time"]
    return limits.sentences_of(s, group, replace(group, **read))


def _both_page(saved: Saved) -> Response:
    """Show both values of what differs, and keep all that was typed."""
    group = saved.group
    with reading() as s:
        own = access().group_ids if access().role is rights.Role.ADMIN else None
        found = audit.history(s, domain=group.domain, pilot=group.pilot, group_ids=own, subject=Subject.GROUP, limit=1)
    typed = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in NOT_KEPT and not name.startswith(PICK)
    ]
    stored = GroupForm.of(group, access())
    page = render_template(
        "group_both.html",
        group=group,
        both=saved.both,
        typed=typed,
        last=found[0] if found else None,
        value_words=value_words,
        **of_forms(access(), group, stored),
    )
    return make_response(page, HTTPStatus.CONFLICT)


@pages.post("/undo")
@for_signed_in
def undo_change(domain: str, pilot: str) -> Response:
    """Take a change back."""
    with reading() as s:
        rights.group_for(s, access(), domain, pilot)
    if (change_id := number_of(request.form.get("change"))) is None:
        raise NotFound("There is no such change.")
    try:
        made = _undo(change_id)
    except (Conflict, UsageError) as error:
        again = _undone_by_me(change_id)
        if again is None:
            return show_group(domain, pilot, error=error)
        made = again
    if made.subject is Subject.GROUP and made.after is None:
        return make_response(redirect(url_for("groups.start"), HTTPStatus.SEE_OTHER))
    where = made.pilot if made.subject is Subject.GROUP and made.pilot else pilot
    endpoint = "hours.show" if request.form.get("page") == "hours" else "groups.group"
    page = url_for(endpoint, domain=domain, pilot=where, change=made.id)
    return make_response(redirect(page, HTTPStatus.SEE_OTHER))


def _undo(change_id: int) -> Change:
    with writing() as s:
        rights.check_undo(s, access(), change_id)
        return undo.undo(s, change_id, shared_members=parts().settings.shared_members)


def _undone_by_me(change_id: int) -> Change | None:
    """Return the change that undid it, if it is the first click of two."""
    try:
        with reading() as s:
            change = rights.change_for(s, access(), change_id)
            by = None if change.undone_by is None else rights.change_for(s, access(), change.undone_by)
    except FshuntError:
        return None
    return by if by is not None and by.actor == access().name and is_recent(by) else None
