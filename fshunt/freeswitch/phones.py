"""What the phones of one switch do now: who is registered, who rings, who talks. Pure, but for ``watch``.

The start state is taken once the events flow, so nothing is lost between the two; it can be taken anew at any time.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from fshunt.esl import api, commands
from fshunt.esl.commands import Command, UnsafeText
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.freeswitch.channels import NOTHING, Change, ChannelTable, PhoneCall, PhoneState
from fshunt.freeswitch.implausible import Implausible, late_registrations, long_calls
from fshunt.freeswitch.registrations import RegistrationTable, profile_names
from fshunt.freeswitch.slices import Breathe, hold_breath

__all__ = ["EVENTS", "Change", "PhoneCall", "PhoneState", "PhoneTable", "watch"]

EVENTS = (
    *("CHANNEL_CREATE", "CHANNEL_UUID", "CHANNEL_CALLSTATE", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"),
    *("CUSTOM", "sofia::register", "sofia::unregister", "sofia::expire"),
)
STATE_SECONDS = 10.0  # for a long table to be read and sent
DOUBTS_AT_ONCE = 100


class PhoneTable:
    """What is known of one switch. Presence ids are ``user@domain``, in any letters."""

    def __init__(self) -> None:
        self._channels = ChannelTable()
        self._registrations = RegistrationTable()
        self._late: list[Implausible] = []

    def begin(self) -> None:
        """Says that the state is about to be taken: what events say from now on counts more than it."""
        self._channels.begin()
        self._registrations.begin()

    def take_channels(self, text: str, breathe: Breathe = hold_breath) -> Change:
        """Takes in ``show channels as json``. Raises ProtocolError, and then has changed nothing."""
        return self._channels.take(text, breathe)

    def take_registrations(self, text: str, breathe: Breathe = hold_breath) -> Change:
        """Takes in ``sofia xmlstatus profile NAME reg`` of every profile, one after another. Raises ProtocolError."""
        change = self._registrations.take(text, breathe)
        self._late = late_registrations(text)
        return change

    def doubts(self) -> list[str]:
        """The channels of which events and table differ: the switch is to be asked whether they live."""
        return list(self._channels.doubts)

    def settle(self, uuid: str, exists: bool) -> Change:
        """Takes in the answer to a doubt."""
        return self._channels.settle(uuid, exists)

    def on_event(self, event: Frame) -> Change:
        """Takes in an event, whatever it is about."""
        name = event.raw("Event-Name") or b""
        if name == b"CUSTOM":
            return self._registrations.on_event(event)
        return self._channels.on_event(event) if name.startswith(b"CHANNEL_") else NOTHING

    def calls_of(self, presence_id: str) -> tuple[PhoneCall, ...]:
        """The calls of a phone, the oldest first."""
        return self._channels.calls_of(presence_id)

    def is_registered(self, user: str, domain: str) -> bool:
        """Whether an extension has a phone."""
        return self._registrations.is_registered(user, domain)

    def registered_in(self, domain: str) -> Iterator[str]:
        """The extensions of a domain that have a phone."""
        return self._registrations.registered_in(domain)

    def has_channel(self, uuid: str) -> bool:
        """Whether a channel lives."""
        return uuid in self._channels.channels

    def ids_of(self, uuid: str) -> frozenset[str]:
        """Whose channel it is, as presence ids; empty for one that is not known, or over."""
        channel = self._channels.channels.get(uuid)
        return frozenset() if channel is None else channel.ids

    def is_answered(self, uuid: str) -> bool:
        """Whether a channel lives and was answered."""
        channel = self._channels.channels.get(uuid)
        return channel is not None and channel.answered

    def implausible(self, now: float) -> list[Implausible]:
        """What can hardly be true of the calls and registrations; ``now`` in seconds since 1970."""
        return [*long_calls(self._channels.channels.values(), now), *self._late]

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return len(self._channels.channels)

    @property
    def registrations(self) -> int:
        """How many phones are registered."""
        return self._registrations.count


class CommandSender(Protocol):
    """A connection to one switch: an inbound connection, or the session of a call."""

    def send(self, command: Command, timeout: float) -> Frame:
        """Sends one command and waits for its reply."""

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for their replies."""


def watch(inbound: CommandSender, table: PhoneTable, breathe: Breathe = hold_breath) -> Change:
    """Subscribes to the events and takes the start state; done again, takes the state anew.

    ``breathe`` is called after every few rows of it, to let others run.

    Events that come meanwhile stay with the connection, to be given to the table as any others. Raises what the
    connection raises, and ProtocolError when the state cannot be read.
    """
    table.begin()
    inbound.send(commands.subscribe(*EVENTS), STATE_SECONDS)
    changes = [table.take_channels(inbound.send(api.show_channels(), STATE_SECONDS).reply_text, breathe)]
    changes.append(table.take_registrations(registration_lists(inbound), breathe))
    return Change.of([*changes, *_settle_doubts(inbound, table)])


def registration_lists(inbound: CommandSender) -> str:
    """Return the lists of all SIP profiles. Raises what the connection raises, and ProtocolError."""
    names = profile_names(inbound.send(api.sofia_profiles(), STATE_SECONDS).reply_text)
    asked: list[Command] = [api.sofia_registrations(name) for name in names]
    lists = [reply.reply_text for reply in inbound.send_all(asked, STATE_SECONDS)]
    if any("<registrations>" not in each for each in lists):  # a profile that is just being restarted
        raise ProtocolError("FreeSWITCH does not list the registrations of each of its SIP profiles.")
    return "\n".join(lists)


def _settle_doubts(inbound: CommandSender, table: PhoneTable) -> Iterator[Change]:
    doubts = table.doubts()
    for first in range(0, len(doubts), DOUBTS_AT_ONCE):
        asked = [(uuid, command) for uuid in doubts[first : first + DOUBTS_AT_ONCE] if (command := _question(uuid))]
        replies = inbound.send_all([command for _, command in asked], STATE_SECONDS)
        for (uuid, _), reply in zip(asked, replies, strict=True):
            yield table.settle(uuid, reply.reply_text.strip() != "false")


def _question(uuid: str) -> Command | None:
    try:
        return api.uuid_exists(uuid)
    except UnsafeText:  # FreeSWITCH can be set to take the caller's Call-ID: it is believed to live
        return None
