"""The forms of what only providers do with a group: a new one, another pilot, its limits, a new administrator."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import StopValidation

from fshunt.errors import FshuntError
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group_fields import GROUP_FIELDS, model_values
from fshunt.hunting.limits import LIMIT_FIELDS, Limits, limit_values
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.validation import check_domain, check_extension, check_name, check_pilot
from fshunt.web.forms import BaseForm, checked, required, short, text_of
from fshunt.web.sentences import in_language
from fshunt.web.words import POLICIES

MAX_MEMBERS_CHARS = 4_000


class NewGroupForm(BaseForm):
    """A new group with its members, in the order in which they are typed."""

    domain = StringField(lazy_gettext("Domain"), [required, short])
    pilot = StringField(lazy_gettext("Pilot"), [required, short])
    name = StringField(lazy_gettext("Name"), [short])
    policy = SelectField(lazy_gettext("Who rings first"))
    rings = StringField(lazy_gettext("Rings for each member"), [required])
    members = TextAreaField(lazy_gettext("Members"))
    voicemail = StringField(lazy_gettext("Voicemail box"), [short])
    admin = SelectField(lazy_gettext("Administrator"))

    def __init__(self, admins: list[str], **values: Any) -> None:
        super().__init__(**values)
        self.policy.choices = [(name, f"{words.name}: {words.sentence}") for name, words in POLICIES.items()]
        self.admin.choices = [("", gettext("Nobody yet")), *((name, name) for name in admins)]

    def validate_domain(self, field: Any) -> None:
        """Refuse what is no domain."""
        checked(check_domain, text_of(field))

    def validate_pilot(self, field: Any) -> None:
        """Refuse what is no pilot."""
        checked(check_pilot, text_of(field))

    def validate_name(self, field: Any) -> None:
        """Refuse a name with characters that no display shows."""
        if text_of(field):
            checked(check_name, text_of(field))

    def validate_voicemail(self, field: Any) -> None:
        """Refuse what is no box."""
        if text_of(field):
            checked(check_extension, text_of(field))

    def validate_rings(self, field: Any) -> None:
        """Refuse what is no number of rings that a member may have."""
        checked(lambda text: GROUP_FIELDS["rings"].json_of_text(text, str(field.label.text)), text_of(field))

    def validate_members(self, field: Any) -> None:
        """Refuse what is no member."""
        if len(text_of(field)) > MAX_MEMBERS_CHARS:
            raise StopValidation(gettext("This is too long."))
        for word in _words(text_of(field)):
            checked(parse_member, word)

    def addresses(self) -> list[MemberAddress]:
        """Return the members in order."""
        return [parse_member(word) for word in _words(text_of(self.members))]

    def fields(self) -> dict[str, Any]:
        """Return the fields of the group, as ``groups.add_group`` takes them."""
        return {
            "name": text_of(self.name),
            "policy": self.policy.data,
            "ring_time": RingTime(rings=int(text_of(self.rings))),
            "voicemail": text_of(self.voicemail) or None,
        }


class PilotForm(BaseForm):
    """Another pilot."""

    pilot = StringField(lazy_gettext("New pilot"), [required, short])


class LimitsForm(BaseForm):
    """How far the administrator of a group may go. An empty field is no limit, and so are all policies."""

    policies = SelectMultipleField(lazy_gettext("Policies to choose from"))
    max_ring_seconds = StringField(lazy_gettext("Longest ring time in seconds"), [short])
    max_external_members = StringField(lazy_gettext("Most external members"), [short])
    gateways = StringField(lazy_gettext("Gateways of external members"))
    transfers_to_pilots = BooleanField(lazy_gettext("Callers go on to pilots of the domain only"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.policies.choices = [(name, words.name) for name, words in POLICIES.items()]

    @classmethod
    def of(cls, limits: Limits) -> LimitsForm:
        """Return the form of limits as they are stored."""
        values = limit_values(limits)
        return cls(
            fresh=True,
            policies=values["policies"] or list(POLICIES),
            max_ring_seconds="" if limits.max_ring_seconds is None else f"{limits.max_ring_seconds:g}",
            max_external_members="" if limits.max_external_members is None else str(limits.max_external_members),
            gateways=", ".join(limits.gateways or ()),
            transfers_to_pilots=limits.transfers_to_pilots,
        )

    def limits(self) -> Limits | None:
        """Return the limits; None where a field is wrong, and has a sentence beside it."""
        said = {name: text_of(self[name]) for name in ("max_ring_seconds", "max_external_members", "gateways")}
        said["policies"] = " ".join(self.policies.data or ())
        read: dict[str, Any] = {"transfers_to_pilots": bool(self.transfers_to_pilots.data)}
        for name, text in said.items():
            try:
                is_no_limit = text == "" and name != "policies"
                read[name] = None if is_no_limit else LIMIT_FIELDS[name].json_of_text(text, str(self[name].label.text))
            except FshuntError as error:
                self.refuse(name, in_language(str(error)))
        if self.is_refused:
            return None
        if len(self.policies.data) == len(POLICIES):
            read["policies"] = None
        return Limits(**model_values(LIMIT_FIELDS, read))


class NewAdminForm(BaseForm):
    """Somebody who shall look after a group, and has no account yet."""

    name = StringField(lazy_gettext("Name"), [required, short])


def _words(said: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", said) if word]
