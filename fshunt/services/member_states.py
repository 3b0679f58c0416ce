"""What members do now: the state of their phones in the switches, and of their claims in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fshunt.db.queries.claimed_members import ClaimedMember, claimed_members
from fshunt.errors import FshuntError
from fshunt.hunting.availability import DIRECTORY, IN_GROUP, MemberState, MemberStatus, member_state
from fshunt.services import cluster_health
from fshunt.services.switch_checks import not_honoured
from fshunt.services.switch_phones import SeenSwitch, SwitchPhones, seen_phones

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

    def seen(self, domain: str) -> SeenSwitch:
        """Return the same as any switch is seen."""
        phones = {
            number: seen_phones(each, self.table.calls_of(f"{number}@{domain}")) for number, each in self.phones.items()
        }
        return SeenSwitch(self.switch.name, self.switch.dial is not None, phones)

    def not_honoured(self, number: str) -> str | None:
        """Return what does not count of a user's dial-string, in a sentence."""
        what = self.phones[number].reach.not_honoured
        return None if what is None else not_honoured(number, self.switch.name, what)


@dataclass(frozen=True, slots=True)
class GroupStates:
    """What the members of a group do at one time, by their ids, and a sentence for what could not be asked.

    ``statuses`` are all that is known of the members, of which the states are made.
    """

    at: datetime
    states: Mapping[int, StateOfMember] = field(default_factory=dict)
    statuses: Mapping[int, MemberStatus] = field(default_factory=dict)
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
    with store.reading() as session:
        claimed = claimed_members(session, group.domain)
    answers, sentences = ask(switches, group)
    living = _living(store, url, pause) if claimed else set()
    phones = SwitchPhones([each.seen(group.domain) for each in answers], complete=bool(answers) and not sentences)
    known = Known(phones, claimed, living)
    return GroupStates(at, *together(group, known, at), (*sentences, *_remarks(group, answers)))


def _living(store: Store, url: str | URL, pause: Callable[[float], None]) -> set[str]:
    return {daemon.row.run_id for daemon in cluster_health.look(store, url, pause).maybe_alive}


def ask(switches: Iterable[WatchedSwitch], group: Group) -> tuple[list[SwitchAnswer], list[str]]:
    """Ask each switch for the phones of a group; return the answers, and a sentence for each that did not answer."""
    answers, sentences, asked = [], [], list(switches)
    for switch in asked:
        try:
            answers.append(_ask(switch, group))
        except FshuntError as error:
            sentences.append(f"Switch {switch.name} was not asked: {error}")
    return answers, sentences if asked else [NOT_CONFIGURED]


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


def _remarks(group: Group, answers: list[SwitchAnswer]) -> Iterator[str]:
    """What the switches say that no state shows: phones that cannot be rung, and what does not count of the users."""
    extensions = [member.address.number for member in group.members if not member.address.external]
    for number in extensions:
        for answer in answers:
            for why in answer.phones[number].undialable:
                yield f"A phone of {number} cannot be rung: {why}."
    for number in dict.fromkeys(extensions):
        for answer in answers:
            told = answer.not_honoured(number)
            if told is not None:
                yield told


def stored_state(member: Member) -> StateOfMember:
    """Return a member's state by its own row alone."""
    return StateOfMember(member_state(MemberStatus.of(member, datetime.now(UTC))))


@dataclass(frozen=True, slots=True)
class Known:
    """What the states of a group's members are made of, whoever delivered it.

    ``claimed``: the members that hunts have claimed, by extension; ``living``: the runs of daemons that are alive.
    """

    phones: SwitchPhones
    claimed: Mapping[str, ClaimedMember] = field(default_factory=dict)
    living: Collection[str] = ()


def together(group: Group, known: Known, now: datetime) -> tuple[dict[int, StateOfMember], dict[int, MemberStatus]]:
    """Return the state of each member of a group, and all that is known of each, by its id."""
    made = {member.id: _state(member, group, known, now) for member in group.members}
    return {each: state for each, (state, _) in made.items()}, {each: status for each, (_, status) in made.items()}


def _state(member: Member, group: Group, known: Known, now: datetime) -> tuple[StateOfMember, MemberStatus]:
    external, phones, claimed = member.address.external, known.phones, known.claimed.get(member.extension)
    calls = [] if external else phones.calls(member.address.number)
    registered = True if external else phones.registered(member.address.number)
    left = claimed is not None and claimed.run_id not in known.living
    # The phones' calls count before a claim; the claim of a daemon that is gone counts only if some switch is unknown.
    holds = claimed is not None and not (left and phones.complete)
    claim = None if calls or registered is False or not holds else claimed
    status = replace(
        MemberStatus.of(member, now, claimed=holds),
        registered=registered,
        do_not_disturb=not external and phones.do_not_disturb(member.address.number),
        undialable=None if external else phones.undialable(member.address.number),
        other_switch=None if external else phones.at_some_switches(member.address.number),
        on_call=_first(calls, "talking") is not None or (claim is not None and claim.answered is True),
        ringing=_first(calls, "ringing") is not None or (claim is not None and claim.answered is False),
    )
    word = member_state(status, wrap_up_seconds=group.wrap_up_seconds, now=now)
    if word in (MemberState.ON_CALL, MemberState.RINGING, MemberState.CLAIMED):
        return _in_a_call(word, calls, claim, left), status
    return _in_detail(word, member, known, status, now), status


def _in_detail(word: MemberState, member: Member, known: Known, status: MemberStatus, now: datetime) -> StateOfMember:
    """Add since when, and why or where, for a member who is in no call."""
    match word:
        case MemberState.BLOCKED if not status.blocked:
            return StateOfMember(word, detail=DIRECTORY)
        case MemberState.BLOCKED:
            block = member.at(now).block
            return StateOfMember(
                word, None if block is None else block.since, detail=IN_GROUP if status.blocked_in_group else None
            )
        case MemberState.NOT_DIALABLE:
            return StateOfMember(word, detail=status.undialable)
        case MemberState.OTHER_SWITCH:
            return StateOfMember(word, detail=status.other_switch)
        case MemberState.WRAP_UP:
            return StateOfMember(word, member.idle_since)
        case MemberState.UNREGISTERED | MemberState.FREE if not member.address.external:
            return StateOfMember(word, _at(known.phones.since(member.address.number)))
        case _:
            return StateOfMember(word)


def _in_a_call(word: MemberState, calls: list[PhoneCall], claim: ClaimedMember | None, left: bool) -> StateOfMember:
    """Add since when, and with whom."""
    call = _first(calls, "talking" if word is MemberState.ON_CALL else "ringing")
    if call is not None:
        return StateOfMember(word, _at(call.since), call.other or None)
    since = claim.since if claim is not None and word is not MemberState.CLAIMED else None
    return StateOfMember(word, since, left=left)


def _first(calls: list[PhoneCall], state: str) -> PhoneCall | None:
    return next((call for call in calls if call.state == state), None)


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
