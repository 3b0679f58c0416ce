"""`fshunt user`: who may sign in to the web pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, listed, yes_option
from fshunt.errors import UsageError
from fshunt.services.users import Role, User

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TITLES = (
    output.Column("name", wraps=True),
    output.Column("role", drop=1),
    output.Column("looks after", drop=3, wraps=True),
    output.Column("state", wraps=True),
    output.Column("since", drop=2, wraps=True),
)
name_argument = click.argument("name", type=params.USER)
pilot_argument = click.argument("pilot", type=params.PILOT)


@click.group("user", cls=NounGroup, example="fshunt user add ana --role provider")
def user() -> None:
    """Who may sign in to the web pages, and look after which groups.

    A provider looks after all groups and users, an admin after the groups that are granted, a member after the own
    block. A password is asked for twice at a terminal, else read from standard input, in one line.
    """


@user.command("add", example="fshunt user add ana --role provider")
@name_argument
@click.option(
    "--role",
    type=params.OneOf("role", [role.value for role in Role]),
    required=True,
    metavar="|".join(Role),
    help="What the user may do: provider, admin or member.",
)
@click.option(
    "--member",
    "--extension",
    "extension",
    type=params.MEMBER_OF_DOMAIN,
    metavar="EXT@DOMAIN",
    help="The extension of a member, which need not be in a group yet; of others, from where they dial feature codes.",
)
@click.option("--no-password", is_flag=True, help="Set none: `fshunt user invite` makes a link for it.")
@pass_app
def add(app: App, name: str, role: str, extension: tuple[str, str] | None, no_password: bool) -> None:
    """Add a user.

    The password has 12 characters or more; a few words are good.
    """
    number, domain = extension or (None, None)
    with app.store.reading() as session:
        late.accounts.check_new_user(session, name, Role(role), domain=domain, extension=number)
    password_hash = None if no_password else _new_hash(name)
    with app.writing_all() as session:
        added = late.accounts.add_user(
            session, name, Role(role), domain=domain, extension=number, password_hash=password_hash
        )
    _show(app, added, f"Added {added.name}, {added.role.value}.")


@user.command("extension", example="fshunt user extension ben 1001@pbx.example.com")
@name_argument
@click.argument("extension", type=params.MEMBER_OR_NONE, metavar="EXT@DOMAIN|none")
@pass_app
def extension_(app: App, name: str, extension: tuple[str | None, str | None]) -> None:
    """Say from which extension a user dials feature codes.

    Whoever has logged in to FreeSWITCH with it acts with the rights of this user by the codes of the settings. A member
    always has one.
    """
    number, domain = extension
    with app.writing_all() as session:
        changed = late.accounts.set_extension(session, name, domain, number)
    has = "no extension" if number is None else f"the extension {number}@{domain}"
    _show(app, changed, f"{changed.name} has {has} now.")


@user.command("list", cls=ListCommand, example="fshunt user list")
@pass_app
def list_(app: App) -> None:
    """List the users, what each looks after, and who cannot sign in."""
    with app.store.reading() as session:
        found = late.accounts.list_users(session)

    app.show_list(
        "users",
        lambda: [late.serialize.user_json(each) for each in found],
        TITLES,
        lambda: [_row(each) for each in found],
        "No users yet: `fshunt user add NAME --role provider` adds the first.",
    )


@user.command("passwd", example="fshunt user passwd ana")
@name_argument
@click.option("--reset-totp", is_flag=True, help="Ask for no one-time code any more, as after a lost phone.")
@pass_app
def passwd(app: App, name: str, reset_totp: bool) -> None:
    """Set a user's password.

    The user's sessions end, and an open invitation no longer holds.
    """
    with app.store.reading() as session:
        found = late.accounts.get_user(session, name)
    password_hash = _new_hash(found.name)
    with app.writing_all() as session:
        if reset_totp:
            late.accounts.disable_totp(session, name)
        changed = late.accounts.set_password(session, name, password_hash)
    _show(app, changed, f"The password of {changed.name} is set.")


@user.command("invite", example="fshunt user invite ben")
@name_argument
@pass_app
def invite(app: App, name: str) -> None:
    """Make a link with which the user sets a password.

    It holds once, for 24 hours, and an earlier one no longer holds. It is shown only now. Its address is the setting
    `web_url`.
    """
    with app.writing_all() as session:
        made = late.accounts.invite(session, name)
    address = app.settings.web_address

    def page() -> None:
        output.say(made.link(address))
        output.say(f"For {made.user.name}, once, until {output.local(made.expires_at)}.")

    app.show("invitation", lambda: late.serialize.invitation_json(made, address), page)


@user.command("grant", example="fshunt user grant ben 5000")
@name_argument
@pilot_argument
@pass_app
def grant(app: App, name: str, pilot: str) -> None:
    """Give an admin a group to look after."""
    _of_group(app, lambda s, domain: late.accounts.grant(s, name, domain, pilot), "{} looks after {} now.", pilot)


@user.command("revoke", example="fshunt user revoke ben 5000")
@name_argument
@pilot_argument
@pass_app
def revoke(app: App, name: str, pilot: str) -> None:
    """Take a group from an admin."""
    _of_group(
        app, lambda s, domain: late.accounts.revoke(s, name, domain, pilot), "{} looks after {} no longer.", pilot
    )


@user.command("enable", example="fshunt user enable ben")
@name_argument
@pass_app
def enable(app: App, name: str) -> None:
    """Let a user sign in again."""
    _enable(app, name, True, "{} may sign in again.")


@user.command("disable", example="fshunt user disable ben")
@name_argument
@pass_app
def disable(app: App, name: str) -> None:
    """Keep a user out until `fshunt user enable`.

    Sessions end at once, and tokens do not hold meanwhile. The last provider cannot be disabled.
    """
    _enable(app, name, False, "{} is disabled.")


@user.command("remove", example="fshunt user remove ben")
@name_argument
@yes_option
@pass_app
def remove(app: App, name: str, yes: bool) -> None:
    """Remove a user with sessions, tokens and grants.

    It asks first. What the user has changed stays in the history. The last provider cannot be removed.
    """
    with app.store.reading() as session:
        found = late.accounts.get_user(session, name)
        tokens = len(late.accounts.list_tokens(session, name))
    confirm(_losses(found, tokens), yes)
    with app.writing_all() as session:
        removed = late.accounts.remove_user(session, name)
    _show(app, removed, f"Removed {removed.name}.")


def _losses(found: User, tokens: int) -> str:
    kinds = {"token": tokens, "granted group": len(found.groups)}
    counted = [late.cluster_health.count(number, kind) for kind, number in kinds.items() if number]
    goes = listed(["password", "sessions", *counted])
    return f"User {found.name} ({found.role.value}) goes with {goes}; what they have changed stays in the history."


def _enable(app: App, name: str, enabled: bool, done: str) -> None:
    with app.writing_all() as session:
        changed = late.accounts.enable_user(session, name, enabled)
    _show(app, changed, done.format(changed.name))


def _of_group(app: App, change: Callable[[Session, str], User], done: str, pilot: str) -> None:
    with app.writing() as (session, domain):
        changed = change(session, domain)
    _show(app, changed, done.format(changed.name, pilot))


def _show(app: App, changed: User, done: str) -> None:
    app.show("user", lambda: late.serialize.user_json(changed), lambda: output.say(done))


def _new_hash(name: str) -> str:
    """Ask for a new password, and return its hash. No option takes one: the list of processes would show it."""
    if sys.stdin.isatty():
        given = click.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
        if not given:
            raise UsageError("Standard input has no password: give it in one line.")
    return late.passwords.new_hash(given, name=name)


def _row(each: User) -> tuple[str, ...]:
    granted = ", ".join(pilot for _, pilot in each.groups)
    looks_after = {
        Role.PROVIDER: "all groups",
        Role.ADMIN: granted or "no group yet",
        Role.MEMBER: "",
    }[each.role]
    extension = "" if each.extension is None else f"{each.extension}@{each.domain}"
    looks_after = " · ".join(filter(None, (looks_after, extension)))
    return each.name, each.role.value, looks_after, _state(each), output.local(each.created_at, seconds=False)


def _state(each: User) -> str:
    if each.disabled:
        return "disabled"
    if not each.has_password:
        return "no password yet"
    return "one-time codes" if each.has_totp else "password"
