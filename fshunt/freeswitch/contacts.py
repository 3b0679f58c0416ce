"""The phones of extensions, as their switch names them now, and which of them are dialled (facts 17 and 38 to 41).

Asked for each call: an event of the monitor is late, the switch's own answer is not (fact 31). Pure, but for ``ask``.

``sofia_contact`` names all contacts that a direct call would ring, also those of another tenant's extension of the same
number; the list of registrations has the domain of each. Both are asked in one write. The list is of one SIP profile,
and the profiles are learnt from the contacts themselves: the first question of all takes two writes. The directory,
which may be slow, is asked in the background meanwhile.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote
from uuid import uuid4

from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.esl.jobs import Jobs
from fshunt.freeswitch.directory import (
    SEVERAL,
    UNANSWERED,
    USUAL,
    Reach,
    Way,
    read_dial_string,
    user_endpoint,
    verto_endpoints,
)
from fshunt.hunting import validation

MAX_SHOWN_CHARS = 80
"""Of a contact in a log line or a record: more says nothing more."""

MAX_PROFILES = 32
"""So many SIP profiles are remembered. A name that is none costs the switch a question of 0.05 ms for each member."""

_LIST = "\nRegistrations:\n"
_ENDPOINT = re.compile(r"sofia/([A-Za-z0-9_.-]{1,64})/sip:(.*)", re.DOTALL)
_ADDRESS = re.compile(r"(?:sips?:)?(?:([^@]*)@)?(\[[^]]*\]|[^:;?]*)(?::(\d+))?(.*)", re.DOTALL)
_NO_WILDCARD = re.compile(r"[^A-Za-z0-9@:.;=+-]")


@dataclass(frozen=True, slots=True)
class MemberPhones:
    """The phones of a member: the endpoints that can be dialled; why the others cannot be, a contact each, in words."""

    endpoints: tuple[str, ...] = ()
    undialable: tuple[str, ...] = ()
    other_switch: str | None = None
    """The name of another switch that has the phones, where no route leads to it."""
    reach: Reach = USUAL
    """How the directory has the member reached."""

    @property
    def registered(self) -> bool:
        """Whether there is a phone at all."""
        return bool(self.endpoints or self.undialable or self.other_switch)

    @property
    def do_not_disturb(self) -> bool:
        """Whether the directory says so."""
        return self.reach.way is Way.DO_NOT_DISTURB

    @property
    def why_not(self) -> str | None:
        """Why no phone of the member can be dialled; None where one can be, or there is none."""
        return self.undialable[0] if self.undialable and not self.endpoints else None


@dataclass(frozen=True, slots=True)
class Registration:
    """One row of a switch's list. ``contact`` is the endpoint, as in a dial string; ``expires`` in how many seconds."""

    user: str
    domain: str
    call_id: str
    contact: str
    expires: int = 0


class CommandSender(Protocol):
    """What ``ask`` needs of a session, or of an inbound connection."""

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for their replies."""

    def start_jobs(self, asked: Sequence[Command]) -> Jobs:
        """Has API commands run in the background."""

    def finish_jobs(self, jobs: Jobs, timeout: float) -> list[str | None]:
        """Waits for what they write; None of one that has not ended in time."""


class SipProfiles:
    """The SIP profiles that phones were seen at, of all switches: registrations are listed by profile."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def all(self) -> tuple[str, ...]:
        """The names, in the order in which they were learnt."""
        return tuple(self._names)

    def learn(self, names: Iterable[str]) -> None:
        """Note names; beyond ``MAX_PROFILES`` the oldest is forgotten."""
        self._names += sorted(set(names) - set(self._names))
        del self._names[:-MAX_PROFILES]


def ask(
    sender: CommandSender,
    domain: str,
    extensions: Sequence[str],
    timeout: float,
    profiles: SipProfiles | None = None,
    directory_seconds: float | None = None,
) -> dict[str, MemberPhones]:
    """Ask a switch for all phones of all these extensions. Raises what the connection raises.

    ``profiles`` learns from the answers; once it knows those of the switch, there is one write. A directory behind HTTP
    may be slow: it is waited for ``directory_seconds`` at most (``timeout`` where None; 0: it is not asked). Where it
    has not answered by then, the reach is ``UNANSWERED`` and the registered phones count.
    """
    if not extensions:
        return {}
    patience = timeout if directory_seconds is None else directory_seconds
    asked = [api.user_param(each, validation.check_domain(domain), "dial-string") for each in extensions]
    jobs = sender.start_jobs(asked) if patience > 0 else None
    named, listed = _ask_for_registrations(sender, domain, extensions, timeout, profiles or SipProfiles())
    said = [None] * len(extensions) if jobs is None else sender.finish_jobs(jobs, patience)
    reach = {
        each: UNANSWERED if text is None else read_dial_string(text)
        for each, text in zip(extensions, said, strict=True)
    }
    verto = _ask_for_the_rest(sender, domain, named, listed, reach, timeout)
    return {
        each: as_directory_says(
            phones_among(listed[each], domain), reach[each], user_endpoint(each, domain), verto.get(each, ())
        )
        for each in extensions
    }


