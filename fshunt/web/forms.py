"""The forms of accounts. A form reads and checks what can be checked without the database; services check the rest.

Errors of services go beside a field by `refuse`, in the service's own sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request
from flask_babel import gettext, lazy_gettext
from wtforms import Form, HiddenField, PasswordField, SelectField, StringField
from wtforms.validators import StopValidation

from fshunt.errors import FshuntError
from fshunt.web import languages, times
from fshunt.web.days import day, midnight
from fshunt.web.sentences import in_language

MAX_NAME_CHARS = 200


class BaseForm(Form):
    """A form of the pages. The token against forged forms is checked before any form is read (`csrf`)."""

    class Meta:
        """WTForms' own token is not used."""

        csrf = False

    def __init__(self, *, fresh: bool = False, **values: Any) -> None:
        """Read what was sent; ``values`` are shown where nothing was, and ``fresh`` forgets what was."""
        sent = request.form if request.method == "POST" and not fresh else None
        super().__init__(sent, data=None if sent is not None else values)

    def is_sent_well(self) -> bool:
        """Whether the form was sent, and nothing in it is wrong."""
        return request.method == "POST" and self.validate()

    def refuse(self, field: str, sentence: str) -> None:
        """Put a sentence beside a field."""
        self[field].errors = [*self[field].errors, sentence]

    @property
    def is_refused(self) -> bool:
        """Whether a sentence stands beside any field."""
        return any(field.errors for field in self)


class QueryForm(Form):
    """A form that is sent with the address of a page, so that what it finds can be kept as a bookmark."""

    def __init__(self, **values: Any) -> None:
        super().__init__(request.args, **values)


def text_of(field: Any) -> str:
    """Return the text of a field without spaces at its ends; empty where a browser has not sent it."""
    return (field.data or "").strip()


def required(_form: Form, field: Any) -> None:
    """Refuse a field that is empty."""
    if not (field.data or "").strip():
        raise StopValidation(gettext("Please fill this in."))


def short(_form: Form, field: Any) -> None:
    """Refuse what no field of a person has: it would only fill the log."""
    if len(field.data or "") > MAX_NAME_CHARS:
        raise StopValidation(gettext("This is too long."))


def checked(check: Callable[[str], object], said: str) -> None:
    """Refuse what a check of ours refuses, in its sentence."""
    try:
        check(said)
    except FshuntError as error:
        raise StopValidation(in_language(str(error))) from None


class ExpiringForm(BaseForm):
    """Something that holds until the end of a day; without one it has no end."""

    expires = StringField(lazy_gettext("Until the end of"))

    def check_expiry(self, expires_at: datetime | None, now: datetime) -> None:
        """Raise FshuntError for an end that is past."""
        raise NotImplementedError

    def validate_expires(self, field: Any) -> None:
        """Refuse what is no day, or past."""
        if field.data and day(field.data) is None:
            raise StopValidation(gettext("Enter a day such as 2026-03-31."))
        checked(lambda _said: self.check_expiry(self.expires_at(), datetime.now(UTC)), field.data)

    def expires_at(self) -> datetime | None:
        """Return when it ends; None: it does not."""
        last = day(self.expires.data)
        return None if last is None else midnight(last + timedelta(days=1), times.zone())


class DaysForm(QueryForm):
    """A first and a last day, both with all their hours; each may be left open."""

    since = StringField(lazy_gettext("From"))
    until = StringField(lazy_gettext("To"))

    def validate_since(self, field: Any) -> None:
        """Refuse what is no day."""
        if field.data and day(field.data) is None:
            raise StopValidation(gettext("Enter a day such as 2026-03-31."))

    def validate_until(self, field: Any) -> None:
        """Refuse what is no day, or comes before the first."""
        self.validate_since(field)
        first, last = day(self.since.data), day(field.data)
        if first is not None and last is not None and last < first:
            raise StopValidation(gettext("This is before the first day."))


class SignInForm(BaseForm):
    """Name and password."""

    name = StringField(lazy_gettext("Name"), [required, short])
    password = PasswordField(lazy_gettext("Password"), [required])
    next = HiddenField()


class CodeForm(BaseForm):
    """The one-time code of an app, or a recovery code."""

    code = StringField(lazy_gettext("Code from your app"), [short])
    recovery = StringField(lazy_gettext("Recovery code"), [short])
    next = HiddenField()

    def validate_code(self, field: StringField) -> None:
        """One of the two is enough."""
        if not field.data and not self.recovery.data:
            raise StopValidation(gettext("Enter the code that your app shows, or a recovery code."))


class NewPasswordForm(BaseForm):
    """A new password, typed twice."""

    new_password = PasswordField(lazy_gettext("New password"), [required])
    same_password = PasswordField(lazy_gettext("New password again"), [required])

    def validate_same_password(self, field: Any) -> None:
        """Refuse another password than the first."""
        if field.data != self.new_password.data:
            raise StopValidation(gettext("This is not the same password."))


class ChangePasswordForm(NewPasswordForm):
    """The old password and a new one."""

    password = PasswordField(lazy_gettext("Current password"), [required])


class StartCodesForm(BaseForm):
    """Begins one-time codes: the secret that the app has scanned, its first code, and the password again."""

    secret = HiddenField()
    code = StringField(lazy_gettext("Code from your app"), [required, short])
    password = PasswordField(lazy_gettext("Current password"), [required])


class PasswordForm(BaseForm):
    """The password again, before something that a passer-by must not do."""

    password = PasswordField(lazy_gettext("Current password"), [required])


class ReadingForm(BaseForm):
    """The language and the time zone of the pages; empty: as the browser has it."""

    language = SelectField(lazy_gettext("Language"))
    time_zone = SelectField(lazy_gettext("Time zone"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        as_browser = [("", gettext("As in the browser"))]
        self.language.choices = [*as_browser, *languages.LANGUAGES.items()]
        self.time_zone.choices = [*as_browser, *((name, name.replace("_", " ")) for name in times.zone_names())]
