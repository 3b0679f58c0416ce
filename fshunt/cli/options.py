"""Options of groups and members, made from the tables in ``hunting.group_fields``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from fshunt.cli.params import AnyType
from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.group_fields import GROUP_FIELDS, MEMBER_FIELDS, Field, FieldKind, model_values, options
from fshunt.hunting.limits import LIMIT_FIELDS

Decorated = Callable[..., Any]


class FieldValue(AnyType):
    """The value of a field, in its JSON form; the word `none` clears what is clearable."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.name = field.metavar.lower()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the word; what may not be stored is a usage error that names the option."""
        if not isinstance(value, str):
            return value
        if self.field.clears(value):
            return Cleared
        try:
            return self.field.json_of_text(value, self.field.option)
        except FshuntError as error:
            sentence = str(error)
            if self.field.option and sentence.startswith(self.field.option):  # it names the option itself
                raise click.UsageError(sentence, ctx) from None
            self.fail(sentence, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words that the field knows."""
        del ctx, param
        known = self.field.completions or dict.fromkeys(self.field.choices, "")
        return [CompletionItem(word, help=about) for word, about in known.items() if word.startswith(incomplete)]


class Cleared:
    """Stands for `none`: None would be an option that was not given."""


def group_options(clearable: bool) -> Callable[[Decorated], Decorated]:
    """Return the options of a group; ``clearable``: their help says that the word `none` clears a setting."""
    return _options(GROUP_FIELDS, clearable)


def member_options(clearable: bool) -> Callable[[Decorated], Decorated]:
    """Return the options of a member; ``clearable``: their help says that the word `none` clears a setting."""
    return _options(MEMBER_FIELDS, clearable)


def limit_options() -> Callable[[Decorated], Decorated]:
    """Return the options of the limits of a group; the word `none` clears one."""
    return _options(LIMIT_FIELDS, clearable=True)


def _options(fields: Mapping[str, Field], clearable: bool) -> Callable[[Decorated], Decorated]:
    def decorate(command: Decorated) -> Decorated:
        for field in reversed(options(fields.values())):
            command = _option(field, clearable)(command)
        return command

    return decorate


def _option(field: Field, clearable: bool) -> Decorated:
    assert field.option is not None
    if field.kind is FieldKind.FLAG:
        return click.option(
            f"{field.option}/--no-{field.option.removeprefix('--')}", field.name, default=None, help=field.help
        )
    clearing = f" {field.cleared_help}" if clearable and field.clearable else ""
    return click.option(
        field.option,
        field.name,
        type=FieldValue(field),
        metavar=field.metavar,
        help=f"{field.help}{clearing}",
    )


def given_group(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a group that were given; raise UsageError where they contradict each other."""
    return _given(GROUP_FIELDS, values)


def given_member(values: Mapping[str, Any], *, group_ring: bool = False) -> dict[str, Any]:
    """Return the fields of a member that were given; ``group_ring``: it is to ring as long as the group says."""
    _check_one_ring_time(values, "--rings, --ring-seconds and --group-ring", group_ring)
    return _given(MEMBER_FIELDS, values) | ({"ring_time": None} if group_ring else {})


def _given(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    _check_one_ring_time(values, "--rings and --ring-seconds")
    given = {name: value for name, value in values.items() if value is not None}
    return model_values(fields, {name: None if value is Cleared else value for name, value in given.items()})


def _check_one_ring_time(values: Mapping[str, Any], names: str, *others: bool) -> None:
    if sum([values["rings"] is not None, values["ring_seconds"] is not None, *others]) > 1:
        raise UsageError(f"Use only one of {names}.")
