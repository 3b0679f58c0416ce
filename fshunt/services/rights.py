"""Who may do what: the one place that knows the rights of roles and tokens.

Entrances ask here before they call a service that changes something. What a user may not see is answered as what does
not exist, in the same words, and without suggestions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries.accounts import name_key
from fshunt.db.queries.pilots import groups_that_had
from fshunt.db.queries.rows import (
    group_named,
    group_with_id,
    groups_of_member,
    groups_where,
    groups_with_ids,
    members_of_others,
)
from fshunt.errors import Forbidden, FshuntError, NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.validation import shown
from fshunt.services.accounts import get_user, get_user_by_id, is_disabled, users_of_extensions
from fshunt.services.audit import ORDER, Change, Subject, get_change
from fshunt.services.users import Role, Scope, User

__all__ = [
    "ADMIN_FIELDS",
    "ADMIN_MEMBER_FIELDS",
    "ALL_SCOPES",
    "Access",
    "Action",
    "Role",
    "Scope",
    "access_of",
    "change_for",
    "check",
    "check_invite",
    "check_member",
    "check_undo",
    "group_for",
    "looks_after",
    "may",
    "own_fields",
    "own_groups",
    "own_member_fields",
    "refused_invitations",
    "user_for",
    "visible_groups",
]

ALL_SCOPES = frozenset(Scope)
"""Of a browser session."""


class Action(StrEnum):
    """What somebody wants to do. Of a group or a user, which one is asked separately (``group_for``, ``user_for``)."""

    SEE_GROUP = "see a group"
    CHANGE_GROUP = "change a group"
    CHANGE_MEMBERS = "change the members of a group"
    BLOCK_MEMBER = "block a member"
    INVITE_MEMBER = "invite a member"
    SEE_CALLS = "see the calls of a group"
    NOTE_CALL_BACK = "note that a caller was called back"
    REMOVE_CALLBACK = "remove a request to be called back"
    MANAGE_BOARDS = "make and revoke the boards of a group"
    MANAGE_NOTICES = "look after the notices of a group"
    UNDO = "undo a change"
    ADD_GROUP = "add a group"
    REMOVE_GROUP = "remove a group"
    RENUMBER_GROUP = "change the pilot of a group"
    CHANGE_LIMITS = "change the limits of a group"
    BLOCK_SELF = "block oneself"
    SEE_OWN = "see one's own groups and calls"
    MANAGE_OWN_ACCOUNT = "change one's own account"
    MANAGE_USERS = "look after users and tokens"
    SEE_AUDIT = "see all changes"
    SEE_SYSTEM = "see the system"


_EVERYBODY = frozenset({Action.MANAGE_OWN_ACCOUNT})
_OWN = frozenset({Action.BLOCK_SELF, Action.SEE_OWN})
_OF_GROUPS = frozenset(
    {
        Action.SEE_GROUP,
        Action.CHANGE_GROUP,
        Action.CHANGE_MEMBERS,
        Action.BLOCK_MEMBER,
        Action.INVITE_MEMBER,
        Action.SEE_CALLS,
        Action.NOTE_CALL_BACK,
        Action.REMOVE_CALLBACK,
        Action.MANAGE_BOARDS,
        Action.MANAGE_NOTICES,
        Action.UNDO,
    }
)
ACTIONS: dict[Role, frozenset[Action]] = {
    Role.PROVIDER: frozenset(Action) - _OWN,
    Role.ADMIN: _EVERYBODY | _OF_GROUPS,
    Role.MEMBER: _EVERYBODY | _OWN,
}
"""What each role may do; an administrator to the groups granted alone."""

SCOPES: dict[Action, Scope] = {
    Action.SEE_GROUP: Scope.READ,
    Action.SEE_CALLS: Scope.READ,
    Action.SEE_OWN: Scope.READ,
    Action.SEE_AUDIT: Scope.READ,
    Action.SEE_SYSTEM: Scope.READ,
    Action.INVITE_MEMBER: Scope.USERS,
    Action.MANAGE_USERS: Scope.USERS,
    Action.MANAGE_OWN_ACCOUNT: Scope.USERS,
}
"""The scope that a token needs for an action; for all others it is ``write``."""

ADMIN_FIELDS = frozenset(
    {
        "name",
        "policy",
        "rings",
        "ring_seconds",
        "voicemail",
        "cycles",
        "hunt_timeout",
        "prefix",
        "music",
        "call_waiting",
        "wrap_up_seconds",
        "when_busy",
        "auto_block",
        "on_no_answer",
        "on_busy",
        "on_unreachable",
        "on_closed",
        "time_zone",
        "answer_first",
        "queue_limit",
        "announce_seconds",
        "voicemail_key",
        "callback",
        "enabled",
    }
)
"""The fields of a group that its administrator may change. The pilot, the dialplan context, and the number that
carriers see are the provider's."""
ADMIN_MEMBER_FIELDS = frozenset({"rings", "ring_seconds", "weight", "confirm", "enabled"})
"""The fields of a member that the group's administrator may change; the extension is asked for when one is added."""