def _ask_for_registrations(
    sender: CommandSender, domain: str, extensions: Sequence[str], timeout: float, profiles: SipProfiles
) -> tuple[dict[str, list[str]], dict[str, list[Registration]]]:
    """Return the contacts that the switch names of each extension, and the rows of its lists; none asks the directory.

    The profiles that are seen are learnt.
    """
    marks = {extension: uuid4().hex for extension in extensions}
    known = profiles.all()
    questions = [query(extension, domain, mark) for extension, mark in marks.items()]
    questions += [_list_query(profile, each, domain) for each in extensions for profile in known]
    answers = iter([frame.reply_text for frame in sender.send_all(questions, timeout)])
    named = {extension: contacts_in(next(answers), mark) for extension, mark in marks.items()}
    listed = {each: [row for name in known for row in registrations_in(next(answers), name)] for each in extensions}
    contacts = (contact for each in named.values() for contact in each)
    profiles.learn(found[1] for contact in contacts if (found := _ENDPOINT.fullmatch(contact)))
    return named, listed


def _ask_for_the_rest(
    sender: CommandSender,
    domain: str,
    named: dict[str, list[str]],
    listed: dict[str, list[Registration]],
    reach: dict[str, Reach],
    timeout: float,
) -> dict[str, tuple[str, ...]]:
    """Add to ``listed`` the rows of contacts that no list has; return the Verto clients of those who have any."""
    doubtful = [(each, contact) for each in named for contact in _not_listed(named[each], listed[each])]
    with_verto = [each for each in named if reach[each].verto]
    verto = dict[str, tuple[str, ...]]()
    if not doubtful and not with_verto:
        return verto
    questions = [_contact_query(contact) for _, contact in doubtful]
    questions += [api.verto_contact(each, domain) for each in with_verto]
    replies = iter([frame.reply_text for frame in sender.send_all(questions, timeout)])
    for each, contact in doubtful:
        listed[each] += _rows_of(contact, each, domain, next(replies))
    for each in with_verto:
        said = next(replies)
        verto[each] = verto_endpoints(said)
        reach[each] = replace(reach[each], verto=not said.startswith("-ERR"))
    return verto


def as_directory_says(phones: MemberPhones, reach: Reach, user: str, verto: tuple[str, ...] = ()) -> MemberPhones:
    """Return the phones that count: those registered, or what the directory has instead (design, section 4).

    ``user`` is the endpoint that has the directory decide; ``verto`` are Verto clients, which count if it says so.
    """
    match reach.way:
        case Way.CONTACTS:
            sip = phones if reach.sip else MemberPhones()
            return replace(sip, endpoints=sip.endpoints + verto, reach=reach)
        case Way.USER:
            return MemberPhones((user,), reach=reach)
        case Way.SEVERAL:
            return MemberPhones(undialable=(SEVERAL,), reach=reach)
        case Way.DO_NOT_DISTURB | Way.NOBODY:
            return MemberPhones(reach=reach)


def query(extension: str, domain: str, mark: str) -> Command:
    """Return the command that asks for all contacts of an extension, each with ``mark`` before it (fact 17).

    ``mark`` must be new for each question, and nothing that can be guessed.
    """
    user = validation.check_extension(extension)
    return api.sofia_contact(user, validation.check_domain(domain), validation.check_uuid(mark))


def _list_query(profile: str, extension: str, domain: str) -> Command:
    return api.sofia_registrations_of(profile, validation.check_extension(extension), validation.check_domain(domain))


def _contact_query(contact: str) -> Command:
    """The command that lists the registrations at a contact; characters that could mean more match any (SQL's LIKE)."""
    found = _ENDPOINT.fullmatch(contact)
    profile, address = (found[1], found[2]) if found else ("none", "none")
    return api.sofia_registrations_at(profile, _NO_WILDCARD.sub("_", address))


def contacts_in(answer: str, mark: str) -> list[str]:
    """Return the contacts in an answer to ``query``.

    What a phone registered is not trusted. The switch joins contacts by commas, and a contact may hold one; but only
    the switch knows ``mark``, which it put before each.
    """
    parts = answer.split(mark)[1:]
    return [part.removesuffix(",") for part in parts[:-1]] + parts[-1:]  # the switch takes the last comma off


def registrations_in(answer: str, profile: str) -> list[Registration]:
    """Return the rows of a list of registrations at a profile; nothing for what is no such list."""
    rows, values = [], dict[str, str]()
    for line in answer.split("\n") if answer.startswith(_LIST) else []:
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name, value.strip(" \t"))
        elif not line and values:
            rows.append(_row(values, profile))
            values = {}
    return [row for row in rows if row.domain]


