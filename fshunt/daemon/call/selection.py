"""Which members of a stage can be rung now, and their claims (design, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import gevent

from fshunt.daemon.call.phone_lookup import Phones, find_phones
from fshunt.daemon.call.waves import room_for
from fshunt.daemon.cluster.queue import QueuedCaller
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.switches.monitor import NOTHING_SEEN
from fshunt.esl.session import Session
from fshunt.freeswitch.contacts import MemberPhones
from fshunt.freeswitch.leg_uuids import is_leg_of
from fshunt.freeswitch.phones import PhoneCall, PhoneState
from fshunt.hunting.availability import MemberStatus, SkipReason, skip_reason
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.states import Outcome
from fshunt.hunting.waves import size_of_wave

SEEN_SECONDS = 0.15
"""Within this time after one daemon has had a phone rung all others see it: an event is up to 90 ms old (fact 29)."""

MAX_DAEMONS_FIRST = 3
"""A caller waits for at most so many daemons of a lower rank."""

_NO_PHONE = {
    SkipReason.UNREGISTERED,
    SkipReason.NOT_DIALABLE,
    SkipReason.OTHER_SWITCH,
    Outcome.UNREGISTERED,
    SkipReason.UNREACHABLE,
    Outcome.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A member who can be rung, and the endpoints of the member's phones."""

    member: Member
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the members of a stage: who is offered the call, and who is skipped and why."""

    chosen: list[Chosen]
    skipped: list[tuple[Member, SkipReason]]
    later: list[Member] = field(default_factory=list)
    """Those who can be rung, but for whose phones the switch has no room beside the phones of those chosen."""


def all_phones(phones: Phones) -> Phones:
    """Ring every phone."""
    return phones


def choose(
    session: Session,
    hunt: Hunt,
    members: Sequence[Member],
    deps: Dependencies,
    deadline: Deadline,
    queued: QueuedCaller | None = None,
    which: Callable[[Phones], Phones] = all_phones,
) -> Choice:
    """Return which of ``members`` can be rung now; those chosen are claimed for this hunt.

    ``queued`` is a caller in the call queue: then the database is asked only if a member looks free. ``which`` picks
    the phones to ring among those that the members have.
    """
    seen = {m.id: _look(hunt, m, deps) for m in members}
    asked = _worth_asking(members, seen, hunt.group, queued, deps)
    phones = which(find_phones(session, hunt.group.domain, asked, deps))
    seen |= {m.id: _with_phones(seen[m.id], phones.get(m.id)) for m in members}
    # Only the database knows who is disabled or blocked now; all other reasons count before it is asked.
    wanted = _unhindered(members, seen, hunt.group)
    at = deps.now()
    deadline.extend(deps.settings.database_timeout)  # for the claims alone: a directory may have taken a second
    if wanted or queued is None:
        statuses, agreed = deps.claims.take(hunt, members, wanted, queued, deadline, at)
        if not agreed and any(each.acquired for each in statuses.values()):
            seen |= _seen_after_the_others(hunt, wanted, phones, deps)
    else:
        statuses = {m.id: MemberStatus.of(m, deps.wall()) for m in members}
    room = room_for(session, sum(len(phones[m.id].endpoints) for m in wanted))
    return _sort_out(hunt, members, seen, statuses, phones, at, room, deps)


def _seen_after_the_others(
    hunt: Hunt, members: Sequence[Member], phones: Phones, deps: Dependencies
) -> dict[int, MemberStatus]:
    """Let the daemons of a lower rank ring first, and return what is seen of the members then.

    The daemons cannot agree in the database, and one event of a switch may have woken them all at the same moment.
    """
    rank = min(deps.claims.rank(), MAX_DAEMONS_FIRST)
    if rank and deps.monitor.why_not() is None:
        gevent.sleep(rank * SEEN_SECONDS)
    return {m.id: _with_phones(_look(hunt, m, deps), phones.get(m.id)) for m in members}


def _worth_asking(
    members: Sequence[Member],
    seen: dict[int, MemberStatus],
    group: Group,
    queued: QueuedCaller | None,
    deps: Dependencies,
) -> list[Member]:
    """Return the members whose phones the switch is asked for: all whom nothing hinders but, maybe, a missing phone.

    The monitor's events are late (fact 29), so its word that there is no phone does not count for a new call. A queued
    caller is woken by the event and looks again, so that callers who wait cost the switch nothing. Of a
    member without a registration the directory may say that there is another way: a new call asks that, too.
    """
    if queued is not None:
        return _unhindered(members, seen, group)
    new = {
        m.id
        for m in members
        if seen[m.id].registered is False and deps.known_users.is_by_contacts(group.domain, m.address.number) is None
    }
    free = _unhindered(members, {m.id: replace(seen[m.id], registered=None) for m in members}, group)
    return [m for m in members if m in free or m.id in new]


def _with_phones(status: MemberStatus, phones: MemberPhones | None) -> MemberStatus:
    """Add what the switch said of a member's phones; None: it was not asked."""
    if phones is None:
        return status
    return replace(
        status,
        do_not_disturb=phones.do_not_disturb,
        registered=phones.registered,
        undialable=phones.why_not,
        other_switch=phones.other_switch,
    )


