"""What members do now: the state of their phones in the switches, and of their claims in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fshunt.db.queries.claimed_members import ClaimedMember, claimed_members
from fshunt.errors import FshuntError
from fshunt.hunting.availability import DIRECTORY, MemberState, MemberStatus, member_state
from fshunt.services import cluster_health
from fshunt.services.switch_checks import not_honoured

if TYPE_CHECKING:
    from sqlalchemy import URL

    from fshunt.db.engine import Store
    from fshunt.freeswitch.contacts import MemberPhones
    from fshunt.freeswitch.phones import PhoneCall, PhoneTable
    from fshunt.hunting.group import Group, Member
    from fshunt.settings import WatchedSwitch

CONNECT_SECONDS = 2.0
"""How long a switch may take to accept the connection; normally it takes milliseconds."""

ANSWER_SECONDS = 5.0
"""How long a switch may take to list the phones of a group; it takes a fraction of a millisecond for each (fact 25)."""

NOT_CONFIGURED = "No [[switch]] is configured: member states are those in the database only."


@dataclass(frozen=True, slots=True)
class StateOfMember:
    """A member's state, since when, and the number of the other party; None where that is not known.

    ``detail``: why a phone cannot be dialled, the switches whose calls alone ring it, or what has the member blocked.
    ``left``: the claim belongs to a daemon that is gone, so the call may have ended since.
    """

    word: MemberState
    since: datetime | None = None
    other: str | None = None
    left: bool = False
    detail: str | None = None


STATE_WORDS = {
    MemberState.FREE: "free",
    MemberState.UNKNOWN: "enabled",
    MemberState.RINGING: "ringing",
    MemberState.ON_CALL: "on call",
    MemberState.CLAIMED: "about to ring",
    MemberState.UNREGISTERED: "unregistered",
    MemberState.NOT_DIALABLE: "not dialable",
    MemberState.OTHER_SWITCH: "at another switch",
    MemberState.WRAP_UP: "wrap-up",
    MemberState.DISABLED: "disabled",
    MemberState.BLOCKED: "blocked",
}
"""The states in the words of a page; unknown: the member can ring, but no switch was asked for a phone."""


@dataclass(frozen=True, slots=True)
class SwitchAnswer:
    """The answer of one switch: the calls of its phones, and the phones of each extension that it was asked for."""

    switch: WatchedSwitch
    table: PhoneTable
    phones: Mapping[str, MemberPhones]


class SwitchPhones:
    """The phones of all switches that answered. ``complete``: all did, so a phone that is not seen does not exist."""

    def __init__(self, answers: list[SwitchAnswer], complete: bool) -> None:
        self.complete = complete
        self._answers = answers

    def registered(self, number: str) -> bool | None:
        """Whether an extension has a phone; None where that is not known."""
        if any(each.phones[number].registered for each in self._answers):
            return True
        return False if self.complete else None

    def undialable(self, number: str) -> str | None:
        """Why no phone of an extension can be dialled; None where one can be, or there is none."""
        found = [each.phones[number] for each in self._answers]
        return (
            None if any(each.endpoints for each in found) else next((w for each in found if (w := each.why_not)), None)
        )

    def do_not_disturb(self, number: str) -> bool:
        """Whether the directory of each switch says so."""
        return bool(self._answers) and all(each.phones[number].do_not_disturb for each in self._answers)

    def not_honoured(self, number: str) -> list[str]:
        """Return what does not count of the user's dial-strings, in a sentence for each switch."""
        return [
            not_honoured(number, each.switch.name, each.phones[number].reach.not_honoured)
            for each in self._answers
            if each.phones[number].reach.not_honoured is not None
        ]

    def at_some_switches(self, number: str) -> str | None:
        """Return the switches that have all phones of an extension, if other switches have no route to any of them."""
        having = [each.switch for each in self._answers if each.phones[number].registered]
        if len(having) == len(self._answers) or any(switch.dial is not None for switch in having):
            return None
        return ", ".join(switch.name for switch in having) or None

    def all_undialable(self, member: Member) -> list[str]:
        """Why phones of a member cannot be dialled, each."""
        if member.address.external:
            return []
        return [why for each in self._answers for why in each.phones[member.address.number].undialable]

    def calls(self, number: str, domain: str) -> list[PhoneCall]:
        """The calls of an extension, the oldest first."""
        return [call for each in self._answers for call in each.table.calls_of(f"{number}@{domain}")]


@dataclass(frozen=True, slots=True)
class GroupStates:
    """The state of each member of a group by its id at one time, and a sentence for what could not be asked."""

    at: datetime
    states: Mapping[int, StateOfMember] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()


