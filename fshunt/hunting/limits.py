"""The limits of a group: how far its administrator may go. A provider sets them, mostly against toll fraud."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fshunt.errors import BadValue
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import Field, FieldKind
from fshunt.hunting.policies import POLICIES, policy_named
from fshunt.hunting.ringtime import MAX_RING_SECONDS, MIN_RING_SECONDS, RingTime
from fshunt.hunting.validation import check_gateway

MAX_EXTERNAL_MEMBERS = 1000
MAX_GATEWAYS = 100

DESTINATIONS = ("on_no_answer", "on_busy", "on_unreachable", "on_closed")

Sentences = dict[str, str]
"""A sentence for each column that goes beyond a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an administrator may choose; None: there is no limit.

    ``policies`` are those to choose from; ``max_ring_seconds`` is the longest ring time of the group and of
    each member; ``max_external_members`` is how many there may be, and ``gateways`` which they may go through. With
    ``transfers_to_pilots`` callers go on to pilots of the domain only, and to no other number.
    """

    policies: tuple[str, ...] | None = None
    max_ring_seconds: float | None = None
    max_external_members: int | None = None
    gateways: tuple[str, ...] | None = None
    transfers_to_pilots: bool = False

    def check(self) -> Limits:
        """Return the limits if they can be stored; raise BadValue."""
        if self.policies is not None:
            check_policies(self.policies)
        if self.gateways is not None:
            check_gateways(self.gateways)
        for name in ("max_ring_seconds", "max_external_members"):
            LIMIT_FIELDS[name].of_json(getattr(self, name))
        return self


NO_LIMITS = Limits()
DEFAULT_LIMITS = Limits(max_external_members=0, transfers_to_pilots=True)
"""Of a group that was given none: until its provider says otherwise, an administrator cannot have calls leave the PBX,
which somebody pays for."""


def check_policies(names: Collection[str]) -> tuple[str, ...]:
    """Return the policies in the order of their table; raise BadValue for none at all, or for what is none."""
    if not names:
        raise BadValue("`policies` needs one policy or more.")
    for name in names:
        policy_named(name)
    return tuple(name for name in POLICIES if name in names)


def check_gateways(names: Collection[str]) -> tuple[str, ...]:
    """Return the gateways, each once; raise BadValue for none at all, for too many, or for what is no name of one."""
    if not 1 <= len(names) <= MAX_GATEWAYS:
        raise BadValue(f"`gateways` needs 1 to {MAX_GATEWAYS} gateways.")
    return tuple(dict.fromkeys(check_gateway(name) for name in names))


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a list as people write it, with commas or spaces between them."""
    return tuple(text.replace(",", " ").split())


_limit = partial(Field, optional=True, clearable=True, cleared_help="`none`: no limit.")
LIMIT_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        _limit(
            name="policies",
            kind=FieldKind.TEXT,
            label="Policies",
            help="The policies to choose from, with commas between them.",
            option="--policies",
            metavar="A,B",
            read=lambda text: check_policies(words_of(text)),
        ),
        _limit(
            name="max_ring_seconds",
            kind=FieldKind.SECONDS,
            label="Longest ring time in seconds",
            help="The longest ring time of the group and of each member, in seconds.",
            option="--max-ring-seconds",
            metavar="SECONDS",
            low=MIN_RING_SECONDS,
            high=MAX_RING_SECONDS,
        ),
        _limit(
            name="max_external_members",
            kind=FieldKind.WHOLE,
            label="Most external members",
            help="How many external members there may be; 0: none.",
            option="--max-external-members",
            metavar="N",
            low=0,
            high=MAX_EXTERNAL_MEMBERS,
        ),
        _limit(
            name="gateways",
            kind=FieldKind.TEXT,
            label="Gateways",
            help="The gateways that external members may go through, with commas between them.",
            option="--gateways",
            metavar="A,B",
            read=lambda text: check_gateways(words_of(text)),
        ),
        Field(
            name="transfers_to_pilots",
            kind=FieldKind.FLAG,
            label="Transfers to pilots only",
            help="Whether callers may go on to pilots of the domain only, and to no other number.",
            option="--transfers-to-pilots",
        ),
    )
}
"""The limits by name, as the command line and forms have them: lists are text."""


