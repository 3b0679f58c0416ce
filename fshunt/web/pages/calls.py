"""The calls of a group: a search, the story of each call, and callers who wait to be called back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from fshunt.db.models import CallRecord
from fshunt.db.queries.call_search import Kind, Place, Question, one_call, question_of, search
from fshunt.hunting.group import Group
from fshunt.services import call_back, rights
from fshunt.services.call_bars import call_bars
from fshunt.services.call_story import decision, steps
from fshunt.services.rights import Action
from fshunt.web import times
from fshunt.web.call_words import KINDS
from fshunt.web.days import day, midnight
from fshunt.web.forms import DaysForm, short
from fshunt.web.signed_in import access, for_signed_in, reading, signed_in, writing

pages = Blueprint("calls", __name__, url_prefix="/groups/<domain>/<pilot>/calls")

CALLS_A_PAGE = 50
WAITING_FOR = timedelta(days=30)
"""How long a missed caller waits for a call back in the list."""

SEARCHED = ("kind", "member", "caller", "since", "until")
"""What stays in the address from page to page of a list."""


class SearchForm(DaysForm):
    """Which calls are looked for."""

    kind = SelectField(lazy_gettext("Result"), choices=[(kind.value, words) for kind, words in KINDS.items()])
    member = SelectField(lazy_gettext("Member"))
    caller = StringField(lazy_gettext("Number or name"), [short])

    def __init__(self, group: Group) -> None:
        super().__init__(kind=Kind.ALL.value, member="")
        members = [member.extension for member in group.members]
        asked = request.args.get("member", "")[:100]
        gone = [asked] if asked and asked not in members else []
        self.member.choices = [("", gettext("All")), *((each, each) for each in (*members, *gone))]

    def question(self, s: Session, group: Group) -> Question:
        """Return what is looked for; days are those of the reader, the last one with all its hours."""
        first, last = day(self.since.data), day(self.until.data)
        return question_of(
            s,
            group,
            kind=Kind(self.kind.data),
            member=self.member.data or None,
            caller=(self.caller.data or "").strip() or None,
            since=None if first is None else midnight(first, times.zone()),
            until=None if last is None else midnight(last + timedelta(days=1), times.zone()),
        )


@pages.get("")
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show the calls that a search finds, newest first."""
    with reading() as s:
        group = _group(s, domain, pilot)
        form = SearchForm(group)
        well = form.validate()
        asked = form.question(s, group) if well else question_of(s, group)
        found = search(s, asked, _place(request.args.get("behind")), CALLS_A_PAGE)
    page = render_template(
        "calls.html", group=group, form=form, found=found, searched=not asked.takes_all, address=address_of
    )
    return make_response(page, HTTPStatus.OK if well else HTTPStatus.UNPROCESSABLE_ENTITY)


@pages.get("/waiting")
@for_signed_in
def waiting(domain: str, pilot: str) -> str:
    """Show the callers who were missed and were not called back yet."""
    with reading() as s:
        group = _group(s, domain, pilot)
        asked = question_of(s, group, kind=Kind.WAITING, since=datetime.now(UTC) - WAITING_FOR)
        found = search(s, asked, _place(request.args.get("behind")), CALLS_A_PAGE)
    done = request.args.get("done", "")
    return render_template(
        "calls_waiting.html", group=group, found=found, done=done, days=WAITING_FOR.days, address=address_of
    )


@pages.get("/<call_id>")
@for_signed_in
def one(domain: str, pilot: str, call_id: str) -> str:
    """Show the story of one call."""
    with reading() as s:
        group = _group(s, domain, pilot)
        call = one_call(s, question_of(s, group), call_id)
        noted = call_back.called_back(s, call_id)
    return render_template(
        "call.html",
        group=group,
        call=call,
        steps=steps(call),
        bars=call_bars(call, datetime.now(UTC)),
        decision=decision(call),
        noted=noted,
    )


@pages.post("/<call_id>/called-back")
@for_signed_in
def note(domain: str, pilot: str, call_id: str) -> Response:
    """Note that a caller was called back, or take the note back."""
    mine, done = access(), request.form.get("called_back") == "yes"
    with writing() as s:
        call = _call(s, domain, pilot, call_id)
        rights.check(mine, Action.NOTE_CALL_BACK)
        if done:
            call_back.note_called_back(s, call, signed_in().user.name)
        else:
            call_back.forget_called_back(s, call)
    where: dict[str, Any] = {"domain": domain, "pilot": pilot}
    if request.form.get("back_to") == "call":
        return _to(url_for("calls.one", call_id=call_id, **where))
    return _to(url_for("calls.waiting", done=call_id if done else None, **where))


def _group(s: Session, domain: str, pilot: str) -> Group:
    group = rights.group_for(s, access(), domain, pilot)
    rights.check(access(), Action.SEE_CALLS)
    return group


def _call(s: Session, domain: str, pilot: str, call_id: str) -> CallRecord:
    group = _group(s, domain, pilot)
    return one_call(s, question_of(s, group), call_id)


def _to(address: str) -> Response:
    return make_response(redirect(address, HTTPStatus.SEE_OTHER))


def address_of(place: Place | None) -> str:
    """Return the address of the same list behind a place; None: from the newest call."""
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if name in SEARCHED and value}
    behind = None if place is None else f"{place.at.astimezone(UTC).isoformat()}~{place.id}"
    return url_for(request.endpoint or "", **(request.view_args or {}), **kept, behind=behind)


def _place(said: str | None) -> Place | None:
    """Return the place that an address names; None: the list begins with the newest call."""
    at, tilde, call_id = (said or "").partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Place(moment, call_id) if tilde and moment.tzinfo is not None else None
