"""From the members chosen to offers: their legs, how each is dialled, and the number that it shows (section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.selection import Chosen
from fshunt.daemon.deps import Dependencies
from fshunt.freeswitch.caller_id import CallerId
from fshunt.freeswitch.dialstring import Confirm, LegPlan
from fshunt.freeswitch.directory import is_by_directory
from fshunt.freeswitch.leg_uuids import leg_uuid
from fshunt.freeswitch.offers import Leg, Offer
from fshunt.hunting.gateways import Gateway, gateway_named
from fshunt.hunting.group import Group, Member
from fshunt.settings import Settings


def make_offers(
    chosen: Sequence[Chosen], group: Group, caller: Caller, deps: Dependencies, longest: float
) -> tuple[list[Offer], list[LegPlan]]:
    """Return an offer for each member chosen, and the legs to be dialled; no offer rings longer than ``longest`` s."""
    started = deps.monotonic()
    made = [_make_offer(each, group, caller, deps.settings, started, longest) for each in chosen]
    return [offer for offer, _ in made], [plan for _, plans in made for plan in plans]


def _make_offer(
    chosen: Chosen, group: Group, caller: Caller, settings: Settings, started: float, longest: float
) -> tuple[Offer, list[LegPlan]]:
    member, offer_id = chosen.member, uuid4().hex
    ring_seconds = min((member.ring_time or group.ring_time).in_seconds(settings.seconds_per_ring), longest)
    gateway = gateway_named(member.address.gateway or "", settings.gateway)
    confirm = None
    if member.confirm:
        confirm = Confirm(settings.confirm_prompt, settings.confirm_timeout, gateway.inband_dtmf)
    presence_id = None if member.address.external else member.address.at(group.domain)
    shown = caller_id(member, group, caller, gateway)
    external = member.address.external or any(is_by_directory(endpoint) for endpoint in chosen.endpoints)
    setup_seconds = settings.external_setup_seconds if external else settings.dead_phone_seconds
    legs = [
        Leg(leg_uuid(offer_id, n), endpoint, setup_seconds, external)
        for n, endpoint in enumerate(chosen.endpoints, start=1)
    ]
    offer = Offer(
        id=offer_id,
        member_id=member.id,
        extension=member.extension,
        legs=legs,
        ring_seconds=ring_seconds,
        confirm_seconds=confirm.timeout if confirm else None,
        started=started,
        latest=started + longest,
    )
    return offer, [
        LegPlan(leg.uuid, leg.endpoint, presence_id, leg.longest(ring_seconds), confirm, shown) for leg in legs
    ]


def late_leg(offer: Offer, member: Member, group: Group, endpoint: str, deps: Dependencies) -> tuple[Leg, LegPlan]:
    """Add a phone that has registered to an offer that rings; return its leg, and how it is dialled."""
    settings = deps.settings
    leg = offer.add_leg(endpoint, settings.dead_phone_seconds, deps.monotonic())
    confirm = Confirm(settings.confirm_prompt, settings.confirm_timeout) if member.confirm else None
    presence_id = member.address.at(group.domain)
    return leg, LegPlan(leg.uuid, endpoint, presence_id, leg.longest(offer.ring_seconds), confirm)


def caller_id(member: Member, group: Group, caller: Caller, gateway: Gateway) -> CallerId | None:
    """Return what the leg of an external member shows: the member's, the group's or the gateway's number.

    None where none of them has one, and for an extension: the leg shows the caller.
    """
    if not member.address.external:
        return None
    number = member.caller_id_number or group.caller_id_number or gateway.caller_id_number
    if number is None:
        return None
    return CallerId(number, caller.shown_number, caller.withheld, gateway.caller_in, group.domain, group.prefix)
