"""The simulator's telephones: what they do when they are called, and where they are registered."""

from __future__ import annotations

import itertools
import uuid as uuids
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

REGISTERED_SECONDS = 3600
FIRST_PORT = 42001  # the first phone's contact; the ports are names only, nothing listens there


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does with one call. Times are seconds, from the INVITE unless noted otherwise."""

    answer_after: float | None = None
    """When it is picked up; None: rings forever."""
    reject: int | None = None
    """The SIP code it refuses with: 486 busy, 603 declined, 480 do not disturb, 503 for a phone that is gone."""
    reject_after: float = 0.0
    hangup_after: float | None = None
    """How long after the answer its user hangs up; None stays until the other side does."""
    progress: int | None = 180
    """Its first answer: 180 rings; 183 sends early media; None sends nothing."""
    progress_after: float = 0.0
    """When it sends its first answer."""
    rings_after: float | None = None
    """When it sends 180 after a first answer of 183; None: it sends none."""
    digit: str | None = None
    """The key its user presses after the answer, for calls that must be confirmed."""
    digit_after: float = 0.5
    """When the key is pressed, from the answer."""


RINGS = Behaviour()
"""Rings until the INVITE is cancelled."""


def answers(after: float, *, talks: float | None = None, digit: str | None = None) -> Behaviour:
    """Picked up after so many seconds, and hung up after talking so long."""
    return Behaviour(answer_after=after, hangup_after=talks, digit=digit)


def refuses(code: int, after: float = 0.0, *, rings: bool = True) -> Behaviour:
    """Refuses with a SIP code, after so many seconds; whether it rings before."""
    return Behaviour(reject=code, reject_after=after, progress=180 if rings else None)


GONE = Behaviour(reject=503, progress=None)
"""Registered, but the machine at the contact is not there any more."""


@dataclass(slots=True)
class Ring:
    """One ringing of a phone, as its user remembers it."""

    at: float
    call: str
    leg: str
    caller_number: str
    caller_name: str
    outcome: str = "ringing"
    """ringing, answered, refused or cancelled."""
    ended: float | None = None
    reason: str = ""
    """The Reason header of the CANCEL or BYE."""

    def end(self, outcome: str, at: float, reason: str = "") -> None:
        """It rings no more."""
        self.outcome, self.ended, self.reason = outcome, at, reason

    @property
    def missed(self) -> bool:
        """Whether the phone shows a missed call: cancelled, without "answered elsewhere" (fact 4)."""
        return self.outcome == "cancelled" and "Call completed elsewhere" not in self.reason

    @property
    def seconds(self) -> float | None:
        """How long it rang."""
        return None if self.ended is None else self.ended - self.at


class Phone:
    """A telephone at an extension, or an external number behind a gateway."""

    def __init__(
        self, user: str, domain: str, contact: str, behaviour: Behaviour = RINGS, *, busy_while_talking: bool = True
    ) -> None:
        self.user = user
        self.domain = domain
        self.contact = contact
        """The part of a dial string for this phone after ``sofia/<profile>/``."""
        self.behaviour = behaviour
        self.busy_while_talking = busy_while_talking
        """Whether a second call is refused with 486, as by a phone with one line."""
        self.talking = 0
        self.call_id = uuids.uuid4().hex[:12]
        """The Call-ID of its registration."""
        self.rings: list[Ring] = []
        self._script: deque[Behaviour] = deque()

    @property
    def address(self) -> str:
        """The host and port of the contact, for channel names and SIP headers."""
        return self.contact.rsplit("@", 1)[-1]

    def script(self, *behaviours: Behaviour) -> Phone:
        """What it does with its next calls, one each; afterwards its ``behaviour`` holds again."""
        self._script.extend(behaviours)
        return self

    def behave(self, behaviour: Behaviour) -> None:
        """What it does with all its calls from now on."""
        self.behaviour = behaviour

    def begin_talk(self) -> None:
        """A call of it is answered, or its user dials."""
        self.talking += 1

    def end_talk(self) -> None:
        """One of its calls is over."""
        self.talking -= 1

    def next_behaviour(self) -> Behaviour:
        """What it does with the call that comes in now."""
        if self.talking and self.busy_while_talking:
            return Behaviour(reject=486)
        return self._script.popleft() if self._script else self.behaviour


@dataclass(slots=True)
class Gateway:
    """A carrier: external numbers, each a telephone."""

    name: str
    up: bool = True
    numbers: dict[str, Phone] = field(default_factory=dict)

    def add(self, number: str, behaviour: Behaviour = RINGS) -> Phone:
        """A telephone at an external number."""
        phone = Phone(number, self.name, f"sip:{number}@{self.name}.invalid:5060", behaviour)
        self.numbers[number] = phone
        return phone


class Registrations:
    """Which phones are registered at which extension. ``listener`` hears of each that (un)registers or expires."""

    def __init__(self, listener: Callable[[str, Phone], None]) -> None:
        self._phones: dict[tuple[str, str], list[Phone]] = {}
        self._users: set[tuple[str, str]] = set()
        self._by_contact: dict[str, Phone] = {}
        self._listener = listener
        self._tenants: tuple[str, ...] = ()
        self._ports = itertools.count(FIRST_PORT)

    def add_user(self, user: str, domain: str) -> None:
        """An extension that exists, whether or not a phone is registered at it."""
        self._users.add((user, domain))

    def new_phone(
        self,
        user: str,
        domain: str,
        behaviour: Behaviour,
        contact: str | None,
        *,
        busy_while_talking: bool,
    ) -> Phone:
        """A phone, registered. A second one at the same extension is a second contact."""
        at = contact or f"sip:{user}@127.0.0.1:{next(self._ports)}"
        phone = Phone(user, domain, at, behaviour, busy_while_talking=busy_while_talking)
        self.register(phone)
        return phone

    def register(self, phone: Phone) -> None:
        """Makes the phone reachable."""
        self.add_user(phone.user, phone.domain)
        phones = self._phones.setdefault((phone.user, phone.domain), [])
        if phone not in phones:
            phones.append(phone)
        self._by_contact[unquote(phone.contact)] = phone
        self._listener("register", phone)

    def unregister(self, phone: Phone, *, expired: bool = False) -> None:
        """Makes ``sofia_contact`` forget it. Who dials its contact still reaches it, as with SIP."""
        phones = self._phones[phone.user, phone.domain]
        if phone in phones:
            phones.remove(phone)
            self._listener("expire" if expired else "unregister", phone)

    def registered(self) -> list[Phone]:
        """Every phone that is registered."""
        return [phone for phones in self._phones.values() for phone in phones]

    def is_user(self, user: str, domain: str) -> bool:
        """Whether the extension exists at all."""
        return (user, domain) in self._users

    def phones_of(self, user: str, domain: str) -> list[Phone]:
        """The registered phones of an extension, the first registered first."""
        return list(self._phones.get((user, domain), ()))

    def named_by(self, user: str, domain: str) -> list[Phone]:
        """The phones that ``sofia_contact`` names: where tenants share a profile, those of this number of each."""
        tenants = self._tenants if domain in self._tenants else (domain,)
        return [phone for tenant in tenants for phone in self.phones_of(user, tenant)]

    def share_profile(self, *domains: str) -> None:
        """Have tenants share the SIP profile (``presence-hosts``)."""
        self._tenants = domains

    def at(self, contact: str) -> Phone | None:
        """The phone at a contact, of any extension; percent-encoded or not, as FreeSWITCH's SIP stack has it."""
        return self._by_contact.get(unquote(contact))

    def all_phones(self) -> list[Phone]:
        """Every phone that is or was registered."""
        return list(self._by_contact.values())
