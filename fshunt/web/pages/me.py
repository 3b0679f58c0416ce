"""A member's own page: whether calls come, the own groups and turns, and calls that were missed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from wtforms import RadioField, StringField
from wtforms.validators import StopValidation

from fshunt.errors import UsageError
from fshunt.services import members, rights
from fshunt.services.moments import parse_until
from fshunt.services.own_page import own_page
from fshunt.services.rights import Action
from fshunt.web import times
from fshunt.web.forms import BaseForm
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing

pages = Blueprint("me", __name__, url_prefix="/me")

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class TakeCallsForm(BaseForm):
    """Until when no calls shall come: until switched back, to the end of the day, or to a time."""

    until = RadioField(
        lazy_gettext("When I switch it off, it stays off"),
        choices=[
            ("open", lazy_gettext("until I switch it back")),
            ("today", lazy_gettext("for today")),
            ("time", lazy_gettext("until a time")),
        ],
        default="open",
    )
    time = StringField(lazy_gettext("Time"))

    def validate_time(self, field: Any) -> None:
        """Refuse what is no time of day, where one is needed."""
        if self.until.data == "time" and not _TIME.fullmatch((field.data or "").strip()):
            raise StopValidation(gettext("Enter a time such as 13:00."))

    def end(self, now: datetime) -> datetime | None:
        """Return when the block ends, on the reader's clock; None: when the member switches back."""
        said = {"today": "today", "time": (self.time.data or "").strip()}.get(self.until.data)
        return None if said is None else parse_until(said, now, times.zone())


@pages.get("")
@for_signed_in
def show() -> Response:
    """Show the page."""
    rights.check(access(), Action.SEE_OWN)
    return _page()


@pages.post("")
@for_signed_in
def switch() -> Response:
    """Take the calls of all groups or of one, or none until some time.

    Said twice, it is the same: a second click changes nothing.
    """
    mine, now, pilot = access(), datetime.now(UTC), request.form.get("pilot")
    domain, extension, blocked = mine.domain or "", mine.extension or "", request.form.get("takes") != "on"
    rights.check(mine, Action.BLOCK_SELF)
    with reading() as s:
        rights.check_member(s, mine, domain, extension, pilot)
    form = _new_form()
    if blocked and not form.is_sent_well():
        return _page(form, pilot)
    with writing() as s:
        rights.check_member(s, mine, domain, extension, pilot)
        try:
            until = form.end(now) if blocked else None
            members.block(s, domain, extension, blocked, pilot=pilot, until=until, now=now)
        except UsageError as error:
            form.refuse("time", in_language(str(error)))
    if form.is_refused:
        return _page(form, pilot)
    done = "group" if pilot is not None else "off" if blocked else "on"
    return make_response(redirect(url_for("me.show", done=done), HTTPStatus.SEE_OTHER))


def _new_form(*, fresh: bool = False) -> TakeCallsForm:
    return TakeCallsForm(fresh=fresh, until="open")


def _page(refused: TakeCallsForm | None = None, pilot: str | None = None) -> Response:
    """Return the page; ``refused`` is the form of one group, or of all (``pilot`` None), with what is wrong in it."""
    mine, now = access(), datetime.now(UTC)
    with reading() as s:
        found = rights.own_groups(s, mine)
        seen = own_page(s, found, mine.extension or "", parts().settings, now)

    def form_of(place: str | None) -> TakeCallsForm:
        return _new_form(fresh=True) if refused is None or place != pilot else refused

    page = render_template("me.html", form_of=form_of, own=seen, done=request.args.get("done"))
    return make_response(page, HTTPStatus.OK if refused is None else HTTPStatus.UNPROCESSABLE_ENTITY)