def of_group(
    store: Store, url: str | URL, group: Group, switches: Iterable[WatchedSwitch], pause: Callable[[float], None]
) -> GroupStates:
    """Return what a group's members do now, by the switches and by the claims in the database.

    ``url`` and ``pause`` are for a look at the daemons (``cluster_health.look``), if any member is claimed. The
    switches are asked outside a transaction: one may take seconds to answer.
    """
    at = datetime.now(UTC)
    if not group.members:
        return GroupStates(at)
    claimed = _claimed(store, group.domain)
    phones, sentences = ask(switches, group)
    living = _living(store, url, pause) if claimed else set()
    sentences += [
        f"A phone of {member.extension} cannot be rung: {why}."
        for member in group.members
        for why in phones.all_undialable(member)
    ]
    extensions = dict.fromkeys(m.address.number for m in group.members if not m.address.external)
    sentences += [sentence for number in extensions for sentence in phones.not_honoured(number)]
    return GroupStates(at, states(group, phones, claimed, at, living), tuple(sentences))


def _claimed(store: Store, domain: str) -> dict[str, ClaimedMember]:
    with store.reading() as session:
        return claimed_members(session, domain)


def _living(store: Store, url: str | URL, pause: Callable[[float], None]) -> set[str]:
    return {daemon.row.run_id for daemon in cluster_health.look(store, url, pause).maybe_alive}


def ask(switches: Iterable[WatchedSwitch], group: Group) -> tuple[SwitchPhones, list[str]]:
    """Ask each switch for the phones of a group; return them, and a sentence for each switch that did not answer."""
    answers, sentences, asked = [], [], list(switches)
    for switch in asked:
        try:
            answers.append(_ask(switch, group))
        except FshuntError as error:
            sentences.append(f"Switch {switch.name} was not asked: {error}")
    return SwitchPhones(answers, bool(asked) and not sentences), sentences if asked else [NOT_CONFIGURED]


def _ask(switch: WatchedSwitch, group: Group) -> SwitchAnswer:
    from fshunt.esl.inbound import Inbound
    from fshunt.freeswitch import contacts
    from fshunt.freeswitch.phones import PhoneTable, watch

    extensions = [member.address.number for member in group.members if not member.address.external]
    inbound = Inbound.connect(switch.host, switch.port, switch.password(), CONNECT_SECONDS)
    try:
        table = PhoneTable()
        watch(inbound, table)
        return SwitchAnswer(switch, table, contacts.ask(inbound, group.domain, extensions, ANSWER_SECONDS))
    finally:
        inbound.close()


def stored_state(member: Member) -> StateOfMember:
    """Return a member's state by its own row alone."""
    return StateOfMember(member_state(MemberStatus.of(member)))


def states(
    group: Group, phones: SwitchPhones, claimed: Mapping[str, ClaimedMember], now: datetime, living: Collection[str]
) -> dict[int, StateOfMember]:
    """Return the state of each member of a group by its id; ``living`` are the runs of daemons that are alive."""
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
    registered = True if external else phones.registered(member.address.number)
    left = claimed is not None and claimed.run_id not in living
    # The phones' calls count before a claim; the claim of a daemon that is gone counts only if some switch is unknown.
    claim = None if calls or registered is False or (left and phones.complete) else claimed
    status = replace(
        MemberStatus.of(member, claimed=claim is not None and claim.answered is None),
        registered=registered,
        do_not_disturb=not external and phones.do_not_disturb(member.address.number),
        undialable=None if external else phones.undialable(member.address.number),
        other_switch=None if external else phones.at_some_switches(member.address.number),
        on_call=_first(calls, "talking") is not None or (claim is not None and claim.answered is True),
        ringing=_first(calls, "ringing") is not None or (claim is not None and claim.answered is False),
    )
    word = member_state(status, wrap_up_seconds=group.wrap_up_seconds, now=now)
    return _in_detail(word, member, calls, claim, left, status)


def _in_detail(
    word: MemberState,
    member: Member,
    calls: list[PhoneCall],
    claim: ClaimedMember | None,
    left: bool,
    status: MemberStatus,
) -> StateOfMember:
    """Add since when, with whom, and why or where."""
    if word is MemberState.BLOCKED and not status.blocked:
        return StateOfMember(word, detail=DIRECTORY)
    if word is MemberState.NOT_DIALABLE:
        return StateOfMember(word, detail=status.undialable)
    if word is MemberState.OTHER_SWITCH:
        return StateOfMember(word, detail=status.other_switch)
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