def _row(values: dict[str, str], profile: str) -> Registration:
    user, _, domain = values.get("User", "").rpartition("@")
    expires = re.search(r"EXPSECS\((-?\d{1,9})\)$", values.get("Status", ""))
    contact = f"sofia/{profile}/sip:{_address_in(values.get('Contact', ''))}"
    return Registration(user, domain, values.get("Call-ID", ""), contact, int(expires[1]) if expires else 0)


def _address_in(stored: str) -> str:
    """The address in a contact as FreeSWITCH keeps it, without its scheme, as ``sofia_contact`` has it.

    The display name before it may hold a ``<``; a contact that was cut off at 1,023 characters has no ``>``.
    """
    quote = stored.find('"', 1) if stored.startswith('"') else -1
    rest = stored[quote + 1 :]
    address = rest[rest.find("<") + 1 :].partition(">")[0]
    return address.partition(":")[2] or address


def _not_listed(contacts: Sequence[str], rows: Sequence[Registration]) -> list[str]:
    known = {row.contact for row in rows}
    return [contact for contact in contacts if contact not in known]


def _rows_of(contact: str, extension: str, domain: str, answer: str) -> list[Registration]:
    """The rows of one contact; a switch that lists nothing cannot say whose it is, and is believed as before."""
    if not answer.startswith(_LIST):
        return [Registration(extension, domain, contact, contact)]
    found = _ENDPOINT.fullmatch(contact)
    rows = registrations_in(answer, found[1] if found else "")
    return [row for row in rows if row.contact == contact and row.user.lower() == extension.lower()]


def is_of_domain(registered: str, domain: str) -> bool:
    """Whether who registered at a domain is of another one: at that very domain, or at an address of the switch.

    An IP address is no tenant's name, so the switch decides alone whose phone it is (fact 41).
    """
    return registered.lower() == domain.lower() or is_ip_address(registered)


def is_ip_address(text: str) -> bool:
    """Tell whether the host of an address is an IP address, in brackets or not."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def phones_among(rows: Sequence[Registration], domain: str) -> MemberPhones:
    """Return the phones of an extension of a domain among its registrations, each phone once."""
    endpoints, undialable = [], []
    for phone in _phones([row for row in rows if is_of_domain(row.domain, domain)]):
        reasons = [why_not(row.contact) for row in phone]
        good = [row.contact for row, reason in zip(phone, reasons, strict=True) if reason is None]
        if good:
            endpoints.append(good[-1])
        elif reasons[-1] is not None:
            undialable.append(reasons[-1])
    return MemberPhones(tuple(endpoints), tuple(undialable))


def _phones(rows: Sequence[Registration]) -> list[list[Registration]]:
    """The registrations of each phone, the one that was renewed last at the end."""
    phones: list[tuple[set[tuple[str, ...]], list[Registration]]] = []
    for row in dict.fromkeys(rows):
        signs, registered = signs_of(row), [row]
        for other in [each for each in phones if each[0] & signs]:
            phones.remove(other)
            signs, registered = other[0] | signs, other[1] + registered
        phones.append((signs, registered))
    return [sorted(registered, key=lambda row: row.expires) for _, registered in phones]


def signs_of(row: Registration) -> set[tuple[str, ...]]:
    """Return what a registration is known by: two with a sign in common are one phone (design, section 4).

    FreeSWITCH drops ``+sip.instance`` where it stands behind the address (fact 40); a phone keeps its Call-ID. Phones
    behind two NATs may have the same address, so where the switch sees them counts, too.
    """
    signs: set[tuple[str, ...]] = {("call", row.call_id)} if row.call_id else set()
    found = _ADDRESS.fullmatch(row.contact.partition("/sip:")[2])
    if found is None:
        return signs
    user, host, port, rest = found[1] or "", found[2].lower(), found[3], found[4]
    parameters = dict(part.partition("=")[::2] for part in rest.split(";") if part)
    default = "5061" if parameters.get("transport", "").lower() == "tls" else "5060"
    path = _ADDRESS.match(unquote(parameters.get("fs_path", "")).strip("<>"))
    seen_at = path[2].lower() if path is not None else ""
    signs.add(("address", user, host, port or default, seen_at or host))
    if instance := parameters.get("+sip.instance"):
        signs.add(("instance", unquote(instance).strip('"<>').lower()))
    return signs


def why_not(contact: str) -> str | None:
    """Why a contact cannot be dialled, in words; None if it can be."""
    if validation.fits(validation.check_contact, contact):
        return None
    shown = contact if len(contact) <= MAX_SHOWN_CHARS else contact[:MAX_SHOWN_CHARS] + "..."
    return f"no SIP address that can be dialled: {shown!a}"
