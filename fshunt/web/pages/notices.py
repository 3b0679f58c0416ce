"""The notices of a group: who is told what happens in it, by mail or by a webhook."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import StopValidation

from fshunt.errors import FshuntError, NotFound
from fshunt.notices.notice import (
    MAX_AFTER_MINUTES,
    MAX_QUEUE,
    MIN_AFTER_MINUTES,
    MIN_QUEUE,
    Channel,
    NoticeEvent,
    Wish,
    parse_time,
    show_time,
)
from fshunt.notices.targets import MAX_URL_CHARS
from fshunt.services import notices, rights
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.rights import Action
from fshunt.web.changes import just_added
from fshunt.web.forms import BaseForm, required, text_of
from fshunt.web.numbers import number_of
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import access, for_signed_in, reading, writing
from fshunt.web.twice import Last, do_once

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.db.queries.notices import StoredNotice

pages = Blueprint("notices", __name__, url_prefix="/groups/<domain>/<pilot>/notices")

AT_ONCE, AFTER, DIGEST = "at-once", "after", "digest"

EVENTS = {
    NoticeEvent.MISSED: lazy_gettext("Missed calls"),
    NoticeEvent.NOBODY_REACHABLE: lazy_gettext("Calls for which nobody was reachable"),
    NoticeEvent.ANSWERED: lazy_gettext("Answered calls"),
    NoticeEvent.QUEUE_LONGER: lazy_gettext("Too many callers in the queue"),
    NoticeEvent.MEMBER_BLOCKED: lazy_gettext("Members blocked after unanswered calls"),
}
"""What is told, in the order of the form."""

WHEN = {
    AT_ONCE: lazy_gettext("At once"),
    AFTER: lazy_gettext("After some minutes, unless the caller was served"),
    DIGEST: lazy_gettext("Once a day, all together"),
}
DONE = {
    "removed": lazy_gettext("The notice is removed: nothing more is sent there."),
    "removed-already": lazy_gettext("The notice was removed already."),
}


class NewNoticeForm(BaseForm):
    """Whom to tell, of what, and when."""

    to = StringField(lazy_gettext("Mail address, or URL of a webhook"), [required])
    events = SelectMultipleField(lazy_gettext("What is told"))
    queue = StringField(lazy_gettext("More callers in the queue than"))
    when = SelectField(lazy_gettext("When"))
    minutes = StringField(lazy_gettext("Minutes"))
    time = StringField(lazy_gettext("Time of the day"))

    def __init__(self, **values: Any) -> None:
        usual = {"events": [NoticeEvent.MISSED.value], "queue": "5", "when": AT_ONCE, "minutes": "15", "time": "18:00"}
        super().__init__(**(usual | values))
        self.events.choices = [(event.value, words) for event, words in EVENTS.items()]
        self.when.choices = [*WHEN.items()]

    def validate_to(self, field: Any) -> None:
        """Refuse what would only fill the log."""
        if len(field.data or "") > MAX_URL_CHARS:
            raise StopValidation(gettext("This is too long."))

    def validate_events(self, field: Any) -> None:
        """Refuse a notice of nothing."""
        if not field.data:
            raise StopValidation(gettext("Choose at least one."))

    def validate_queue(self, field: Any) -> None:
        """Refuse what is no number of callers, where it counts."""
        if NoticeEvent.QUEUE_LONGER.value in (self.events.data or []):
            _check_number(field.data, MIN_QUEUE, MAX_QUEUE)

    def validate_minutes(self, field: Any) -> None:
        """Refuse what is no number of minutes, where it counts."""
        if self.when.data == AFTER:
            _check_number(field.data, MIN_AFTER_MINUTES, MAX_AFTER_MINUTES)

    def validate_time(self, field: Any) -> None:
        """Refuse what is no time, where it counts."""
        if self.when.data == DIGEST:
            try:
                parse_time(text_of(field))
            except FshuntError as error:
                raise StopValidation(in_language(str(error))) from None

    def wish(self) -> Wish:
        """Return what the form asks for; raise UsageError or BadValue."""
        to, when = text_of(self.to), self.when.data
        web = "://" in to
        queue = f"{NoticeEvent.QUEUE_LONGER.value}:{text_of(self.queue)}"
        return notices.wish_of(
            mail=None if web else to,
            webhook=to if web else None,
            events=[queue if each == NoticeEvent.QUEUE_LONGER.value else each for each in self.events.data],
            after_minutes=int(text_of(self.minutes)) if when == AFTER else None,
            digest=text_of(self.time) if when == DIGEST else None,
            allowed=parts().settings.webhook_allowed_networks,
        )


def _check_number(text: str | None, low: int, high: int) -> None:
    number = number_of((text or "").strip())
    if number is None or not low <= number <= high:
        raise StopValidation(gettext("Enter a whole number from %(low)s to %(high)s.", low=low, high=high))


@pages.get("")
@for_signed_in
def show(domain: str, pilot: str) -> Response:
    """Show the notices of a group."""
    return _of_group(domain, pilot, NewNoticeForm())


@pages.post("")
@for_signed_in
def add(domain: str, pilot: str) -> Response:
    """Add a notice: the secret of a webhook is shown this once."""
    form = NewNoticeForm()
    if not form.is_sent_well():
        return _of_group(domain, pilot, form)
    try:
        wish = form.wish()
        with writing() as s:
            group = rights.group_for(s, access(), domain, pilot)
            rights.check(access(), Action.MANAGE_NOTICES)
            if just_added(s, access(), Subject.NOTICE, wish.target, domain=group.domain):
                notices.remove_target(s, group, wish.target)
            made, secret = notices.add_notice(s, group.domain, group.pilot, wish)
    except NotFound:
        raise
    except FshuntError as error:
        form.refuse("when" if form.when.data == AFTER and "can wait" in str(error) else "to", in_language(str(error)))
        return _of_group(domain, pilot, form)
    return _of_group(domain, pilot, NewNoticeForm(fresh=True), made=made, secret=secret)


@pages.post("/remove")
@for_signed_in
def remove(domain: str, pilot: str) -> Response:
    """Remove a notice."""
    notice_id = number_of(request.form.get("notice"))
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.MANAGE_NOTICES)

    def work(s: Session) -> None:
        notices.remove_notice(s, group.domain, group.pilot, notice_id or 0)

    last = Last(Subject.NOTICE, ChangeKind.REMOVE, request.form.get("target", ""), group.domain, group.pilot)
    done = do_once(work, last, "removed")
    where = url_for("notices.show", domain=group.domain, pilot=group.pilot, done=done)
    return make_response(redirect(where, HTTPStatus.SEE_OTHER))


def _of_group(
    domain: str, pilot: str, form: NewNoticeForm, *, made: StoredNotice | None = None, secret: str | None = None
) -> Response:
    with reading() as s:
        group = rights.group_for(s, access(), domain, pilot)
        rights.check(access(), Action.MANAGE_NOTICES)
        found = notices.list_notices(s, group_ids=[group.id])
        waiting = notices.waiting_of(s, found)
    mails = any(each.wish.channel is Channel.MAIL for each in found)
    no_mail_server = mails and parts().settings.smtp_host is None
    page = render_template(
        "notices.html",
        group=group,
        form=form,
        notices=list(reversed(found)),
        waiting=waiting,
        event_words=_event_words,
        when_words=_when_words,
        made=made,
        secret=secret,
        warning=in_language(notices.MAIL_NEEDS_HOST) if no_mail_server else None,
        done=DONE.get(request.args.get("done", "")),
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_refused else HTTPStatus.OK)


def _event_words(wish: Wish) -> list[str]:
    found = [str(words) for event, words in EVENTS.items() if event in wish.events]
    if wish.queue_longer_than is not None:
        more = gettext("more than %(number)s", number=wish.queue_longer_than)
        found = [f"{each} ({more})" if each == str(EVENTS[NoticeEvent.QUEUE_LONGER]) else each for each in found]
    return found


def _when_words(wish: Wish) -> str:
    if wish.digest_at is not None:
        return str(gettext("every day at %(time)s", time=show_time(wish.digest_at)))
    if wish.after_minutes is not None:
        return str(gettext("after %(minutes)s min", minutes=wish.after_minutes))
    return str(gettext("at once"))
