"""Phones that register during a hunt, when their members were rung or passed over already (design, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import uuid4

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.offering import late_leg
from fshunt.daemon.call.phone_lookup import Phones, find_phones
from fshunt.daemon.call.ringing import Ringing
from fshunt.daemon.call.selection import Chosen
from fshunt.daemon.deps import Dependencies
from fshunt.esl.session import Session
from fshunt.freeswitch.dialstring import MAX_LEGS, LegPlan
from fshunt.freeswitch.late_legs import Slot, can_be_called
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import Member
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.states import Outcome

_WORTH_A_RING = {
    SkipReason.UNREGISTERED,
    SkipReason.NOT_DIALABLE,
    Outcome.UNREGISTERED,
    Outcome.UNREACHABLE,
    Outcome.NO_ANSWER,
}
"""How a member's part in the hunt ended: nobody has said no, and nobody is busy."""


def slot_beside(plans: Sequence[LegPlan], deps: Dependencies) -> Slot | None:
    """Return a place in the ``bridge`` of these legs for phones that come late; None: none can join."""
    if deps.settings.late_phones == "at-once" and deps.monitor.watched and len(plans) < MAX_LEGS:
        return Slot(uuid4().hex)
    return None


class MetPhones:
    """The phones that a hunt has met: those of members who were rung, and that others had none."""

    def __init__(self) -> None:
        self._met: dict[int, frozenset[str]] = {}

    def note_rung(self, chosen: Sequence[Chosen]) -> None:
        """Note the phones that are rung."""
        for each in chosen:
            self._add(each.member, each.endpoints)

    def note_skipped(self, skipped: Sequence[tuple[Member, SkipReason]]) -> None:
        """Note that those skipped, each with the reason, have no phone that can be rung."""
        for member, reason in skipped:
            if reason in _WORTH_A_RING:
                self._add(member, ())

    def late(self, session: Session, hunt: Hunt, deps: Dependencies) -> list[Member]:
        """Ask the switch, once for all, who has got a phone that the hunt has not met; only these are returned.

        A caller who is about to queue is offered there whom they wait for, and so the others are asked about here.
        """
        group = hunt.group
        waited_for = hunt.queued_for() if hunt.waits() else ()
        asked = [
            member
            for member in group.members
            if not member.address.external
            and member not in waited_for
            and member.id in self._met
            and hunt.last_end.get(member.id) in _WORTH_A_RING
        ]
        found = self.without_met(find_phones(session, group.domain, asked, deps)) if asked else {}
        return [member for member in asked if found[member.id].endpoints]

    def join(self, ringing: Ringing, hunt: Hunt, caller: Caller, deps: Dependencies) -> list[Member]:
        """Ring the phones that members who ring now have got meanwhile; nobody else is rung again for it.

        Return whose they are, once for each phone. Raises TimedOut if the switch does not say who has which phones.
        """
        group, slot = hunt.group, ringing.slot
        offers = {offer.member_id: offer for offer in ringing.legs.offers if offer.can_be_joined}
        members = [m for m in group.members if m.id in offers and not m.address.external]
        if slot is None or not members:
            return []
        found = self.late_of(members, ringing.session, hunt, deps)
        late = [(member, endpoint) for member in members for endpoint in found[member.id].endpoints]
        for member, endpoint in late:
            offer = offers[member.id]
            leg, plan = late_leg(offer, member, group, endpoint, deps)
            ringing.add(offer, leg, slot.call(plan, caller.shown_number, group.prefix))
        return [member for member, _ in late]

    def late_of(self, members: Sequence[Member], session: Session, hunt: Hunt, deps: Dependencies) -> Phones:
        """Return the phones that members who ring have got since, and that can join now; they are met by it."""
        found = self.without_met(find_phones(session, hunt.group.domain, members, deps))
        late = {
            each: replace(phones, endpoints=tuple(filter(can_be_called, phones.endpoints)))
            for each, phones in found.items()
        }
        for member in members:
            self._add(member, late[member.id].endpoints)
        return late

    def without_met(self, phones: Phones) -> Phones:
        """Return the phones without those that were met."""
        return {
            member_id: replace(each, endpoints=tuple(e for e in each.endpoints if e not in self._of(member_id)))
            for member_id, each in phones.items()
        }

    def _of(self, member_id: int) -> frozenset[str]:
        return self._met.get(member_id, frozenset())

    def _add(self, member: Member, endpoints: Iterable[str]) -> None:
        self._met[member.id] = self._of(member.id) | frozenset(endpoints)