@dataclass(frozen=True, slots=True)
class Access:
    """A user who is known by now, and what came with the request: the scopes of a token, all in a browser."""

    user_id: int
    name: str
    role: Role
    group_ids: frozenset[int]
    domain: str | None
    extension: str | None
    scopes: frozenset[Scope]


def access_of(user: User, scopes: frozenset[Scope] = ALL_SCOPES) -> Access:
    """Return the rights of a user, with a token of these scopes."""
    return Access(user.id, user.name, user.role, user.group_ids, user.domain, user.extension, scopes)


def may(access: Access, action: Action) -> bool:
    """Tell whether the role and the scopes allow an action."""
    return action in ACTIONS[access.role] and SCOPES.get(action, Scope.WRITE) in access.scopes


def check(access: Access, action: Action) -> None:
    """Raise Forbidden if the role or the scopes do not allow an action."""
    if action not in ACTIONS[access.role]:
        raise Forbidden(f"Your role ({access.role.value}) does not allow you to {action.value}.")
    if not may(access, action):
        raise Forbidden(f"This needs a token with the scope `{SCOPES.get(action, Scope.WRITE)}`.")


def own_fields(access: Access, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a group, by the names of its columns, that the role may change; the others are left out."""
    return _allowed(access, values, ADMIN_FIELDS)


def own_member_fields(access: Access, values: Mapping[str, Any]) -> dict[str, Any]:
    """As ``own_fields``, of a member of a group."""
    return _allowed(access, values, ADMIN_MEMBER_FIELDS)


def _allowed(access: Access, values: Mapping[str, Any], of_admin: frozenset[str]) -> dict[str, Any]:
    if access.role is Role.PROVIDER:
        return dict(values)
    allowed = of_admin if access.role is Role.ADMIN else frozenset()
    return {name: value for name, value in values.items() if name in allowed}


def visible_groups(s: Session, access: Access) -> list[Group]:
    """Return the groups that the user looks after, in order of domain and pilot; a member looks after none."""
    if access.role is Role.MEMBER:
        return []
    return groups_where(s) if access.role is Role.PROVIDER else groups_with_ids(s, access.group_ids)


def own_groups(s: Session, access: Access) -> list[Group]:
    """Return the groups in which the user is a member, in order of pilot."""
    if access.domain is None or access.extension is None:
        return []
    return groups_of_member(s, access.domain, access.extension)


def group_for(s: Session, access: Access, domain: str, pilot: str) -> Group:
    """Return a group that the user looks after; raise NotFound for any other, whether it exists or not."""
    group = None if access.role is Role.MEMBER else group_named(s, domain, pilot)
    if group is None or not looks_after(access, group.id):
        raise NotFound(f"There is no group {pilot} in {domain}.")
    return group


def renumbered_group(s: Session, access: Access, domain: str, pilot: str) -> Group | None:
    """Return the group that the user looks after and that had this pilot before; None: there is none."""
    found = (group_with_id(s, each) for each in groups_that_had(s, domain, pilot) if looks_after(access, each))
    return next((group for group in found if group is not None and group.pilot != pilot), None)


def looks_after(access: Access, group_id: int | None) -> bool:
    """Tell whether the user looks after a group: a provider after all, an administrator after those granted."""
    if access.role is Role.PROVIDER:
        return True
    return access.role is Role.ADMIN and group_id in access.group_ids


def check_member(s: Session, access: Access, domain: str, extension: str, pilot: str | None = None) -> None:
    """Raise NotFound unless the user may see and block this extension: one's own, or a member of one's groups.

    With ``pilot`` in this group alone, which must be one's own, too.
    """
    if not _sees_member(s, access, domain, extension):
        raise NotFound(f"{extension} is in no group of {domain}.")
    if pilot is None:
        return
    if access.role is not Role.MEMBER:
        group_for(s, access, domain, pilot)
    elif all(group.pilot != pilot for group in own_groups(s, access)):
        raise NotFound(f"There is no group {pilot} in {domain}.")


def _sees_member(s: Session, access: Access, domain: str | None, extension: str) -> bool:
    if access.role is Role.PROVIDER or domain is None:
        return access.role is Role.PROVIDER
    if access.role is Role.MEMBER:
        return (access.domain, access.extension) == (domain, extension)
    return any(looks_after(access, group.id) for group in groups_of_member(s, domain, extension))


def check_invite(s: Session, access: Access, domain: str, extension: str) -> None:
    """Raise Forbidden unless the user may invite a member: a provider any, an administrator one of own groups alone.

    Raises Conflict for a user who is disabled.

    The link sets a password. With it one would see the calls and the groups of a member whom others look after, too.
    """
    check(access, Action.INVITE_MEMBER)
    if (refused := refused_invitations(s, access, domain, [extension]).get(extension)) is not None:
        raise refused


def refused_invitations(s: Session, access: Access, domain: str, extensions: Collection[str]) -> dict[str, FshuntError]:
    """Return the error of each of these members whom the user may not invite, or who is disabled."""
    of_others = set[str]()
    if access.role is not Role.PROVIDER:
        of_others = members_of_others(s, domain, extensions, access.group_ids)
    users = users_of_extensions(s, domain, extensions)
    refused: dict[str, FshuntError] = {
        extension: is_disabled(user.name) for extension, user in users.items() if user.disabled
    }
    refused |= {extension: _is_of_others(extension) for extension in of_others}
    if access.role is not Role.PROVIDER:  # the link would let them in with the rights of that user
        refused |= {
            extension: _is_administrator(user.name) for extension, user in users.items() if not _is_member(user)
        }
    return refused


def _is_member(user: User) -> bool:
    return user.role is Role.MEMBER


def _is_administrator(name: str) -> Forbidden:
    return Forbidden(f"The user {name} looks after groups: only a provider can make this invitation.")


def _is_of_others(extension: str) -> Forbidden:
    return Forbidden(f"{extension} is a member of a group of others, too: only a provider can make this invitation.")


def change_for(s: Session, access: Access, change_id: int) -> Change:
    """Return a change that the user may see: of the own groups, their members and their blocks; raise NotFound."""
    change = get_change(s, change_id)
    seen = access.role is Role.PROVIDER or (change.group_id is not None and looks_after(access, change.group_id))
    if not seen and change.subject is Subject.BLOCK and (change.group_id is None or access.role is Role.MEMBER):
        seen = _sees_member(s, access, change.domain, change.key)
    if not seen:
        raise NotFound(f"There is no change {change_id}: `fshunt history` lists them.")
    return change


def check_undo(s: Session, access: Access, change_id: int) -> Change:
    """Return a change that the user may undo. Raises NotFound, or Forbidden where it takes more rights than theirs.

    An administrator undoes what an administrator may do: not a group that came or went, and no field of the provider.
    """
    check(access, Action.UNDO)
    change = change_for(s, access, change_id)
    if access.role is Role.PROVIDER:
        return change
    fields = set(change.after or ()) if change.before is not None else set()
    own = _UNDOES.get(change.subject)
    whole_group = change.subject is Subject.GROUP and (change.before is None or change.after is None)
    if whole_group or (own is not None and not fields <= own):
        raise Forbidden(f"Your role ({access.role.value}) does not allow you to undo this change.")
    return change


_UNDOES: dict[Subject, frozenset[str]] = {
    Subject.GROUP: ADMIN_FIELDS | {ORDER},
    Subject.MEMBER: ADMIN_MEMBER_FIELDS | {"position"},
    Subject.LIMITS: frozenset(),
}
"""The fields whose changes an administrator may undo; of other subjects all."""


def user_for(s: Session, access: Access, name: str) -> User:
    """Return a user that one may look after: a provider all, everybody else only oneself; raise NotFound."""
    if access.role is Role.PROVIDER:
        return get_user(s, name)
    own = get_user_by_id(s, access.user_id)
    if own is None or name_key(own.name) != name_key(name):
        raise NotFound(f"There is no user {shown(name)}.")
    return own
