"""The groups as their lamps need them, in memory, and the state of each lamp (design, section 18).

Nothing here waits: what the database and the switches know is put in from outside, and a state is made when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from fshunt.daemon.switches.monitor import Monitor, SwitchMonitor
from fshunt.freeswitch.contacts import is_ip_address
from fshunt.freeswitch.phones import PhoneState
from fshunt.freeswitch.presence import BLOCK, Lamp, LampState, Watching
from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.group import Group, Member
from fshunt.hunting.lamps import PilotState, changes_at, has_hours, pilot_state

Place = tuple[str, str]
"""A domain, and a pilot or an extension."""

_SHOWN = {
    PilotState.FREE: LampState.OFF,
    PilotState.RINGING: LampState.RINGING,
    PilotState.NOBODY: LampState.NOBODY,
    PilotState.CLOSED: LampState.CLOSED,
}

InWrapUp = Callable[[int, float], bool]
"""Whether a member is in a wrap-up of so many seconds, as this daemon has seen."""

ByContacts = Callable[[str, str], bool | None]
"""Whether an extension of a domain is reached at its registered phones alone; None: nobody has asked."""


class LampBook:
    """All groups. ``now`` is the clock on the wall."""

    def __init__(
        self, monitor: Monitor, now: Callable[[], datetime], in_wrap_up: InWrapUp, is_by_contacts: ByContacts
    ) -> None:
        self._monitor, self.now = monitor, now
        self._in_wrap_up, self._is_by_contacts = in_wrap_up, is_by_contacts
        self._groups: dict[int, Group] = {}
        self._by_pilot: dict[str, dict[str, int]] = {}
        """The group of a pilot, by the pilot and its domain."""
        self._of_extension: dict[str, dict[str, set[int]]] = {}
        """The groups of an extension, by the extension and its domain."""
        self._of_number: dict[str, set[int]] = {}
        """The same, of all domains, by small letters: a phone may have registered at another name of the domain."""
        self._changes_at: dict[int, datetime] = {}
        self._with_hours: set[int] = set()
        self._waiting: frozenset[Place] = frozenset()
        self._claimed: frozenset[Place] = frozenset()

    @property
    def switches(self) -> Sequence[SwitchMonitor]:
        """The switches whose phones it looks at."""
        return self._monitor.switches

    @property
    def ids(self) -> set[int]:
        """The ids of all groups."""
        return set(self._groups)

    def take(self, group: Group) -> set[Lamp]:
        """Take in a group as it was read; return the lamps that may be otherwise now."""
        before = self.drop(group.id)
        self._groups[group.id] = group
        self._by_pilot.setdefault(group.pilot, {})[group.domain] = group.id
        for member in group.members:
            domains = self._of_extension.setdefault(member.extension, {})
            domains.setdefault(group.domain, set()).add(group.id)
            self._of_number.setdefault(member.extension.lower(), set()).add(group.id)
        if has_hours(group):
            self._with_hours.add(group.id)
        self._look_ahead(group)
        return before | set(lamps_of(group))

    def drop(self, group_id: int) -> set[Lamp]:
        """Forget a group; return its lamps."""
        group = self._groups.pop(group_id, None)
        self._with_hours.discard(group_id)
        self._changes_at.pop(group_id, None)
        if group is None:
            return set()
        if self._by_pilot.get(group.pilot, {}).get(group.domain) == group_id:
            _remove(self._by_pilot, group.pilot, group.domain)
        for member in group.members:
            groups = self._of_extension[member.extension][group.domain]
            groups.discard(group_id)
            if not groups:
                _remove(self._of_extension, member.extension, group.domain)
        for number in {member.extension.lower() for member in group.members}:  # two may differ in large letters alone
            self._of_number[number].discard(group_id)
            if not self._of_number[number]:
                del self._of_number[number]
        return set(lamps_of(group))

    def all_lamps(self) -> Iterator[Lamp]:
        """Yield all lamps, those of pilots first; that of an extension once for each of its groups.

        Groups may come and go meanwhile.
        """
        ids = list(self._groups)
        for only_pilots in (True, False):
            for group_id in ids:
                group = self._groups.get(group_id)
                if group is not None:
                    yield from (lamp for lamp in lamps_of(group) if (lamp.extension is None) is only_pilots)

    def pilots_of(self, numbers: Iterable[str]) -> set[Lamp]:
        """Return the lamps of the pilots whose members have one of these numbers, in any domain."""
        ids = {each for number in numbers for each in self._of_number.get(number.lower(), ())}
        return {_pilot(self._groups[each]) for each in ids}

    def blocks_of(self, numbers: Collection[str]) -> set[Lamp]:
        """Return the lamps of these extensions in all their groups."""
        wanted = {number.lower() for number in numbers}
        groups = [self._groups[each] for number in wanted for each in self._of_number.get(number, ())]
        return {lamp for group in groups for lamp in lamps_of(group) if _is_block_of(lamp, wanted)}

    def with_wrap_up(self, numbers: Iterable[str]) -> set[int]:
        """Return the ids of the groups with a wrap-up whose members have one of these numbers."""
        ids = {each for number in numbers for each in self._of_number.get(number.lower(), ())}
        return {each for each in ids if self._groups[each].wrap_up_seconds}

    def pilots(self) -> set[Lamp]:
        """Return the lamps of all pilots."""
        return {_pilot(group) for group in self._groups.values()}

    def of_member(self, domain: str, extension: str) -> set[int]:
        """Return the ids of the groups of a domain that have a member."""
        return set(self._of_extension.get(extension, {}).get(domain, ()))

    def take_calls(self, waiting: Collection[Place], claimed: Collection[Place]) -> tuple[set[Lamp], set[str]]:
        """Take in the pilots where a caller is not answered, and the external members that a hunt has.

        Returns the lamps of the pilots where that has changed, and the numbers of the members.
        """
        pilots = {Lamp(*each) for each in set(waiting) ^ set(self._waiting)}
        numbers = {extension for _, extension in set(claimed) ^ set(self._claimed)}
        self._waiting, self._claimed = frozenset(waiting), frozenset(claimed)
        return pilots, numbers

    def due(self) -> set[Lamp]:
        """Return the lamps that the clock may have changed since the last time: an end of a block, say."""
        now = self.now()
        due = [each for each, at in self._changes_at.items() if at <= now]
        for each in due:
            self._look_ahead(self._groups[each])
        return {lamp for each in due for lamp in lamps_of(self._groups[each])}

    def with_hours(self) -> set[Lamp]:
        """Return the lamps of the pilots that the clock opens and closes, at whole minutes."""
        return {_pilot(self._groups[each]) for each in self._with_hours}

    def state(self, lamp: Lamp, switch: SwitchMonitor) -> LampState | None:
        """Return what a lamp shows at a switch; None: there is no such lamp."""
        if lamp.extension is None:
            group = self._group(lamp)
            return None if group is None else self._of_pilot(group, switch)
        now, found = self.now(), list(self._members(lamp))
        if not found:
            return None
        return LampState.BLOCKED if all(member.at(now).blocked for member in found) else LampState.OFF

    def find(self, watching: Watching) -> Lamp | None:
        """Return the lamp that somebody watches; None: it is none of ours, or it could be of several domains.

        The address of a block in one group does not have the domain (fact 75): the subscriber's own counts. Where an IP
        address stands for the domain, it is the only one with such a lamp.
        """
        user, host = watching.address.user, watching.address.host
        if watching.address.protocol != BLOCK:
            domain = _chosen(self._by_pilot.get(user, ()), host, watching.domain)
            return None if domain is None else Lamp(domain, user)
        domains = self._of_extension.get(user, {})
        with_pilot = [each for each in domains if Lamp(each, host, user) in self]
        if with_pilot:
            domain = _chosen(with_pilot, watching.domain)
            return None if domain is None else Lamp(domain, host, user)
        domain = _chosen(domains, host, watching.domain)
        return None if domain is None else Lamp(domain, None, user)

    def is_shared(self, lamp: Lamp) -> bool:
        """Whether another domain has a lamp with the same address."""
        if not lamp.may_be_shared:
            return False
        domains = self._of_extension.get(lamp.extension or "", ())
        return any(each != lamp.domain and lamp._replace(domain=each) in self for each in domains)

    def __contains__(self, lamp: Lamp) -> bool:
        if lamp.extension is None:
            return self._group(lamp) is not None
        return any(True for _ in self._members(lamp))

    def _of_pilot(self, group: Group, switch: SwitchMonitor) -> LampState:
        waits = (group.domain, group.pilot) in self._waiting
        now = self.now()
        statuses = (self._status(group, member, switch, now) for member in group.members)
        return _SHOWN[pilot_state(group, statuses, now, caller_waits=waits)]

    def _status(self, group: Group, member: Member, switch: SwitchMonitor, now: datetime) -> MemberStatus:
        claimed = member.address.external and (group.domain, member.extension) in self._claimed
        stored = MemberStatus.of(member, now, claimed=claimed)
        in_wrap_up = True if self._in_wrap_up(member.id, group.wrap_up_seconds) else None
        if member.address.external:
            return MemberStatus(registered=True, in_wrap_up=in_wrap_up).with_stored(stored)
        number = member.address.number
        seen = self._monitor.look(group.domain, number)
        status = MemberStatus(
            registered=None if self._may_be_reached(group.domain, number, seen.registered) else seen.registered,
            other_switch=self._other_switch(group.domain, number, switch) if seen.registered else None,
            on_call=any(call.state is PhoneState.TALKING for call in seen.calls),
            ringing=any(call.state is PhoneState.RINGING for call in seen.calls),
            in_wrap_up=in_wrap_up,
        )
        return status.with_stored(stored)

    def _may_be_reached(self, domain: str, number: str, registered: bool | None) -> bool:
        """Whether an extension without a phone may have another way, as the directory says."""
        return registered is False and self._is_by_contacts(domain, number) is False

    def _other_switch(self, domain: str, number: str, switch: SwitchMonitor) -> str | None:
        """The other switch that has the phones of an extension, if no route leads there."""
        if switch.table.is_registered(number, domain):
            return None
        other = self._monitor.elsewhere(domain, number, switch.core_uuid)
        return None if other is None or other.dial is not None else other.name

    def _look_ahead(self, group: Group) -> None:
        at = changes_at(group, self.now())
        if at is None:
            self._changes_at.pop(group.id, None)
        else:
            self._changes_at[group.id] = at

    def _members(self, lamp: Lamp) -> Iterator[Member]:
        for group_id in self.of_member(lamp.domain, lamp.extension or ""):
            group = self._groups[group_id]
            if lamp.pilot in (None, group.pilot):
                yield from (member for member in group.members if member.extension == lamp.extension)

    def _group(self, lamp: Lamp) -> Group | None:
        group_id = self._by_pilot.get(lamp.pilot or "", {}).get(lamp.domain)
        return None if group_id is None else self._groups[group_id]


def lamps_of(group: Group) -> Iterator[Lamp]:
    """Yield the lamps of a group: the pilot's, and two of each extension."""
    if _pilot(group).can_be_watched:
        yield _pilot(group)
    for member in group.members:
        if not member.address.external:
            for lamp in (Lamp(group.domain, None, member.extension), Lamp(group.domain, group.pilot, member.extension)):
                if lamp.can_be_watched:
                    yield lamp


def _is_block_of(lamp: Lamp, numbers: Collection[str]) -> bool:
    return lamp.pilot is None and (lamp.extension or "").lower() in numbers


def _pilot(group: Group) -> Lamp:
    return Lamp(group.domain, group.pilot)


def _remove(places: dict[str, dict[str, Any]], number: str, domain: str) -> None:
    del places[number][domain]
    if not places[number]:
        del places[number]


def _chosen(domains: Collection[str], *hosts: str) -> str | None:
    """The domain that the first host names; an IP address is no tenant's name, and leaves it to the next.

    Where all are IP addresses it is the only domain. A host that is neither is another tenant's.
    """
    for host in hosts:
        named = next((each for each in domains if each.lower() == host.lower()), None)
        if named is not None or not is_ip_address(host):
            return named
    return next(iter(domains)) if len(domains) == 1 else None
