"""The words that commands take: each is checked before anything is done, and some complete from the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from fshunt.cli import late
from fshunt.cli.app import App
from fshunt.errors import BadValue, FshuntError
from fshunt.hunting import validation
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.hours import check_zone
from fshunt.hunting.suggestions import did_you_mean
from fshunt.settings import listen_address

if TYPE_CHECKING:
    AnyType = click.ParamType[Any]
else:
    # Only the newest click can be asked for ParamType[...] when the program runs.
    AnyType = click.ParamType


Known = tuple[str, str]
"""A word, and what it is."""


class Word(AnyType):
    """A word that `read` understands; its FshuntError becomes a usage error that names the argument."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the word."""
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except FshuntError as error:
            self.fail(str(error), param, ctx)


class OneOf(Word):
    """One of some words, which the shell completes; the error for another names the nearest."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        super().__init__(name, self._check)
        self.words = words

    def _check(self, word: str) -> str:
        if word not in self.words:
            hint = did_you_mean(word, self.words)
            raise BadValue(f"{validation.shown(word)} is not one of {', '.join(self.words)}{hint}.")
        return word

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words."""
        del ctx, param
        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class Count(click.IntRange):
    """A whole number within bounds, whose error names them."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            name = param.opts[0] if isinstance(param, click.Option) else getattr(param, "human_readable_name", "it")
            raise click.UsageError(f"{name} must be from {self.min} to {self.max}, not {value}", ctx) from None


class FromDatabase(Word):
    """A word that the shell completes from the database: ``known`` gets its address, the domain and the options."""

    def __init__(
        self, name: str, read: Callable[[str], Any], known: Callable[[str, str, dict[str, Any]], Iterable[Known]]
    ) -> None:
        super().__init__(name, read)
        self.known = known

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known words; without settings or a database there are none, and the shell shows no error."""
        del param
        app = ctx.ensure_object(App)
        with suppress(FshuntError):
            url, domain = app.database_url, app.given_domain or app.settings.default_domain
            if domain is None and len(domains := late.words.domains(url)) == 1:
                domain = domains[0]
            known = () if domain is None else self.known(url, domain, ctx.params)
            return [CompletionItem(word, help=about) for word, about in known if word.startswith(incomplete)]
        return []


class KnownDomain(Word):
    """A domain, which the shell completes from the database."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The domains; without settings or a database there are none."""
        del param
        with suppress(FshuntError):
            found = late.words.domains(ctx.ensure_object(App).database_url)
            return [CompletionItem(name) for name in found if name.startswith(incomplete)]
        return []


def _pilots(url: str, domain: str, _params: dict[str, Any]) -> Iterable[Known]:
    return late.words.pilots(url, domain)


def _members(url: str, domain: str, params: dict[str, Any]) -> Iterable[Known]:
    return late.words.members(url, domain, params.get("pilot"))


def _extension_or_external(word: str) -> str:
    return str(parse_member(word))


def _address(word: str) -> MemberAddress:
    return parse_member(word)


DOMAIN = Word("domain", validation.check_domain)
KNOWN_DOMAIN = KnownDomain("domain", validation.check_domain)
PILOT = FromDatabase("pilot", validation.check_pilot, _pilots)
NEW_PILOT = Word("pilot", validation.check_pilot)


def _member_of_domain(word: str) -> tuple[str, str]:
    """Read EXT@DOMAIN; an external number has an `@` of its own."""
    extension, at, domain = word.rpartition("@")
    if not at:
        raise BadValue(f"{validation.shown(word)} is not EXT@DOMAIN, such as 1001@pbx.example.com.")
    return str(parse_member(extension)), validation.check_domain(domain)


def _member_of_domain_or_none(word: str) -> tuple[str | None, str | None]:
    return (None, None) if word == "none" else _member_of_domain(word)


USER = Word("name", validation.check_user_name)
TOKEN_NAME = Word("name", validation.check_token_name)
BOARD_NAME = Word("name", validation.check_board_name)
MEMBER_OF_DOMAIN = Word("ext@domain", _member_of_domain)
MEMBER_OR_NONE = Word("ext@domain", _member_of_domain_or_none)
CHANGE = Word("change", lambda word: int(validation.check_change(word)))
POSITION = Word("position", lambda word: int(validation.check_position(word)))
MEMBER = FromDatabase("ext", _address, _members)
NEW_MEMBER = Word("ext", _address)
BLOCKABLE = FromDatabase("ext", _extension_or_external, _members)
ZONE = Word("zone", check_zone)
LISTEN = Word("address", listen_address)
