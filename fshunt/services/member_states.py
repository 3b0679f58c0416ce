"""What members do now: what the switches tell of their phones, and the database of their claims."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from fshunt.errors import FshuntError
from fshunt.hunting.availability import in_wrap_up

if TYPE_CHECKING:
    from fshunt.db.queries.claimed_members import Held
    from fshunt.esl.inbound import Inbound
    from fshunt.freeswitch.phones import PhoneCall, PhoneTable
    from fshunt.hunting.group import Group, Member
    from fshunt.settings import WatchedSwitch

CONNECT_SECONDS = 2.0
"""For a switch to let us in: one that is there takes milliseconds."""

NOT_CONFIGURED = "No [[switch]] is configured: states of phones are only what the database knows."


@dataclass(frozen=True, slots=True)
class MemberState:
    """What a member does: one of ``WORDS``, since when, and with whom; each None where it is not known.

    ``left``: a daemon has written it that is gone since, so nobody would have written its end.
    """

    word: str
    since: datetime | None = None
    other: str | None = None
    left: bool = False


WORDS = {
    "free": "free",
    "unknown": "enabled",
    "ringing": "ringing",
    "on-call": "on call",
    "claimed": "about to ring",
    "unregistered": "unregistered",
    "wrap-up": "wrap-up",
    "disabled": "disabled",
    "blocked": "blocked",
}
"""The words of a state in JSON, and how people read them; unknown: nothing hinders it, but no switch was asked."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one switch told: its phones, and the extensions that it finds under another name of their domain."""

    table: PhoneTable
    found: frozenset[str]


class Phones:
    """What the switches that could be asked told. ``complete``: all of them, so that what is not seen is not there."""

    def __init__(self, told: list[Told], complete: bool) -> None:
        self.complete = complete
        self._told = told

    def registered(self, number: str, domain: str) -> bool | None:
        """Whether an extension has a phone; None where that is not known."""
        if any(each.table.is_registered(number, domain) or number in each.found for each in self._told):
            return True
        return False if self.complete else None

    def calls(self, number: str, domain: str) -> list[PhoneCall]:
        """The calls of an extension, the oldest first."""
        return [call for each in self._told for call in each.table.calls_of(f"{number}@{domain}")]


def ask(switches: Iterable[WatchedSwitch], group: Group) -> tuple[Phones, list[str]]:
    """Ask each switch what the phones of a group do; each that cannot be asked is a sentence."""
    told, sentences, asked = [], [], list(switches)
    for switch in asked:
        try:
            told.append(_ask(switch, group))
        except FshuntError as error:
            sentences.append(f"Switch {switch.name} was not asked: {error}")
    return Phones(told, bool(asked) and not sentences), sentences if asked else [NOT_CONFIGURED]


def _ask(switch: WatchedSwitch, group: Group) -> Told:
    from fshunt.esl.inbound import Inbound
    from fshunt.freeswitch.phones import PhoneTable, watch

    inbound = Inbound.connect(switch.host, switch.port, switch.password(), CONNECT_SECONDS)
    try:
        table = PhoneTable()
        watch(inbound, table)
        # Registered at another domain only: another tenant's phone, or the same one by another name; the switch knows.
        doubtful = [m for m in group.members if not m.address.external and _elsewhere(table, m, group)]
        return Told(table, frozenset(m.address.number for m in doubtful if _finds(inbound, m, group)))
    finally:
        inbound.close()


def _elsewhere(table: PhoneTable, member: Member, group: Group) -> bool:
    number = member.address.number
    return not table.is_registered(number, group.domain) and table.registered_anywhere(number)


def _finds(inbound: Inbound, member: Member, group: Group) -> bool:
    from fshunt.freeswitch.dialstring import contact_query, contacts_of

    mark = uuid4().hex
    contacts, _ = contacts_of(inbound.send(contact_query(member.address, group.domain, mark)).reply_text, mark)
    return bool(contacts)


def states(
    group: Group, phones: Phones, held: Mapping[str, Held], now: datetime, living: Collection[str]
) -> dict[int, MemberState]:
    """What each member of a group does, by its id; ``living`` are the runs of daemons that are alive."""
    return {
        member.id: _state(member, group, phones, held.get(member.extension), now, living) for member in group.members
    }


def _state(
    member: Member, group: Group, phones: Phones, held: Held | None, now: datetime, living: Collection[str]
) -> MemberState:
    if not member.enabled:
        return MemberState("disabled")
    if member.blocked:
        return MemberState("blocked")
    external = member.address.external
    calls = [] if external else phones.calls(member.address.number, group.domain)
    registered = True if external else phones.registered(member.address.number, group.domain)
    if registered is False and not calls:
        return MemberState("unregistered")
    left = held is not None and held.run_id not in living
    if busy := _busy(calls, None if left and phones.complete else held):  # the switches know of no such call
        return replace(busy, left=left and not calls)
    if in_wrap_up(member.idle_since, group.wrap_up_seconds, now):
        return MemberState("wrap-up", member.idle_since)
    return MemberState("free" if phones.complete or registered else "unknown")


def _busy(calls: list[PhoneCall], held: Held | None) -> MemberState | None:
    """Talk before ringing, and what the phones do before what a hunt has written of them."""
    for word, state in (("on-call", "talking"), ("ringing", "ringing")):
        found = next((call for call in calls if call.state == state), None)
        if found is not None:
            return MemberState(word, datetime.fromtimestamp(found.since, UTC), found.other or None)
    if held is None:
        return None
    if held.answered is None:
        return MemberState("claimed")
    return MemberState("on-call" if held.answered else "ringing", held.since)
