"""Who calls, and whom: read from what the switch says of the caller's channel. Nothing in it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fshunt.esl.commands import SUCCEEDS
from fshunt.esl.frames import Frame
from fshunt.freeswitch.channels import account_of
from fshunt.hunting import validation
from fshunt.hunting.loops import NO_OVERFLOWS, Overflows, overflows_of

MAX_SHOWN_CHARS = 120
DEFAULT_CONTEXT = "default"
UNDELIVERED = "fshunt_undelivered"
"""The channel variable with the arrival at which no destination of the group was real."""
PRESENTED = "fshunt_presented"
"""The channel variable that says so to a later hunt of the same call."""

OVERFLOWS = "fshunt_overflows"
"""The channel variable with the groups that a caller has overflowed from. It is exported, so that the other side of a
``loopback`` has it too; a caller cannot set it."""

REPLACES = "fshunt_replaces"
"""The channel variable with the channel in whose place the caller was put by an attended transfer; where phones rang,
FreeSWITCH has a variable of its own."""

MAX_APOSTROPHES = 1
"""In a name that is passed on: the switch's ``uuid_setvar`` takes two for quotation marks and drops them."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller's channel and what was dialled. ``name`` and ``number`` are the caller's own words: only for rows."""

    uuid: str
    arrival: str
    """The uuid and, after a transfer, how often the channel was sent to a number: a caller who comes back to a pilot is
    a new call to it, and one whom a further daemon takes over is not (fact 56)."""
    number: str
    name: str
    pilot: str
    domain_variable: str | None
    domain_name: str | None
    dialled_host: str | None
    context: str
    answered: bool
    presence_ids: frozenset[str] = frozenset()
    """Whose phone it is, as the switch names it: ``extension@domain`` in lower case."""
    numbers: frozenset[str] = frozenset()
    """The caller's numbers, as the call names them: shown, and of the line."""
    withheld: bool = False
    """Whether the caller asked that the number, or the name, be shown to nobody."""
    presented: bool = False
    """Whether an earlier hunt of this call has set the name and music of its group."""
    replaces: str = ""
    """The channel of the one who was hunted for, and has put the caller in their place."""
    overflows: Overflows = NO_OVERFLOWS
    """The groups that the caller has overflowed from on the way here."""

    undelivered: bool = False
    """Whether a daemon has found, at this arrival, that no destination of the group is real: the fallback is next."""

    @property
    def asked_domain(self) -> str:
        """The domain that the channel names, for the row of a call whose group was not found."""
        return self.domain_variable or self.domain_name or self.dialled_host or ""

    @property
    def shown_number(self) -> str | None:
        """The number, if it is one of digits only, so that it can be shown elsewhere than by the switch itself."""
        return self.number if validation.fits(validation.check_caller_number, self.number) else None

    def ids_in(self, domain: str) -> frozenset[str]:
        """Return whose phone it is, in a group's domain: who names the same host in From and To is in that domain."""
        host = (self.dialled_host or "").lower()
        names = (each.rpartition("@") for each in self.presence_ids)
        return self.presence_ids | {f"{user}@{domain}".lower() for user, _, of in names if of == host != ""}

    def prefixed_name(self, prefix: str) -> str:
        """Return the name that members see: the group's prefix, then the caller's name.

        A name with characters that cannot be passed on unchanged is left out, and the number stands in its place;
        it is not repaired (design, section 9).
        """
        shown = next((text for text in (self.name, self.number) if _can_be_passed_on(text)), "")
        return f"{prefix} {shown}".rstrip()


def caller_of(channel: Frame, uuid: str) -> Caller:
    """Read the caller from the answer to ``connect``; ``uuid`` is the channel's, as commands name it."""
    context, arrival = channel.get("Caller-Context") or "", _arrival(channel, uuid)
    return Caller(
        uuid=uuid,
        arrival=arrival,
        number=plain(channel.get("Caller-Caller-ID-Number") or ""),
        name=plain(channel.get("Caller-Caller-ID-Name") or ""),
        pilot=plain(channel.get("Caller-Destination-Number") or ""),
        domain_variable=_named(channel, "variable_fshunt_domain"),
        domain_name=_named(channel, "variable_domain_name"),
        dialled_host=_named(channel, "variable_sip_req_host"),
        context=context if validation.fits(validation.check_context, context) else DEFAULT_CONTEXT,
        answered=channel.get("Answer-State") == "answered",
        presence_ids=_presence_ids(channel),
        numbers=_numbers(channel),
        withheld=any(channel.get(f"Caller-Privacy-Hide-{part}") == "true" for part in ("Number", "Name")),
        presented=channel.get(f"variable_{PRESENTED}") == "true",
        replaces=_named(channel, f"variable_{REPLACES}") or _named(channel, f"variable_{SUCCEEDS}") or "",
        overflows=overflows_of(channel.get(f"variable_{OVERFLOWS}") or "", arrival),
        undelivered=channel.get(f"variable_{UNDELIVERED}") == arrival,
    )


def _arrival(channel: Frame, uuid: str) -> str:
    """The first arrival is known by the uuid alone. No Call-ID has the ``#``.

    It is set as a variable, which a caller's Call-ID may never be (design, section 9): its digest stands for it.
    """
    name = uuid if validation.fits(validation.check_uuid, uuid) else sha256(uuid.encode()).hexdigest()
    index = channel.get("Caller-Profile-Index") or ""
    return f"{name}#{index}" if index.isascii() and index.isdecimal() and index != "1" else name


def _presence_ids(channel: Frame) -> frozenset[str]:
    """Read who calls, as the monitor does: the account that logged in, else the presence id, which a caller chooses."""
    name = account_of(channel) or (channel.get("Channel-Presence-ID") or "").lower()
    return frozenset({name} - {""})


def _numbers(channel: Frame) -> frozenset[str]:
    return frozenset(channel.get(f"Caller-{name}") or "" for name in ("Caller-ID-Number", "ANI")) - {""}


def plain(text: str) -> str:
    """Return a text of the caller's for rows and logs: one line, printable, of bounded length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:MAX_SHOWN_CHARS])


def _can_be_passed_on(text: str) -> bool:
    return validation.fits(validation.check_caller_name, text) and text.count("'") <= MAX_APOSTROPHES


def _named(channel: Frame, name: str) -> str | None:
    value = channel.get(name)
    return plain(value) if value else None
