"""The form of a group's settings, and what becomes of it where somebody else has saved in the meantime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS, check_destinations, columns_of
from fshunt.services import rights
from fshunt.services.rights import Access
from fshunt.web.column_form import ColumnForm, differing, is_destination, needs_ring_time, version_of
from fshunt.web.field_words import TO
from fshunt.web.sentences import in_language

HOW_IT_RINGS = (
    "policy",
    "rings",
    "ring_seconds",
    "cycles",
    "hunt_timeout",
    "call_waiting",
    "when_busy",
    "answer_first",
    "queue_limit",
    "announce_seconds",
    "voicemail_key",
    "callback",
    "wrap_up_seconds",
    "auto_block",
    "prefix",
    "music",
)
CASES = ("on_no_answer", "on_busy", "on_unreachable")
"""The destinations that may be one for all."""

WHEN_NOBODY = ("voicemail", *CASES, "on_closed")
THE_GROUP = ("name", "enabled", "transfer_context", "caller_id_number")
NOT_HERE = ("pilot", "time_zone")
"""The pilot has a page of the provider's; the time zone belongs to the business hours."""

ALL = "on_all"
"""The destination of all CASES."""

SPREAD, SAME, EACH = "destinations", "same", "each"
"""The input that says whether ALL counts, and its values."""

VERSION, BASE, PICK = "version", "base", "pick_"
"""Inputs: of which stored values the form was made, these values, and whose value counts where two differ."""

MINE, THEIRS = "mine", "theirs"
MAX_BASE_CHARS = 10_000


@dataclass(slots=True)
class GroupForm:
    """What a person has typed or chosen for a group.

    ``version`` and ``base`` are the stored values that the person has seen; ``base`` is empty where a browser did not
    send them. They only decide what is shown: what is stored is compared with what is sent.
    """

    columns: ColumnForm
    version: str
    base: Mapping[str, Any]
    all_same: bool
    all_texts: dict[str, str]
    has_missing: bool = False
    """A voicemail box is missing, which may be saved all the same."""

    @classmethod
    def of(cls, group: Group, access: Access) -> GroupForm:
        """Return the form of a group as it is stored, with the inputs that the role may change."""
        fields = {
            name: GROUP_FIELDS[name]
            for name in rights.own_fields(access, dict.fromkeys((*HOW_IT_RINGS, *WHEN_NOBODY, *THE_GROUP)))
        }
        columns, stored = ColumnForm.of(fields, group), columns_of(group)
        all_same = len({stored[case] for case in CASES}) == 1
        texts = {ALL + end: columns.texts["on_no_answer" + end] for end in ("", TO)}
        seen = {name: stored[name] for name in fields}
        return cls(columns, version_of(stored), seen, all_same, texts)

    @classmethod
    def sent(cls, group: Group, access: Access, form: MultiDict[str, str]) -> GroupForm:
        """Return the form as a browser sent it; what it did not send is as stored."""
        made = cls.of(group, access)
        made.columns = ColumnForm.sent(made.columns.fields, group, form)
        made.version = form.get(VERSION, made.version)
        made.base = _base(form.get(BASE, ""))
        made.all_texts = {name: form.get(name, text).strip() for name, text in made.all_texts.items()}
        if SPREAD in form:
            made.all_same = form[SPREAD] == SAME
            if made.all_same:
                made.columns.texts |= {case + end: made.all_texts[ALL + end] for case in CASES for end in ("", TO)}
        for name in {field.in_model for field in made.columns.fields.values()}:
            if form.get(PICK + name) == THEIRS:
                made.columns.take(name, group)
        return made

    @property
    def errors(self) -> dict[str, str]:
        """The sentence beside each input that is wrong."""
        return self.columns.errors

    def checked(self, group: Group) -> dict[str, Any]:
        """Return the columns as they are to be stored; ``errors`` has a sentence for each that cannot be."""
        values = self.columns.columns()
        needs_ring_time(self.columns, values)
        for name in list(values):
            if is_destination(self.columns.fields[name]):
                self._check_destination(group, name, values[name])
        if self.all_same:
            self._move_errors()
        return values

    def _check_destination(self, group: Group, name: str, value: str) -> None:
        read = self.columns.model_values({name: value})
        try:
            check_destinations(Group(id=group.id, domain=group.domain, pilot=group.pilot, **read))
        except UsageError as error:
            self.columns.refuse(name + TO, error)

    def _move_errors(self) -> None:
        """The three inputs are one: so is the sentence."""
        for case in CASES:
            for end in ("", TO):
                if (sentence := self.errors.pop(case + end, None)) is not None:
                    self.errors[ALL + end] = sentence

    def refuse_missing(self, missing: Mapping[str, str]) -> None:
        """Put sentences about boxes that are missing beside their inputs, by the names of the columns."""
        self.has_missing = bool(missing)
        for name, sentence in missing.items():
            self.errors[name + TO if is_destination(self.columns.fields[name]) else name] = in_language(sentence)
        if self.all_same:
            self._move_errors()

    def refuse_beyond(self, beyond: Mapping[str, str]) -> None:
        """Put sentences about limits beside the inputs of their columns."""
        for name, sentence in beyond.items():
            is_known = name in self.columns.fields
            where = name + TO if is_known and is_destination(self.columns.fields[name]) else name if is_known else ""
            self.errors.setdefault(where, in_language(sentence))
        if self.all_same:
            self._move_errors()

    def refuse(self, error: FshuntError) -> None:
        """Put an error of the whole beside the form."""
        self.columns.refuse("", error)


@dataclass(frozen=True, slots=True)
class Both:
    """An attribute that two people want otherwise: texts of both values, and whose counts if nobody chooses."""

    name: str
    label_of: str
    mine: Mapping[str, Any]
    theirs: Mapping[str, Any]
    proposed: str


def both_values(form: GroupForm, values: Mapping[str, Any], group: Group) -> list[Both]:
    """Return what differs between a form and what is stored by now, one for each attribute.

    Where only one of the two has changed a value since the form was made, that one's is proposed.
    """
    stored, made = columns_of(group), {}
    for column in differing(form.columns.fields, values, stored):
        name = form.columns.fields[column].in_model
        of_attribute = [key for key, field in form.columns.fields.items() if field.in_model == name]
        untouched = form.base and all(values.get(key) == form.base.get(key) for key in of_attribute)
        made[name] = Both(
            name,
            of_attribute[0],
            {key: values.get(key) for key in of_attribute},
            {key: stored[key] for key in of_attribute},
            THEIRS if untouched else MINE,
        )
    return list(made.values())


def _base(text: str) -> Mapping[str, Any]:
    """Read the stored values that a form was made of; nothing where they are not what a form of ours sends."""
    try:
        found = json.loads(text) if len(text) <= MAX_BASE_CHARS else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
