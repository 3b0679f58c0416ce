"""Users, the groups given to them, invitations and tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fshunt.errors import Forbidden
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.hunting.validation import check_domain, check_token_name, check_user_name
from fshunt.services import accounts, rights
from fshunt.services.rights import Action
from fshunt.services.serialize import invitation_json, token_json, user_json
from fshunt.services.users import Role, Scope, Token
from fshunt.web.api.answers import Answer
from fshunt.web.api.bodies import Body, Words, moment_field, read_moment, text_field
from fshunt.web.api.operations import Asked, address_of, operation
from fshunt.web.links import own_address

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ONE = "/users/{user}"
NEW_USER = Body(
    "new_user",
    {
        "name": text_field("name", "Name to sign in with", check_user_name),
        "role": text_field("role", "What the user is for", choices=tuple(Role)),
        "domain": text_field("domain", "Domain of a member's extension", check_domain, optional=True),
        "extension": text_field("extension", "Extension of a member", parse_member, optional=True),
    },
    required=("name", "role"),
)
CHANGED_USER = Body(
    "changed_user",
    {
        "disabled": Field(name="disabled", kind=FieldKind.FLAG, label="Whether the user is kept out", help=""),
        "time_zone": text_field("time_zone", "Time zone of the pages", optional=True),
        "language": text_field("language", "Language of the pages", optional=True),
    },
    patch=True,
)
NEW_TOKEN = Body(
    "new_token",
    {
        "user": text_field("user", "Name of its user", check_user_name),
        "name": text_field("name", "Name of the token", check_token_name),
        "scopes": Words("scopes", "What the token may do", tuple(Scope)),
        "expires_at": moment_field("expires_at", "Until when it holds; null: without end"),
    },
    required=("user", "name", "scopes"),
)
USER = {"action": Action.MANAGE_USERS, "kind": "user", "form": "user"}


@operation("GET", "/me", kind="user", form="user")
def show_me(asked: Asked, s: Session) -> Answer:
    """Show whose token this is."""
    return Answer(user_json(rights.user_for(s, asked.access, asked.access.name)))


@operation("GET", "/users", action=Action.MANAGE_USERS, kind="users", form="user", many=True)
def list_users(asked: Asked, s: Session) -> Answer:
    """List all users in order of their names."""
    del asked
    return Answer([user_json(each) for each in accounts.list_users(s)])


@operation(
    "POST",
    "/users",
    body=NEW_USER,
    example={"name": "lea", "role": "admin"},
    repeatable=True,
    status=HTTPStatus.CREATED,
    **USER,
)
def add_user(asked: Asked, s: Session) -> Answer:
    """Add a user, who has no password until an invitation is accepted."""
    given = asked.values
    made = accounts.add_user(
        s, given["name"], Role(given["role"]), domain=given.get("domain"), extension=given.get("extension")
    )
    return Answer(user_json(made), location=address_of("users", made.name))


@operation("GET", ONE, **USER)
def show_user(asked: Asked, s: Session, user: str) -> Answer:
    """Show a user."""
    return Answer(user_json(rights.user_for(s, asked.access, user)))


@operation("PATCH", ONE, body=CHANGED_USER, example={"time_zone": "Europe/Rome", "language": "de"}, **USER)
def change_user(asked: Asked, s: Session, user: str) -> Answer:
    """Change what is named of a user; to disable one ends the sessions at once."""
    given = asked.values
    found = accounts.get_user(s, user)
    texts = {name: given[name] or "" for name in ("time_zone", "language") if name in given}
    if texts:
        found = accounts.set_user(s, found.name, **texts)
    if "disabled" in given:
        found = accounts.enable_user(s, found.name, not given["disabled"])
    return Answer(user_json(found))


@operation("DELETE", ONE, action=Action.MANAGE_USERS, status=HTTPStatus.NO_CONTENT)
def remove_user(asked: Asked, s: Session, user: str) -> Answer:
    """Remove a user with tokens and sessions."""
    del asked
    accounts.remove_user(s, user)
    return Answer()


@operation(
    "POST",
    f"{ONE}/invitation",
    action=Action.MANAGE_USERS,
    kind="invitation",
    form="invitation",
    status=HTTPStatus.CREATED,
)
def invite_user(_asked: Asked, s: Session, user: str) -> Answer:
    """Make a link by which a user sets a password; an earlier link no longer holds."""
    return Answer(invitation_json(accounts.invite(s, user), own_address()))


@operation("PUT", f"{ONE}/groups/{{domain}}/{{pilot}}", **USER)
def grant_group(asked: Asked, s: Session, user: str, domain: str, pilot: str) -> Answer:
    """Give an administrator a group to look after."""
    del asked
    return Answer(user_json(accounts.grant(s, user, domain, pilot)))


@operation("DELETE", f"{ONE}/groups/{{domain}}/{{pilot}}", **USER)
def revoke_group(asked: Asked, s: Session, user: str, domain: str, pilot: str) -> Answer:
    """Take a group from an administrator."""
    del asked
    return Answer(user_json(accounts.revoke(s, user, domain, pilot)))


@operation(
    "GET",
    "/tokens",
    query=(text_field("user", "Tokens of this user alone", check_user_name),),
    kind="tokens",
    form="token",
    many=True,
    action=Action.MANAGE_OWN_ACCOUNT,
)
def list_tokens(asked: Asked, s: Session) -> Answer:
    """List tokens, also those that no longer hold; a provider sees those of all users."""
    user = asked.query["user"]
    if asked.access.role is not Role.PROVIDER:
        user = rights.user_for(s, asked.access, user or asked.access.name).name
    return Answer([_token(each) for each in accounts.list_tokens(s, user)])


@operation(
    "POST",
    "/tokens",
    body=NEW_TOKEN,
    example={"user": "ines", "name": "wallboard 2", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00Z"},
    kind="token",
    form="token",
    repeatable=True,
    status=HTTPStatus.CREATED,
    action=Action.MANAGE_OWN_ACCOUNT,
)
def add_token(asked: Asked, s: Session) -> Answer:
    """Add a token; its secret is shown in this answer alone."""
    given, scopes = asked.values, frozenset(Scope(word) for word in asked.values["scopes"])
    if not scopes <= asked.access.scopes:
        raise Forbidden("A token can make only tokens that may do no more than itself.")
    user = rights.user_for(s, asked.access, given["user"])
    until = given.get("expires_at")
    ends = None if until is None else read_moment(until)
    made, secret = accounts.add_token(s, user.name, given["name"], scopes, expires_at=ends)
    return Answer(_token(made) | {"secret": secret}, secrets=("secret",))


@operation("DELETE", "/tokens/{token}", action=Action.MANAGE_OWN_ACCOUNT, kind="token", form="token")
def revoke_token(asked: Asked, s: Session, token: int) -> Answer:
    """End a token at once."""
    owner = None if asked.access.role is Role.PROVIDER else asked.access.name
    return Answer(_token(accounts.revoke_token(s, token, user_name=owner)))


def _token(token: Token) -> dict[str, object]:
    return token_json(token) | {"secret": None}
