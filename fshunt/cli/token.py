"""`fshunt token`: what programs show to the REST interface."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from fshunt.cli import expiry, late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, yes_option
from fshunt.services.users import Scope, Token

TITLES = (
    output.Column("token"),
    output.Column("user", drop=1, wraps=True),
    output.Column("name", wraps=True),
    output.Column("scopes", drop=2, wraps=True),
    output.Column("state", wraps=True),
    output.Column("last used", drop=3, wraps=True),
)
DEFAULT_DAYS = 365


@click.group("token", cls=NounGroup, example="fshunt token add ana wallboard --scope read")
def token() -> None:
    """What programs use in place of a password.

    A token has the rights of its user, within its scopes: read (changes nothing), write (groups, members, blocks),
    users (users and tokens).
    """


@token.command("add", example="fshunt token add ana wallboard --scope read --days 90")
@click.argument("user", type=params.USER)
@click.argument("name", type=params.TOKEN_NAME)
@click.option(
    "--scope",
    "scopes",
    type=params.OneOf("scope", [scope.value for scope in Scope]),
    multiple=True,
    required=True,
    metavar="|".join(Scope),
    help="What the token may do: read, write or users. May be given several times.",
)
@click.option(
    "--days",
    type=expiry.DAYS,
    default=DEFAULT_DAYS,
    show_default=True,
    metavar="N",
    help="Let the token expire after N days.",
)
@pass_app
def add(app: App, user: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Add a token for USER, and show it once.

    The database keeps only its hash.
    """
    expires_at = expiry.after(days)
    with app.writing_all() as session:
        made, secret = late.accounts.add_token(session, user, name, map(Scope, scopes), expires_at=expires_at)

    def page() -> None:
        output.say(secret)
        output.say(f"Token {made.id} of {made.user}, until {output.local(expires_at)}. It is not shown again.")

    app.show("token", lambda: late.serialize.token_json(made) | {"secret": secret}, page)


@token.command("list", cls=ListCommand, example="fshunt token list ana")
@click.argument("user", type=params.USER, required=False)
@pass_app
def list_(app: App, user: str | None) -> None:
    """List tokens, also those that no longer hold."""
    with app.store.reading() as session:
        found = late.accounts.list_tokens(session, user)

    of_user = f" of {user}" if user else ""

    app.show_list(
        "tokens",
        lambda: [late.serialize.token_json(each) for each in found],
        TITLES,
        lambda: [_row(each, datetime.now(UTC)) for each in found],
        f"No tokens{of_user} yet: `fshunt token add {user or 'USER'} NAME --scope read` adds the first.",
    )


@token.command("revoke", example="fshunt token revoke 3")
@click.argument("token_id", metavar="TOKEN", type=expiry.ID)
@yes_option
@pass_app
def revoke(app: App, token_id: int, yes: bool) -> None:
    """End a token at once.

    TOKEN is its number in `fshunt token list`. It asks first: a token cannot be brought back.
    """
    with app.store.reading() as session:
        found = late.accounts.get_token(session, token_id)
    if found.revoked_at is None:
        confirm(f"Token {found.id} of {found.user} ({found.name}) stops working, for good.", yes)
    with app.writing_all() as session:
        ended = late.accounts.revoke_token(session, token_id)
    sentence = f"Token {ended.id} of {ended.user} ({ended.name}) no longer holds."
    app.show("token", lambda: late.serialize.token_json(ended) | {"secret": None}, lambda: output.say(sentence))


def _row(each: Token, now: datetime) -> tuple[str, ...]:
    used = output.local(each.used_at) or "never"
    return str(each.id), each.user, each.name, " ".join(sorted(each.scopes)), _state(each, now), used


def _state(each: Token, now: datetime) -> str:
    if each.revoked_at is not None:
        return f"revoked {output.local(each.revoked_at, seconds=False)}"
    return expiry.state(each.expires_at, now)
