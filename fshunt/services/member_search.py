"""Whom a group's administrator may mean by what is typed into one search field: users of the directory, and numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from fshunt.db.models import HuntGroup, HuntMember
from fshunt.db.queries.rows import find_domain_id
from fshunt.errors import FshuntError
from fshunt.freeswitch.directory_list import DirectoryUser
from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.group import Group
from fshunt.hunting.limits import NO_LIMITS, Limits
from fshunt.services.limits import limits_of
from fshunt.services.questions import Listing
from fshunt.services.rights import Access
from fshunt.services.users import Role

MAX_MATCHES = 12
MIN_EXTERNAL_DIGITS = 5
"""Fewer digits are an extension, or an emergency number that nobody should ring as a member."""


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody who may become a member.

    ``here``: is a member of the group already. ``elsewhere``: the pilots of other groups that the reader looks after;
    ``hidden``: is in a group that the reader does not see.
    """

    address: str
    name: str
    here: bool
    elsewhere: tuple[str, ...]
    hidden: bool


def matches(
    s: Session, access: Access, group: Group, text: str, listing: Listing, gateways: Collection[str]
) -> list[Match]:
    """Return whom a text may mean, the likeliest first.

    ``listing`` is what the directory has for the text; where it could not be asked, extensions that the reader sees in
    groups take its place. ``gateways`` are those that are known, of which the group's limits leave some.
    """
    users = [*listing.users] if listing.unknown is None else _known(s, access, group, text)
    found = [(user.number, user.name) for user in users[:MAX_MATCHES]]
    bound = NO_LIMITS if access.role is Role.PROVIDER else limits_of(s, group)
    found += [(number, "") for number in _external(group, text, gateways, bound)]
    theirs = defaultdict[str, list[_Membership]](list)
    for each in _memberships(s, group.domain, HuntMember.extension.in_([address for address, _ in found])):
        theirs[each.extension].append(each)
    return [_match(access, group, address, name, theirs[address]) for address, name in found[:MAX_MATCHES]]


def gateways_of(s: Session, access: Access, group: Group, configured: Collection[str]) -> list[str]:
    """Return the gateways that may carry an external member, as far as they are known, in order.

    They are those of the settings, of the limits of the group, and of members that the reader sees.
    """
    external = _memberships(s, group.domain, HuntMember.extension.contains("@", autoescape=True))
    used = {each.extension.partition("@")[2] for each in external if _sees(access, each.group_id)}
    return sorted({*configured, *used, *(limits_of(s, group).gateways or ())})


class _Membership(NamedTuple):
    group_id: int
    pilot: str
    extension: str


def _memberships(s: Session, domain: str, *which: ColumnElement[bool]) -> list[_Membership]:
    found = (
        select(HuntGroup.id, HuntGroup.pilot, HuntMember.extension)
        .join(HuntMember, HuntMember.group_id == HuntGroup.id)
        .where(HuntGroup.domain_id == find_domain_id(s, domain), *which)
        .order_by(HuntGroup.pilot)
    )
    return [_Membership(*row) for row in s.execute(found)]


def _sees(access: Access, group_id: int) -> bool:
    return access.role is Role.PROVIDER or group_id in access.group_ids


def _known(s: Session, access: Access, group: Group, text: str) -> list[DirectoryUser]:
    there = _memberships(s, group.domain, HuntMember.extension.contains(text, autoescape=True))
    numbers = {each.extension for each in there if _sees(access, each.group_id) and "@" not in each.extension}
    return [DirectoryUser(number) for number in sorted(numbers)]


def _external(group: Group, text: str, gateways: Collection[str], limits: Limits) -> list[str]:
    number, _, typed = text.partition("@")
    number = "".join(char for char in number if char not in " -/().")
    there = sum(member.address.external for member in group.members)
    full = limits.max_external_members is not None and there >= limits.max_external_members
    if full or len(number.removeprefix("+")) < MIN_EXTERNAL_DIGITS:
        return []
    allowed = [each for each in gateways if limits.gateways is None or each in limits.gateways]
    found = []
    for gateway in allowed:
        address = MemberAddress(number, gateway)
        if gateway.startswith(typed) and _fits(address):
            found.append(str(address))
    return found


def _fits(address: MemberAddress) -> bool:
    try:
        address.check()
    except FshuntError:
        return False
    return True


def _match(access: Access, group: Group, address: str, name: str, theirs: Sequence[_Membership]) -> Match:
    others = [each for each in theirs if each.group_id != group.id]
    return Match(
        address,
        name,
        here=len(others) < len(theirs),
        elsewhere=tuple(each.pilot for each in others if _sees(access, each.group_id)),
        hidden=not all(_sees(access, each.group_id) for each in others),
    )
