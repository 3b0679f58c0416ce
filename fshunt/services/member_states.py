"""What members do now: what the switches tell of their phones, and the database of their claims."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from fshunt.errors import FshuntError
from fshunt.hunting.availability import MemberState, MemberStatus, member_state

if TYPE_CHECKING:
    from fshunt.db.queries.claimed_members import ClaimedMember
    from fshunt.esl.inbound import Inbound
    from fshunt.freeswitch.phones import PhoneCall, PhoneTable
    from fshunt.hunting.group import Group, Member
    from fshunt.settings import WatchedSwitch

CONNECT_SECONDS = 2.0
"""For a switch to let us in: one that is there takes milliseconds."""

NOT_CONFIGURED = "No [[switch]] is configured: states of phones are only what the database knows."


@dataclass(frozen=True, slots=True)
class StateOfMember:
    """What a member does: in one word, since when, and with whom; each None where it is not known.

    ``left``: a daemon has written it that is gone since, so nobody would have written its end.
    """

    word: MemberState
    since: datetime | None = None
    other: str | None = None
    left: bool = False


STATE_WORDS = {
    MemberState.FREE: "free",
    MemberState.UNKNOWN: "enabled",
    MemberState.RINGING: "ringing",
    MemberState.ON_CALL: "on call",
    MemberState.CLAIMED: "about to ring",
    MemberState.UNREGISTERED: "unregistered",
    MemberState.WRAP_UP: "wrap-up",
    MemberState.DISABLED: "disabled",
    MemberState.BLOCKED: "blocked",
}
"""The words of a state in JSON, and how people read them; unknown: nothing hinders it, but no switch was asked."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one switch told: its phones, and the extensions that it finds under another name of their domain."""

    table: PhoneTable
    found: frozenset[str]


class SwitchPhones:
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


def ask(switches: Iterable[WatchedSwitch], group: Group) -> tuple[SwitchPhones, list[str]]:
    """Ask each switch what the phones of a group do; each that cannot be asked is a sentence."""
    told, sentences, asked = [], [], list(switches)
    for switch in asked:
        try:
            told.append(_ask(switch, group))
        except FshuntError as error:
            sentences.append(f"Switch {switch.name} was not asked: {error}")
    return SwitchPhones(told, bool(asked) and not sentences), sentences if asked else [NOT_CONFIGURED]


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
    group: Group, phones: SwitchPhones, claimed: Mapping[str, ClaimedMember], now: datetime, living: Collection[str]
) -> dict[int, StateOfMember]:
    """What each member of a group does, by its id; ``living`` are the runs of daemons that are alive."""
    return {
        member.id: _state(member, group, phones, claimed.get(member.extension), now, living) for member in group.members
    }


def _state(
    member: Member,
    group: Group,
    phones: SwitchPhones,
    claimed: ClaimedMember | None,
    now: datetime,
    living: Collection[str],
) -> StateOfMember:
    external = member.address.external
    calls = [] if external else phones.calls(member.address.number, group.domain)
    registered = True if external else phones.registered(member.address.number, group.domain)
    left = claimed is not None and claimed.run_id not in living
    # What the phones do counts before a claim, and a claim that was left only where not all switches were asked.
    claim = None if calls or registered is False or (left and phones.complete) else claimed
    status = replace(
        MemberStatus.of(member, claimed=claim is not None and claim.answered is None),
        registered=registered,
        on_call=_first(calls, "talking") is not None or (claim is not None and claim.answered is True),
        ringing=_first(calls, "ringing") is not None or (claim is not None and claim.answered is False),
    )
    word = member_state(status, wrap_up_seconds=group.wrap_up_seconds, now=now)
    return _in_detail(word, member, calls, claim, left)


def _in_detail(
    word: MemberState, member: Member, calls: list[PhoneCall], claim: ClaimedMember | None, left: bool
) -> StateOfMember:
    """Add since when, and with whom."""
    if word is MemberState.WRAP_UP:
        return StateOfMember(word, member.idle_since)
    if word not in (MemberState.ON_CALL, MemberState.RINGING, MemberState.CLAIMED):
        return StateOfMember(word)
    call = _first(calls, "talking" if word is MemberState.ON_CALL else "ringing")
    if call is not None:
        return StateOfMember(word, datetime.fromtimestamp(call.since, UTC), call.other or None)
    since = claim.since if claim is not None and word is not MemberState.CLAIMED else None
    return StateOfMember(word, since, left=left)


def _first(calls: list[PhoneCall], state: str) -> PhoneCall | None:
    return next((call for call in calls if call.state == state), None)
