"""Who has a phone registered at one switch, kept by its events and its lists. Pure: no socket and no clock.

The lists are sofia's own (``sofia xmlstatus profile NAME reg``), not ``show registrations``: the core's table holds one
phone an extension, and forgets all of them when one unregisters, unless ``multiple-registrations`` is set there too.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fshunt.switch.channels import NOTHING, Change
from fshunt.switch.frames import Frame, ProtocolError

GONE_KEPT = 20_000  # registrations that a late event or list could bring back

_PROFILE = re.compile(r"^<profile>\n<name>(.*)</name>\n<type>profile</type>$", re.MULTILINE)
_VALUE = re.compile(r" {8}<(call-id|user|contact)>(.*)</\1>")

Key = tuple[str, str, str]  # user, domain, Call-ID


@dataclass(slots=True)
class _Registration:
    """One phone at an extension, there or gone."""

    contact: str
    alive: bool
    sequence: int
    state: int
    """which state was taken last before this was said"""


@dataclass(slots=True)
class RegistrationTable:
    """The registrations, by extension and Call-ID."""

    count: int = 0
    _users: dict[tuple[str, str], dict[str, _Registration]] = field(default_factory=dict)
    _domains: dict[str, set[str]] = field(default_factory=dict)
    """of each user: the domains at which he is registered"""
    _gone: dict[Key, None] = field(default_factory=dict)
    _state: int = 0

    def begin(self) -> None:
        """Says that the state is about to be taken."""
        self._state += 1

    def is_registered(self, user: str, domain: str) -> bool:
        """Whether an extension has a phone."""
        return domain.lower() in self._domains.get(user.lower(), ())

    def registered_anywhere(self, user: str) -> bool:
        """Whether a user of this name has a phone at any domain."""
        return user.lower() in self._domains

    def on_event(self, event: Frame) -> Change:
        """Takes in ``sofia::register``, ``sofia::unregister`` or ``sofia::expire``; the last names its headers anew."""
        kind = event.get("Event-Subclass", "").removeprefix("sofia::")
        user = (event.get("from-user") or event.get("user", "")).lower()
        domain = (event.get("from-host") or event.get("host", "")).lower()
        call_id, sequence = event.get("call-id", ""), event.get("Event-Sequence", "")
        if kind not in ("register", "unregister", "expire") or not (user and domain and call_id):
            return NOTHING
        number = int(sequence) if sequence.isascii() and sequence.isdecimal() and len(sequence) < 20 else 0
        # A phone that leaves takes its contact along, under whatever Call-ID; what expires is one Call-ID alone.
        contact = "" if kind == "expire" else event.get("contact", "")
        said = _Registration(contact, kind == "register", number, self._state)
        return self._say((user, domain, call_id), said)

    def take(self, text: str) -> Change:
        """Takes in the lists of all profiles, one after another. Raises ProtocolError, and then has changed nothing."""
        listed = dict(_listed(text))
        change = NOTHING
        for key, contact in listed.items():
            user, domain, call_id = key
            known = self._users.get((user, domain), {}).get(call_id)
            # What was said since the list was asked for counts more; so does a leaving not much older: an expired
            # phone is told before it is taken from the list.
            if known is None or (not known.alive and known.state < self._state - 1):
                change |= self._say(key, _Registration(contact, True, known.sequence if known else -1, self._state - 1))
        for (user, domain), phones in list(self._users.items()):
            for call_id, one in list(phones.items()):
                if one.alive and one.state < self._state and (user, domain, call_id) not in listed:
                    gone = _Registration(one.contact, False, one.sequence, self._state - 1)
                    change |= self._say((user, domain, call_id), gone)
        return change

    def _say(self, key: Key, said: _Registration) -> Change:
        user, domain, call_id = key
        before = self.is_registered(user, domain)
        phones = self._users.setdefault((user, domain), {})
        known = phones.get(call_id)
        if known is not None and said.sequence < known.sequence:
            return NOTHING
        if said.alive and any(_replaces(one, said) for one in phones.values()):
            said.alive = False
        self._put(key, said)
        for other, one in list(phones.items()):
            if other != call_id and one.alive and _replaces(said, one):
                self._put((user, domain, other), _Registration(one.contact, False, one.sequence, one.state))
        self._prune()
        changed = self.is_registered(user, domain) != before
        return Change(frozenset({f"{user}@{domain}"})) if changed else NOTHING

    def _put(self, key: Key, said: _Registration) -> None:
        user, domain, call_id = key
        phones = self._users[user, domain]
        was = phones.get(call_id)
        self.count += said.alive - (was is not None and was.alive)
        phones[call_id] = said
        self._gone.pop(key, None)
        if not said.alive:
            self._gone[key] = None
        if any(one.alive for one in phones.values()):
            self._domains.setdefault(user, set()).add(domain)
        elif user in self._domains:
            self._domains[user].discard(domain)
            if not self._domains[user]:
                del self._domains[user]

    def _prune(self) -> None:
        while len(self._gone) > GONE_KEPT:
            user, domain, call_id = next(iter(self._gone))
            del self._gone[user, domain, call_id], self._users[user, domain][call_id]
            if not self._users[user, domain]:
                del self._users[user, domain]


def _replaces(newer: _Registration, older: _Registration) -> bool:
    """Whether what was said is of the same phone as something else, and later: a phone started anew, or left."""
    return bool(newer.contact) and newer.contact == older.contact and newer.sequence > older.sequence


def profile_names(text: str) -> list[str]:
    """The names of the profiles in ``sofia xmlstatus``. Raises ProtocolError."""
    if "<profiles>" not in text or "</profiles>" not in text:
        raise ProtocolError("FreeSWITCH's list of SIP profiles cannot be read.")
    return sorted(set(_PROFILE.findall(text)))


def _listed(text: str) -> Iterator[tuple[Key, str]]:
    """The registrations in the lists. Read line by line: FreeSWITCH does not escape a Call-ID in its XML."""
    found: dict[str, str] | None = None
    depth = 0
    for line in text.split("\n"):
        if line in ("  <registrations>", "  </registrations>"):
            depth += 1 if line == "  <registrations>" else -1
        elif line == "    <registration>":
            found = {}
        elif line == "    </registration>" and found is not None:
            user, _, domain = html.unescape(found.get("user", "")).rpartition("@")
            if user and domain and found.get("call-id"):
                yield (user.lower(), domain.lower(), found["call-id"]), html.unescape(found.get("contact", ""))
            found = None
        elif found is not None and (value := _VALUE.fullmatch(line)):
            found.setdefault(value[1], value[2])
    if depth or found is not None or (text and "<registrations>" not in text):
        raise ProtocolError("FreeSWITCH's list of registrations cannot be read.")
