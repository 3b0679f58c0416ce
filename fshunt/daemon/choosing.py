"""Who of a stage can be rung now: finds their phones, asks the database, takes the claims (design, section 3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from fshunt.daemon.caller import MAX_SHOWN_CHARS
from fshunt.daemon.services import Services
from fshunt.errors import StoreError
from fshunt.hunting.availability import Presence, SkipReason, skip_reason
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hunt import Hunt
from fshunt.store import hunts
from fshunt.switch.dialstring import (
    Confirm,
    LegPlan,
    contact_query,
    contacts_of,
    outside_endpoint,
)
from fshunt.switch.session import Session
from fshunt.switch.stage import LATEST_RINGING_SECONDS, Leg, Offer

log = logging.getLogger(__name__)

API_SECONDS = 5.0
"""How long one question to the switch may take; it answers in a fraction of a millisecond (fact 25)."""

Phones = dict[int, list[str]]
"""The endpoints of each member by id; an empty list: no phone is registered."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A member who can be rung, and the endpoints of the member's phones."""

    member: Member
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the members of a stage: who is rung, and who is passed over and why."""

    chosen: list[Chosen]
    skipped: list[tuple[Member, SkipReason]]


def choose(session: Session, hunt: Hunt, members: Sequence[Member], services: Services) -> Choice:
    """Return who of ``members`` can be rung now; whoever is chosen is claimed for this hunt."""
    phones = find_phones(session, hunt.group.domain, members)
    presences = _ask_database(hunt, members, phones, services)
    group, now = hunt.group, services.now()
    choice = Choice([], [])
    for member in members:
        reason = skip_reason(
            presences[member.id], call_waiting=group.call_waiting, rest_seconds=group.rest_seconds, now=now
        )
        if reason is None:
            choice.chosen.append(Chosen(member, tuple(phones[member.id])))
        else:
            choice.skipped.append((member, reason))
    return choice


def find_phones(session: Session, domain: str, members: Sequence[Member]) -> Phones:
    """Ask the switch for all phones of each member (fact 17); an outside number is its own phone."""
    phones: Phones = {}
    for member in members:
        if member.address.outside:
            phones[member.id] = [outside_endpoint(member.address)]
            continue
        mark = uuid4().hex
        answer = session.send(f"api {contact_query(member.address, domain, mark)}", API_SECONDS).reply_text
        phones[member.id], refused = contacts_of(answer, mark)
        for contact in refused:
            log.warning(
                "call %s: a phone of %s is not rung: what it registered could change the dial string: %s",
                session.uuid,
                member.extension,
                ascii(contact[:MAX_SHOWN_CHARS]),
            )
    return phones


def _ask_database(hunt: Hunt, members: Sequence[Member], phones: Phones, services: Services) -> dict[int, Presence]:
    """Return what is known of each member now, having claimed those who may be rung.

    Without the database the hunt goes on with what was frozen at its start, and without claims.
    """
    known = {m.id: _presence(hunt, m, phones, m.enabled, m.blocked) for m in members}
    wanted = [m.id for m in members if skip_reason(known[m.id], call_waiting=hunt.group.call_waiting) is None]
    try:
        flags = services.database.write(
            hunts.look_and_claim,
            hunt.group.id,
            wanted,
            domain=hunt.group.domain,
            hunt_id=hunt.id,
            call_uuid=hunt.call_uuid,
            owner=services.claim_owner,
            now=services.now(),
            lease_seconds=services.settings.lease_seconds,
            call_waiting=hunt.group.call_waiting,
            rest_seconds=hunt.group.rest_seconds,
        )
    except StoreError as error:
        log.warning("call %s: rings without claims: %s", hunt.call_uuid, error)
        return known
    return {
        m.id: Presence(
            enabled=m.id in flags and flags[m.id].enabled,
            blocked=m.id in flags and flags[m.id].blocked,
            registered=bool(phones[m.id]),
            claimed=m.id in flags and flags[m.id].claimed,
            idle_since=flags[m.id].idle_since if m.id in flags else None,
            last_outcome=known[m.id].last_outcome,
        )
        for m in members
    }


def _presence(hunt: Hunt, member: Member, phones: Phones, enabled: bool, blocked: bool) -> Presence:
    return Presence(
        enabled=enabled,
        blocked=blocked,
        registered=bool(phones[member.id]),
        idle_since=member.idle_since,
        last_outcome=hunt.last_outcome.get(member.id),
    )


def make_offers(
    chosen: Sequence[Chosen], group: Group, services: Services, longest: float
) -> tuple[list[Offer], list[LegPlan]]:
    """Return an offer for each member chosen, and the legs to be dialled; no offer rings longer than ``longest`` s."""
    settings, started = services.settings, services.monotonic()
    offers, plans = [], []
    for each in chosen:
        member = each.member
        ring_seconds = min((member.ring_time or group.ring_time).in_seconds(settings.ring_cycle), longest)
        confirm = Confirm(settings.confirm_prompt, settings.confirm_timeout) if member.confirm else None
        presence_id = None if member.address.outside else f"{member.address.number}@{group.domain}"
        legs = [Leg(str(uuid4()), endpoint) for endpoint in each.endpoints]
        plans += [
            LegPlan(leg.uuid, leg.endpoint, presence_id, ring_seconds + LATEST_RINGING_SECONDS, confirm) for leg in legs
        ]
        offers.append(
            Offer(
                id=uuid4().hex,
                member_id=member.id,
                extension=member.extension,
                legs=legs,
                ring_seconds=ring_seconds,
                confirm_seconds=confirm.timeout if confirm else None,
                started=started,
            )
        )
    return offers, plans
