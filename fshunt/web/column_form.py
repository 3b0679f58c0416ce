"""Forms of columns: what stands in each input, and what is wrong with it, by the table of the columns.

`hunting.group_fields` has the columns of a group and of a member, with their checks. A form has the inputs of some of
them, under the same names. Two things have inputs of another shape than their columns: a ring time (a number of rings,
or the word SECONDS and a number of seconds beside), and a destination (its kind, and where to).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from fshunt.errors import FshuntError
from fshunt.hunting.destinations import GROUP_BOX, DestinationKind
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import Field, FieldKind, columns_of, model_values
from fshunt.hunting.ringtime import RingTime
from fshunt.web.field_words import TO, label
from fshunt.web.sentences import in_language

MAX_INPUT_CHARS = 1000
"""More than any column takes; more is not even parsed."""

SECONDS = "seconds"
"""In the input `rings`: the ring time is a number of seconds."""

BOX = "box"
"""Kind of a destination: the voicemail box of the group."""

RINGS, RING_SECONDS = "rings", "ring_seconds"


def version_of(columns: Mapping[str, Any]) -> str:
    """Return a short text that differs where stored values differ: a form knows by it whether it is out of date."""
    return sha256(json.dumps(columns, sort_keys=True).encode()).hexdigest()[:16]


def is_destination(column: Field) -> bool:
    """Whether a column says where callers go."""
    return bool(column.cleared == GROUP_BOX)


@dataclass(slots=True)
class ColumnForm:
    """The inputs of some columns. ``texts``: what stands in each input; ``errors``: a sentence for each wrong one."""

    fields: Mapping[str, Field]
    texts: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Field], model: Group | Member) -> ColumnForm:
        """Return the form of a group or member as it is stored."""
        return cls(fields, inputs_of(fields, columns_of(model)))

    @classmethod
    def sent(cls, fields: Mapping[str, Field], model: Group | Member, form: MultiDict[str, str]) -> ColumnForm:
        """Return the form as a browser sent it. An input that was not sent is as stored, one without a column is none.

        Of inputs of one name the last counts: a box that may be ticked has a hidden one before it.
        """
        made = cls.of(fields, model)
        for name in made.texts:
            if (sent := form.getlist(name)) and len(sent[-1]) <= MAX_INPUT_CHARS:
                made.texts[name] = sent[-1].strip()
            elif sent:
                made.texts[name] = sent[-1]
                made.errors[name] = gettext("This is too long.")
        return made

    def columns(self) -> dict[str, Any]:
        """Return the JSON values of the columns, by name; ``errors`` has a sentence for each that has none."""
        values = {}
        for name, column in self.fields.items():
            if name in self.errors or name + TO in self.errors:
                continue
            try:
                values[name] = _json_of(column, self._written(name, column))
            except FshuntError as error:
                self.errors[self._input_of(name)] = in_language(str(error))
        return values

    def model_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes of the typed model for what ``columns`` has returned."""
        return model_values(self.fields, values)

    def refuse(self, name: str, error: FshuntError) -> None:
        """Put the sentence of an error beside an input; the empty name is the form as a whole."""
        self.errors.setdefault(name, in_language(str(error)))

    def take(self, name: str, model: Group | Member) -> None:
        """Have an attribute's inputs as they are stored."""
        stored = columns_of(model)
        of_attribute = {key: each for key, each in self.fields.items() if each.in_model == name}
        self.texts |= inputs_of(of_attribute, stored)

    def _written(self, name: str, column: Field) -> str | None:
        """What a person wrote for a column; None: the input belongs to another column now."""
        if column.in_model == "ring_time":
            in_seconds = self.texts.get(RINGS) == SECONDS
            return self.texts[name] if in_seconds == (name == RING_SECONDS) else None
        if not is_destination(column):
            return self.texts[name]
        kind = self.texts[name]
        return GROUP_BOX.kind.value if kind == BOX else f"{kind}:{self.texts[name + TO]}"

    def _input_of(self, name: str) -> str:
        """The input beside which a sentence about a column stands."""
        kinds = {each.value for each in DestinationKind}
        return name + TO if is_destination(self.fields[name]) and self.texts[name] in kinds else name


def inputs_of(fields: Mapping[str, Field], columns: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in the inputs for stored values."""
    texts: dict[str, str] = {}
    for name, column in fields.items():
        text = _text_of(columns[name])
        if is_destination(column):
            kind, _, where = text.partition(":")
            texts |= {name: kind if where else BOX, name + TO: where}
        else:
            texts[name] = text
    if RINGS in texts and texts.get(RING_SECONDS):
        texts[RINGS] = SECONDS
    return texts


def needs_ring_time(form: ColumnForm, values: Mapping[str, Any]) -> None:
    """Have a group's form say so where it has no ring time, as only a member may."""
    if values.get(RINGS, 0) is None and values.get(RING_SECONDS, 0) is None:
        try:
            RingTime()
        except FshuntError as error:
            form.refuse(RING_SECONDS if form.texts[RINGS] == SECONDS else RINGS, error)


def differing(fields: Collection[str], mine: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Return the columns whose values differ."""
    return [name for name in fields if name in mine and mine[name] != stored[name]]


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _json_of(column: Field, text: str | None) -> Any:
    may_be_empty = column.optional or column.clearable
    if text is None or (may_be_empty and (text == "" or column.clears(text))):
        return column.cleared_json
    if text == "" and column.kind is FieldKind.TEXT:
        column.of_json("", str(label(column.name)))
        return ""
    return column.json_of_text(text, str(label(column.name)))
