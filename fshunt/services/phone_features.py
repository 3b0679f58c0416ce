"""What somebody may do by dialling a feature code, and doing it (design, section 19).

The person is the user who has logged in at the phone. A member acts on the own block; groups, and the blocks of others,
are for users whose extension that is and who look after the group (``services.rights``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from fshunt.db.queries.rows import groups_of_member
from fshunt.errors import Forbidden, NotFound
from fshunt.freeswitch.feature_tones import Heard
from fshunt.freeswitch.logins import Login
from fshunt.hunting.blocks import BlockState
from fshunt.hunting.features import Dialled, Feature
from fshunt.services import hours, members, rights
from fshunt.services.accounts import get_user_by_id, users_of_extensions
from fshunt.services.audit import Actor, Entrance, acting
from fshunt.services.rights import Access, Action


@dataclass(frozen=True, slots=True)
class Done:
    """What the caller hears, and what was done, in words for the log."""

    heard: Heard
    words: str


@dataclass(frozen=True, slots=True)
class _Person:
    """Who has logged in; ``access``: as a user of the pages, if they are one who may sign in."""

    login: Login
    access: Access | None


def do(s: Session, login: Login, dialled: Dialled, now: datetime) -> Done:
    """Do what was dialled. Raises NotFound or Forbidden, with nothing changed, where it may not be done."""
    person = _person(s, login)
    actor = str(login) if person.access is None else person.access.name
    acting(s, Actor(actor, Entrance.PHONE, login.address))
    match dialled.feature:
        case Feature.STATE:
            return _tell_state(s, person, dialled.pilot, now)
        case Feature.BLOCK | Feature.UNBLOCK:
            return _block_oneself(s, person, dialled.feature is Feature.BLOCK, dialled.pilot, now)
        case Feature.CLOSE | Feature.OPEN:
            return _close(s, person, dialled.feature is Feature.CLOSE, dialled.pilot or "", now)
        case Feature.TOGGLE:
            return _toggle(s, person, dialled.extension or "", dialled.pilot, now)


def _person(s: Session, login: Login) -> _Person:
    found = users_of_extensions(s, login.domain, login.names)
    listed = next((found[name] for name in login.names if name in found), None)
    user = None if listed is None or listed.disabled else get_user_by_id(s, listed.id)  # with what is granted
    return _Person(login, None if user is None else rights.access_of(user))


def _own_extensions(s: Session, person: _Person, pilot: str | None) -> list[str]:
    """Return the names of the person that are members; raise NotFound if none is, or not in the group."""
    found = [name for name in person.login.names if _is_member(s, person.login.domain, name, pilot)]
    if not found:
        raise _no_member(person.login.names[0], person.login.domain, pilot)
    return found


def _is_member(s: Session, domain: str, extension: str, pilot: str | None) -> bool:
    return any(pilot in (None, group.pilot) for group in groups_of_member(s, domain, extension))


def _no_member(extension: str, domain: str, pilot: str | None) -> NotFound:
    return NotFound(f"{extension} is in no group{'' if pilot is None else f' {pilot}'} of {domain}.")


def _tell_state(s: Session, person: _Person, pilot: str | None, now: datetime) -> Done:
    domain, extensions = person.login.domain, _own_extensions(s, person, pilot)
    states = {each: members.block_state(s, domain, each, now) for each in extensions}
    blocked: list[str] = []
    in_turn: list[str] = []
    for each, state in states.items():
        for place in state.pilots if pilot is None else (pilot,):
            (blocked if place in state.blocked_in else in_turn).append(f"{each} in {place}")
    if not blocked:
        return Done(Heard.IN_TURN, f"not blocked: {', '.join(in_turn)}")
    heard = Heard.BLOCKED_IN_SOME if in_turn else Heard.BLOCKED
    return Done(heard, f"blocked: {', '.join(blocked)}")


def _block_oneself(s: Session, person: _Person, blocked: bool, pilot: str | None, now: datetime) -> Done:
    done = [_block(s, person, each, blocked, [pilot], now) for each in _own_extensions(s, person, pilot)]
    return Done(Heard.DONE, ", ".join(each.words for each in done))


def _block(
    s: Session, person: _Person, extension: str, blocked: bool, pilots: Collection[str | None], now: datetime
) -> Done:
    """Block an extension, or lift its block, in each of these groups; None: in all of the domain."""
    for pilot in pilots:
        members.block(s, person.login.domain, extension, blocked, pilot=pilot, now=now)
    where = ", ".join(each or "all groups" for each in pilots)
    return Done(Heard.DONE, f"{extension} {'blocked' if blocked else 'unblocked'} in {where}")


def _close(s: Session, person: _Person, closed: bool, pilot: str, now: datetime) -> Done:
    access = _administrator(person, Action.CHANGE_GROUP)
    group = rights.group_for(s, access, person.login.domain, pilot)
    if closed:
        hours.close_group(s, group.domain, group.pilot, now=now)
    else:
        hours.open_group(s, group.domain, group.pilot)
    return Done(Heard.DONE, f"group {pilot} {'closed' if closed else 'opened'}")


def _administrator(person: _Person, action: Action) -> Access:
    """Return the rights of the person; raise Forbidden if they are no user who may do this."""
    if person.access is None:
        raise Forbidden(f"{person.login} is the extension of no user who looks after groups.")
    rights.check(person.access, action)
    return person.access


def _toggle(s: Session, person: _Person, extension: str, pilot: str | None, now: datetime) -> Done:
    domain = person.login.domain
    if extension not in person.login.names:
        pilots = _pilots_for(s, person, extension, pilot)
    elif _is_member(s, domain, extension, pilot):
        pilots = [pilot]
    else:
        raise _no_member(extension, domain, pilot)
    state = members.block_state(s, domain, extension, now)
    return _block(s, person, extension, not _is_blocked(state, pilots), pilots, now)


def _pilots_for(s: Session, person: _Person, extension: str, pilot: str | None) -> list[str | None]:
    """Return the groups in which an administrator may block another one; None: all of the domain."""
    access, domain = _administrator(person, Action.BLOCK_MEMBER), person.login.domain
    theirs = {group.pilot: group.id for group in groups_of_member(s, domain, extension)}
    if pilot is not None:
        theirs = {each: group_id for each, group_id in theirs.items() if each == pilot}
    looked_after = [each for each, group_id in theirs.items() if rights.looks_after(access, group_id)]
    if not looked_after:
        raise _no_member(extension, domain, pilot)
    return [None] if pilot is None and len(looked_after) == len(theirs) else list(looked_after)


def _is_blocked(state: BlockState, pilots: Collection[str | None]) -> bool:
    """Tell whether an extension is blocked in all of these groups; None: in all of the domain."""
    return state.in_all if None in pilots else all(pilot in state.blocked_in for pilot in pilots)
