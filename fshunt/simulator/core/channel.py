"""One channel of the simulated switch: its states, its variables, and how its events are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fshunt.simulator.core import headers, headers_end
from fshunt.simulator.core.headers import CALLER_PORT, LEG_PORT, Headers, Profile

WITHOUT_VARIABLES = frozenset({"CHANNEL_STATE", "CHANNEL_CALLSTATE"})
CALL_STATES = ("DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP", "UNHELD")


class EventBus(Protocol):
    """Where a channel's events go: the switch."""

    core_uuid: str

    def epoch(self) -> float:
        """Seconds since 1970."""

    def next_sequence(self) -> int:
        """The number of the next event."""

    def wanted(self, name: str, uuid: str) -> bool:
        """Whether any listener would take this event."""

    def deliver(self, name: str, uuid: str, event: Headers) -> None:
        """Hands the event to the listeners that want it."""


class SimulatedChannel:
    """A caller's channel or an outgoing leg's."""

    def __init__(self, bus: EventBus, profile: Profile, variables: dict[str, str], presence_id: str) -> None:
        self._bus = bus
        self.profile = profile
        self.variables = variables
        self.presence_id = presence_id
        self.call_uuid = profile.uuid
        self.state = "CS_EXECUTE" if profile.direction == "inbound" else "CS_CONSUME_MEDIA"
        self.call_state = "DOWN"
        self.answer_state = "ringing"
        self.hangup_cause: str | None = None
        self.media = False
        self.other: SimulatedChannel | None = None
        self.other_type = "originatee" if profile.direction == "inbound" else "originator"
        self.application = ("", "")

    @property
    def uuid(self) -> str:
        """Its Unique-ID."""
        return self.profile.uuid

    @property
    def name(self) -> str:
        """Its name, such as ``sofia/internal/1001@127.0.0.1:42001``."""
        return self.profile.channel_name

    @property
    def up(self) -> bool:
        """Whether it has not been hung up."""
        return self.hangup_cause is None

    @property
    def answered(self) -> bool:
        """Whether it was ever answered."""
        return self.profile.times.answered > 0

    @property
    def rang(self) -> bool:
        """Whether ringing was ever signalled on it."""
        return self.profile.times.progress > 0

    def fire(self, name: str, extra: Sequence[tuple[str, str]] = (), front: Sequence[tuple[str, str]] = ()) -> None:
        """Sends an event about this channel to its listeners."""
        sequence = self._bus.next_sequence()
        if self._bus.wanted(name, self.uuid):
            head = headers.event_head(name, self._bus.epoch(), sequence, self._bus.core_uuid)
            self._bus.deliver(name, self.uuid, [*head, *front, *self._body(name), *extra])

    def data(self) -> Headers:
        """The answer to ``connect``: the caller profile twice, the channel, its variables (fact 1)."""
        head = headers.event_head("CHANNEL_DATA", self._bus.epoch(), self._bus.next_sequence(), self._bus.core_uuid)
        return [*head, *headers.profile_headers("SimulatedChannel", self.profile), *self._body("CHANNEL_DATA")]

    def _body(self, name: str) -> Headers:
        found: Headers = [
            ("Channel-State", self.state),
            ("Channel-Call-State", self.call_state),
            ("Channel-State-Number", str(headers.STATE_NUMBERS.get("CS_HANGUP" if not self.up else self.state, 0))),
            ("Channel-Name", self.name),
            ("Unique-ID", self.uuid),
            ("Call-Direction", self.profile.direction),
            ("Presence-Call-Direction", self.profile.direction),
            ("Channel-HIT-Dialplan", "true" if self.profile.direction == "inbound" else "false"),
            ("Channel-Presence-ID", self.presence_id),
            ("Channel-Call-UUID", self.call_uuid),
            ("Answer-State", self.answer_state),
        ]
        if self.hangup_cause is not None:
            found.append(("Hangup-Cause", self.hangup_cause))
        if self.media:
            found += headers.codec_headers()
        found += headers.profile_headers("Caller", self.profile)
        if self.other is not None:
            found.append(("Other-Type", self.other_type))
            found += headers.profile_headers("Other-Leg", self.other.profile, other=True)
        if name not in WITHOUT_VARIABLES:
            found += [(f"variable_{key}", value) for key, value in self.variables.items()]
        return found

    # What is noted of a channel, without an event.

    def enter(self, state: str) -> None:
        """It is in another state; ``fire`` tells of it."""
        self.state = state

    def face(self, other: SimulatedChannel) -> None:
        """It has another channel on its other side."""
        self.other = other

    def belong_to(self, caller: SimulatedChannel) -> None:
        """It is a leg of this caller's call."""
        self.call_uuid, self.other = caller.uuid, caller

    def begin_application(self, application: str, argument: str) -> None:
        """An application begins on it."""
        self.application = (application, argument)

    # What happens to a channel, each with its event.

    def announce(self) -> None:
        """The channel is created; the caller's own phone hears ringing from then on."""
        self.fire("CHANNEL_CREATE")
        if self.profile.direction == "inbound":
            self._enter("RINGING")

    def _enter(self, call_state: str) -> None:
        """Changes the state of the call, with an event."""
        old, self.call_state = self.call_state, call_state
        if old not in (call_state, "HANGUP"):
            number = str(CALL_STATES.index(call_state))
            self.fire(
                "CHANNEL_CALLSTATE",
                front=[("Original-Channel-Call-State", old), ("Channel-Call-State-Number", number)],
            )

    def mark_ringing(self) -> None:
        """180: signals ringing to the caller; once a channel."""
        if not self.rang and not self.answered:
            self.profile.times.rings(self._bus.epoch())
            self.variables.setdefault("sip_to_tag", self.uuid[:13])
            self.fire("CHANNEL_PROGRESS")
            self._enter("RINGING")

    def mark_early(self) -> None:
        """183: sound flows before the answer; once a channel."""
        if self.media:
            return
        self.media = True
        self.profile.times.gains_media(self._bus.epoch())
        self.answer_state = "early"
        self._gain_media()
        self.variables["endpoint_disposition"] = "EARLY MEDIA"
        self.fire("CHANNEL_PROGRESS_MEDIA")
        self._enter("EARLY")

    def mark_answered(self) -> None:
        """200: answered. A caller's channel passes through early media on the way, a leg does not."""
        if self.answered or not self.up:
            return
        if self.profile.direction == "inbound":
            self.mark_early()
        elif not self.media:
            self.media = True
            self._gain_media()
        self.profile.times.is_answered(self._bus.epoch())
        self.answer_state = "answered"
        self.variables |= headers_end.answer_variables()
        self.fire("CHANNEL_ANSWER")
        self.variables["endpoint_disposition"] = "ANSWER"

    def settle_answer(self) -> None:
        """The call's state after the answer has been announced, and ``execute_on_answer`` has run."""
        self._enter("ACTIVE")

    def mark_hungup(self, cause: str) -> None:
        """Hung up: CHANNEL_HANGUP. Does nothing the second time."""
        if self.up:
            self.hangup_cause = cause
            self.answer_state = "hangup"
            self.fire("CHANNEL_HANGUP")
            self.profile.times.is_hung_up(self._bus.epoch())

    def report(self, *, states: bool) -> None:
        """The end: the last states, and CHANNEL_HANGUP_COMPLETE with all variables."""
        cause = self.hangup_cause or "NORMAL_CLEARING"
        self.state = "CS_HANGUP"
        if states:
            self.fire("CHANNEL_STATE")
        self._enter("HANGUP")
        self.state = "CS_REPORTING"
        if states:
            self.fire("CHANNEL_STATE")
        self.variables |= headers_end.ending_variables(
            self.profile, cause, media=self.media, application=self.application
        )
        self.fire("CHANNEL_HANGUP_COMPLETE")

    def _gain_media(self) -> None:
        inbound = self.profile.direction == "inbound"
        self.variables |= headers_end.media_variables(self.profile, CALLER_PORT if inbound else LEG_PORT)
        if inbound:
            self.variables.setdefault("switch_m_sdp", headers.sdp(CALLER_PORT))


def append(variables: dict[str, str], name: str, value: str) -> None:
    """Adds to a variable that is an array: one value stands alone, more are ``ARRAY::a|:b``."""
    old = variables.get(name)
    if old is None:
        variables[name] = value
    elif old.startswith("ARRAY::"):
        variables[name] = f"{old}|:{value}"
    else:
        variables[name] = f"ARRAY::{old}|:{value}"


def set_variable(variables: dict[str, str], name: str, value: str) -> None:
    """Sets a variable; an empty value takes it away, as in FreeSWITCH."""
    if value and value != "_undef_":
        variables[name] = value
    else:
        variables.pop(name, None)