def limit_values(limits: Limits) -> dict[str, Any]:
    """Return limits as JSON has them, and a change."""
    return {
        "policies": None if limits.policies is None else list(limits.policies),
        "max_ring_seconds": limits.max_ring_seconds,
        "max_external_members": limits.max_external_members,
        "gateways": None if limits.gateways is None else list(limits.gateways),
        "transfers_to_pilots": limits.transfers_to_pilots,
    }


def limits_of_json(values: Mapping[str, Any]) -> Limits:
    """Return the limits that JSON holds; what it does not name is as by default. Raises BadValue."""
    values = limit_values(DEFAULT_LIMITS) | dict(values)
    policies, gateways = values["policies"], values["gateways"]
    return Limits(
        policies=None if policies is None else check_policies(policies),
        max_ring_seconds=values["max_ring_seconds"],
        max_external_members=values["max_external_members"],
        gateways=None if gateways is None else check_gateways(gateways),
        transfers_to_pilots=bool(values["transfers_to_pilots"]),
    ).check()


def beyond(
    limits: Limits, before: Group, after: Group, seconds_per_ring: float, is_pilot: Callable[[str], bool]
) -> Sentences:
    """Return what a change would have go beyond the limits; what was so before may stay.

    Keys are columns of the group, or of the member that the change is about (`extension`, `rings`, `ring_seconds`).
    """
    found: Sentences = {}
    if limits.policies is not None and after.policy not in (before.policy, *limits.policies):
        allowed = ", ".join(limits.policies)
        found["policy"] = f"This group may not have the policy {after.policy}: its provider allows {allowed}."
    for time in _new_ring_times(before, after):
        found |= _beyond_ring_time(limits, time, seconds_per_ring)
    for name in DESTINATIONS if limits.transfers_to_pilots else ():
        where: Destination = getattr(after, name)
        if where != getattr(before, name) and _leaves(where, is_pilot):
            found[name] = (
                f"Callers of this group may not go on to {where.value}: its provider allows pilots of its domain only."
            )
    return found | _beyond_members(limits, before.members, after.members)


def beyond_now(limits: Limits, group: Group, seconds_per_ring: float, is_pilot: Callable[[str], bool]) -> list[str]:
    """Return what of a group goes beyond its limits by now, one sentence each: it may stay, and nobody else adds it."""
    nothing = Group(id=group.id, domain=group.domain, pilot=group.pilot, policy="", ring_time=RingTime(seconds=1))
    found = beyond(limits, nothing, group, seconds_per_ring, is_pilot)
    return list(dict.fromkeys(found.values()))


def _leaves(where: Destination, is_pilot: Callable[[str], bool]) -> bool:
    return where.kind is DestinationKind.TRANSFER and not is_pilot(where.value or "")


def _new_ring_times(before: Group, after: Group) -> Iterator[RingTime]:
    own = {member.address: member.ring_time for member in before.members}
    if after.ring_time != before.ring_time:
        yield after.ring_time
    for member in after.members:
        if member.ring_time is not None and member.ring_time != own.get(member.address):
            yield member.ring_time


def _beyond_ring_time(limits: Limits, time: RingTime, seconds_per_ring: float) -> Sentences:
    seconds = time.in_seconds(seconds_per_ring)
    if limits.max_ring_seconds is None or seconds <= limits.max_ring_seconds:
        return {}
    name = "ring_seconds" if time.rings is None else "rings"
    longest = limits.max_ring_seconds
    return {name: f"A phone of this group may not ring for {seconds:g} s: its provider allows {longest:g} s at most."}


def _beyond_members(limits: Limits, before: Collection[Member], after: Collection[Member]) -> Sentences:
    there = {member.address for member in before if member.address.external}
    external = [member.address for member in after if member.address.external]
    new = [address for address in external if address not in there]
    if not new:
        return {}
    most, gateways = limits.max_external_members, limits.gateways
    if most == 0:
        return {"extension": "This group may have no external members: its provider has allowed none."}
    if most is not None and len(external) > max(most, len(there)):
        many = len(external)
        return {"extension": f"The provider allows this group {most} external members at most, not {many}."}
    wrong = [each.gateway for each in new if gateways is not None and each.gateway not in gateways]
    if not wrong:
        return {}
    allowed = ", ".join(gateways or ())
    return {"extension": f"No member of this group may be reached through {wrong[0]}: its provider allows {allowed}."}