def _unhindered(members: Sequence[Member], seen: dict[int, MemberStatus], group: Group) -> list[Member]:
    return [m for m in members if skip_reason(seen[m.id], call_waiting=group.call_waiting) is None]


def _sort_out(
    hunt: Hunt,
    members: Sequence[Member],
    seen: dict[int, MemberStatus],
    statuses: dict[int, MemberStatus],
    phones: Phones,
    at: datetime,
    room: int,
    deps: Dependencies,
) -> Choice:
    group, choice, free = hunt.group, Choice([], []), list[Chosen]()
    for member in members:
        status = seen[member.id].with_stored(statuses.get(member.id))
        hunt.saw(member, status)
        reason = skip_reason(status, call_waiting=group.call_waiting, wrap_up_seconds=group.wrap_up_seconds, now=at)
        if reason is SkipReason.WRAP_UP and status.idle_since is not None:
            deps.wrap_ups.seen(member.id, (at - status.idle_since).total_seconds())
        if reason is None:
            free.append(Chosen(member, phones[member.id].endpoints[:room]))
        else:
            choice.skipped.append((member, reason))
    now = size_of_wave([len(phones[each.member.id].endpoints) for each in free], room)
    choice.chosen.extend(free[:now])
    choice.later.extend(each.member for each in free[now:])
    others = [*(member for member, _ in choice.skipped), *choice.later]
    not_rung = [member.extension for member in others if member.id in statuses and statuses[member.id].acquired]
    if not_rung:
        deps.claims.release(hunt.id, hunt.call_uuid, not_rung)
    return choice


def is_on_another_call(session: Session, hunt: Hunt, member: Member, deps: Dependencies) -> bool:
    """Tell whether a member whom this hunt rings talks to somebody else, on another line; a group may allow it.

    Only the call's own switch is looked at: at another one, the answer to this hunt would look like another call.
    So would the far end of a loopback (fact 48).
    """
    if member.address.external or hunt.group.call_waiting:
        return False
    if deps.known_users.is_by_directory(hunt.group.domain, member.address.number):
        return False
    calls = deps.monitor.look(hunt.group.domain, member.address.number, session.core_uuid).calls
    return any(call.state is PhoneState.TALKING and not _is_of(call, hunt) for call in calls)


def _look(hunt: Hunt, member: Member, deps: Dependencies) -> MemberStatus:
    """What is known of a member without asking anybody: whether there is a phone, and who is on it.

    That none is registered says nothing of a member whom the directory has reached otherwise.
    """
    group = hunt.group
    seen = NOTHING_SEEN if member.address.external else deps.monitor.look(group.domain, member.address.number)
    calls = [call for call in seen.calls if not _is_of(call, hunt)]
    registered = True if member.address.external else seen.registered
    if registered is False and deps.known_users.is_by_contacts(group.domain, member.address.number) is False:
        registered = None
    in_wrap_up = deps.wrap_ups.in_wrap_up(member.id, group.wrap_up_seconds)
    return MemberStatus(
        registered=registered,
        on_call=hunt.is_caller(member) or any(call.state is PhoneState.TALKING for call in calls),
        is_caller=hunt.is_caller(member),
        ringing=any(call.state is PhoneState.RINGING for call in calls),
        in_wrap_up=True if in_wrap_up else None,
        last_outcome=hunt.last_outcome.get(member.id),
    )


def _is_of(call: PhoneCall, hunt: Hunt) -> bool:
    """Whether a call is a leg of this hunt, or of one before it for the same caller: it ends while the next rings."""
    return is_leg_of(call.uuid, hunt.offer_ids) or (call.call_uuid == hunt.call_uuid != call.uuid)


def without_phone(hunt: Hunt, extension: str, deps: Dependencies) -> list[str]:
    """Return which members of a member's groups have no phone to ring, as the monitor or this hunt knows.

    A member may be in several groups of the domain.
    """
    group = hunt.group
    met = {m.extension for m in group.members if hunt.last_end.get(m.id) in _NO_PHONE}
    known = deps.group_cache.of_member(group.domain, extension)
    others = {member for each in (group, *known) for member in each.members}
    phones = {m.extension: m.address.number for m in others if not m.address.external}
    gone = {
        ext
        for ext, number in phones.items()
        if deps.monitor.look(group.domain, number).registered is False
        and deps.known_users.is_by_contacts(group.domain, number) is not False
    }
    return sorted(met | gone)
