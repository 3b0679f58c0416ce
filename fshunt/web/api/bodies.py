"""Bodies and parameters of requests: read strictly, and all that is wrong with them said at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flask import Request

from fshunt.errors import BadValue, FshuntError
from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.hunting.suggestions import did_you_mean
from fshunt.hunting.validation import shown
from fshunt.web.api.errors import BadFields, BadRequest, WrongContentType

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
MAX_DIGITS = 15
"""Of a number: a longer one is no value of ours, and not the same in every language."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A field that is a list of objects, such as the hours of a week."""

    name: str
    fields: Mapping[str, Field]
    required: tuple[str, ...]
    label: str
    max_items: int


@dataclass(frozen=True, slots=True)
class Words:
    """A field that is a list of one or more words, such as the scopes of a token.

    ``choices`` are those to choose from; without any, each word has to fit ``pattern``, and is one of ``each``.
    ``optional``: it may be null.
    """

    name: str
    label: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    each: str = "names"
    max_items: int | None = None
    optional: bool = False

    def takes(self, given: Any) -> bool:
        """Tell whether a value is such a list."""
        if given is None:
            return self.optional
        if not isinstance(given, list) or not 1 <= len(given) <= (self.max_items or len(given)):
            return False
        return all(each in self.choices if self.choices else self._fits(each) for each in given)

    def _fits(self, word: Any) -> bool:
        return isinstance(word, str) and re.fullmatch(self.pattern, word, re.ASCII) is not None


AnyField = Field | Entries | Words


@dataclass(frozen=True, slots=True)
class Body:
    """The fields that a body may have, and those that it must have; ``patch``: they are changes of something."""

    name: str
    fields: Mapping[str, AnyField]
    required: tuple[str, ...] = ()
    patch: bool = False


def read(request: Request, body: Body) -> dict[str, Any]:
    """Return the fields of a body as JSON values that fit; raise RequestError."""
    value = _json_of(request, body)
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    sentences: dict[str, str] = {}
    _check(value, body.fields, body.required, "", sentences)
    if not value and body.patch:
        raise BadRequest("The body names no field: nothing to change.")
    if sentences:
        raise BadFields(sentences)
    return value


def read_query(request: Request, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the parameters of a request, all of ``fields``, None where one is not given; raise BadRequest."""
    found: dict[str, Any] = dict.fromkeys(fields)
    for name, values in request.args.lists():
        if name not in fields:
            raise BadRequest(f"`{shown(name)[1:-1]}` is no parameter here{did_you_mean(name, fields)}.")
        if len(values) > 1:
            raise BadRequest(f"Use `{name}` once.")
        try:
            found[name] = fields[name].json_of_text(values[0], f"`{name}`")
        except FshuntError as error:
            named = f"`{name}`" in str(error)
            raise BadRequest(str(error) if named else f"`{name}`: {error}") from error
    return found


def _json_of(request: Request, body: Body) -> Any:
    kinds = (JSON, MERGE_PATCH) if body.patch else (JSON,)
    if request.mimetype not in kinds:
        raise WrongContentType(f"Send the body as `Content-Type: {JSON}`.")
    try:
        text = request.get_data().decode("utf-8")
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_whole, parse_float=_number, parse_constant=_no_number
        )
    except UnicodeDecodeError:
        raise BadRequest("The body is not in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deep.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadRequest("The body has a field twice.")
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRequest(f"A number has {MAX_DIGITS} digits at most.")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if abs(value) >= 10.0**MAX_DIGITS:
        raise BadRequest(f"A number has {MAX_DIGITS} digits at most.")
    return value


def _no_number(word: str) -> float:
    raise BadRequest(f"{word} is no value in JSON.")


def _check(
    value: dict[str, Any],
    fields: Mapping[str, AnyField],
    required: Iterable[str],
    where: str,
    sentences: dict[str, str],
) -> None:
    """Collect a sentence for each field that is wrong, by its name, or its path as ``hours[0].day``."""
    for name in required:
        if name not in value:
            sentences[f"{where}{name}"] = f"`{name}` is missing."
    for name, given in value.items():
        field = fields.get(name)
        if field is None:
            hint = did_you_mean(name, fields)
            sentences[f"{where}{shown(name)[1:-1]}"] = f"`{shown(name)[1:-1]}` is not known here{hint}."
        elif isinstance(field, Entries):
            _check_entries(given, field, f"{where}{name}", sentences)
        elif isinstance(field, Words):
            _check_words(given, field, f"{where}{name}", sentences)
        elif (sentence := _why_not(field, given)) is not None:
            sentences[f"{where}{name}"] = sentence
        elif field.kind is FieldKind.SECONDS and given is not None:
            value[name] = float(given)  # as it is stored: 20 and 20.0 are one version


def _check_entries(given: Any, field: Entries, where: str, sentences: dict[str, str]) -> None:
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        sentences[where] = f"`{field.name}` must be a list of objects."
    elif len(given) > field.max_items:
        sentences[where] = f"`{field.name}` has {field.max_items} entries at most, not {len(given)}."
    else:
        for number, each in enumerate(given):
            _check(each, field.fields, field.required, f"{where}[{number}].", sentences)


def _check_words(given: Any, field: Words, where: str, sentences: dict[str, str]) -> None:
    if not field.takes(given):
        words = f"of {', '.join(field.choices)}" if field.choices else field.each
        sentences[where] = f"`{field.name}` must be a list of one or more {words}."


def _why_not(field: Field, given: Any) -> str | None:
    if given is None and not (field.optional or field.clearable):
        return f"`{field.name}` must have a value."
    try:
        field.of_json(given)
    except FshuntError as error:
        return str(error)
    return None


def moment_field(name: str, label: str, *, optional: bool = True) -> Field:
    """Return a field that holds a moment, such as ``2026-12-24T12:00:00Z``."""
    return Field(name=name, kind=FieldKind.TEXT, label=label, help=label, optional=optional, read=read_moment)


def read_moment(text: str) -> datetime:
    """Return a moment; raise BadValue for what is none, or does not name its distance from UTC."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadValue(f"{shown(text)} is no moment: use one such as 2026-12-24T12:00:00Z.")


def text_field(
    name: str,
    label: str,
    check: Callable[[Any], object] | None = None,
    *,
    optional: bool = False,
    choices: tuple[str, ...] = (),
) -> Field:
    """Return a field of text."""
    return Field(
        name=name, kind=FieldKind.TEXT, label=label, help=label, check=check, optional=optional, choices=choices
    )
