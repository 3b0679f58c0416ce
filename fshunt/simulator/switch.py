"""A FreeSWITCH double: it has phones and callers, and dials the daemon over real TCP as FreeSWITCH does.

It plays ``socket host:port async full`` of FreeSWITCH 1.10.12; ``tests/simulator`` holds it to recorded frames of the
real one.
"""

from __future__ import annotations

import itertools
import uuid as uuids
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import gevent
from gevent.event import Event

from fshunt.simulator.core.actions import Action
from fshunt.simulator.core.bus import Bus
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.channel import SimulatedChannel
from fshunt.simulator.core.clock import Clock, RealClock
from fshunt.simulator.core.faults import Fault
from fshunt.simulator.core.headers import SWITCH_NAME, Profile, Times, caller_variables, leg_variables, login_variables
from fshunt.simulator.core.headers_end import registration_headers
from fshunt.simulator.core.lamps import Keys
from fshunt.simulator.core.legs import SimulatedLeg
from fshunt.simulator.core.phones import GONE, RINGS, Behaviour, Gateway, Phone, Registrations, refuses
from fshunt.simulator.core.pickup import KIND as PICKUP
from fshunt.simulator.core.pickup import Pickups
from fshunt.simulator.core.simulated_call import Application, SimulatedCall
from fshunt.simulator.core.sip_causes import (
    CHAN_NOT_IMPLEMENTED,
    GATEWAY_DOWN,
    INVALID_GATEWAY,
    INVALID_PROFILE,
    NORMAL_CLEARING,
    SUBSCRIBER_ABSENT,
    USER_NOT_REGISTERED,
)
from fshunt.simulator.core.throttle import NO_LIMITS, Limits, Throttle
from fshunt.simulator.dialplan import applications
from fshunt.simulator.dialplan.bridging import CALLEE_NAME
from fshunt.simulator.dialplan.dialstring import DialError
from fshunt.simulator.dialplan.routing import context_xml, features, is_routed, route, shipped
from fshunt.simulator.eventsocket import api
from fshunt.simulator.eventsocket.inbound import InboundSocket
from fshunt.simulator.eventsocket.outbound import socket_application

NO_NUMBER = "0000000000"
"""What a call shows that nobody has given a number (switch_ivr_originate.c)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An event on the switch, for observers."""

    at: float
    call: str
    caller: str
    what: str
    """dials, rings, refuses, picks up, talks with, stops ringing, hangs up, caller hangs up, voicemail, ... ends."""
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class VoiceMessage:
    """A message in a voicemail box."""

    box: str
    caller: str
    seconds: float


class SimulatedSwitch:
    """The switch: registrations, gateways, calls, and the controllers it dials."""

    name: str = SWITCH_NAME

    def __init__(
        self,
        controllers: Sequence[tuple[str, int]],
        *,
        domain: str = "office.test",
        clock: Clock | None = None,
        fallback_box: str = "1001",
        voicemail_seconds: float = 3.0,
        pilot_actions: Sequence[Action] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self.clock: Clock = clock or RealClock()
        self.throttle = Throttle(self.clock, lambda: sum(1 for _ in self.all_channels()), limits)
        self.domain = domain
        self.voicemail_seconds = voicemail_seconds
        self.playback_seconds = 1.0
        self.applications: Mapping[str, Application] = {
            **applications.TABLE,
            "socket": socket_application,
            "loopback": self._wait_for_far_side,
        }
        self.registrations = Registrations(self._tell_registration)
        self.gateways: dict[str, Gateway] = {}
        self.calls: dict[str, SimulatedCall] = {}
        self.messages: list[VoiceMessage] = []
        self.bus = Bus(self.clock)
        self.keys = Keys(self.bus)
        self.inbound: InboundSocket | None = None
        self.successors: dict[str, str] = {}
        self.inbound_faults: list[Fault] = []
        """Faults on the connections that monitors open from now on."""
        self.dialled = 0
        """Connections to controllers, open or opening; with the bytes, it tells whether data is in transit."""
        self.bytes_in = 0
        self.bytes_out = 0
        self.pilot_actions = list(pilot_actions or shipped(controllers, domain, fallback_box))
        self.feature_actions = features(controllers)
        self.routes: dict[str, list[Action]] = {}
        """Numbers with a dialplan of their own, which overrides pilots and extensions."""
        self.unknown_users: set[str] = set()
        self.dial_strings: dict[str, str] = {}
        """Those of users who are not reached at their registered phones, such as ``error/user_busy``."""
        self.directory: dict[str, str] = {}
        """The users that the directory lists, and their names."""
        self.only_listed = False
        self.kept_values: dict[tuple[str, str], str] = {}
        """What `db` keeps, by realm and key."""
        self.has_mod_db = True
        self.sofia_xml = "can't find anything\n"
        """What `xml_locate` answers for sofia.conf."""
        self.directory_seconds = 0.0
        self.mute_boxes: set[str] = set()
        self.originated: dict[str, SimulatedLeg] = {}
        self.pickups = Pickups()
        self._watchers: list[Callable[[Fact], None]] = []
        self._session_ids = itertools.count(1)

    # The interface for tests and the demo.

    def has_user(self, user: str) -> bool:
        """Tell whether the directory has a user."""
        return user not in self.unknown_users and (not self.only_listed or user in self.directory)

    def list_all_users(self) -> None:
        """The directory has nobody from now on whom ``directory`` does not list."""
        self.only_listed = True

    def phone(
        self,
        user: str,
        behaviour: Behaviour = RINGS,
        contact: str | None = None,
        *,
        busy_while_talking: bool = True,
        domain: str = "",
    ) -> Phone:
        """Registers a phone at an extension, of this domain or another; a second one is a second contact of it."""
        return self.registrations.new_phone(
            user, domain or self.domain, behaviour, contact, busy_while_talking=busy_while_talking
        )

    def user(self, user: str) -> None:
        """An extension without a registration."""
        self.registrations.add_user(user, self.domain)

    def gateway(self, name: str) -> Gateway:
        """A carrier; its numbers are added to it."""
        return self.gateways.setdefault(name, Gateway(name))

    def serve_inbound(self, password: str, port: int = 0) -> int:
        """Accepts monitors; returns the port on loopback."""
        self.inbound = InboundSocket(self, password, port)
        return self.inbound.port

    def use_controllers(self, controllers: Sequence[tuple[str, int]], *, fallback_box: str) -> None:
        """Lead the pilots to other controllers, from the next call on."""
        self.pilot_actions = shipped(controllers, self.domain, fallback_box)
        self.feature_actions = features(controllers)

    def drop_inbound(self) -> None:
        """Cuts the connections of all monitors; they may reconnect."""
        if self.inbound is not None:
            self.inbound.drop()

    def close_inbound(self) -> None:
        """Cuts them and stops listening, as when FreeSWITCH is stopped."""
        if self.inbound is not None:
            self.inbound.close()

    def watch(self, watcher: Callable[[Fact], None]) -> None:
        """Calls a function, which must not block, for each event."""
        self._watchers.append(watcher)

    def call(
        self,
        number: str,
        caller_number: str = "4155550100",
        caller_name: str = "Lab Caller",
        *,
        caller: SimulatedCaller | None = None,
        variables: dict[str, str] | None = None,
        faults: Sequence[Fault] = (),
        uuid: str | None = None,
        login: str | None = None,
    ) -> SimulatedCall:
        """A caller dials a number. The call runs in the background; ``join`` waits for its end.

        ``login``: the user who has proven the password to make this call (fact 80).
        """
        channel = self._caller_channel(number, caller_number, caller_name, uuid or str(uuids.uuid4()))
        channel.variables.update((login_variables(login, self.domain) if login else {}) | (variables or {}))
        call = SimulatedCall(self, channel, self.route(number), caller or SimulatedCaller(), faults)
        self.calls[call.uuid] = call
        channel.announce()
        self.tell(call, "dials", number, caller_name)
        gevent.spawn(self._run, call)
        return call

    def call_over_loopback(self, number: str, actions: Sequence[Action], variables: dict[str, str]) -> None:
        """A call of the switch's own to a number; its near side does these actions once a member talks at the far side.

        The dialplan's fallback, which answers the far side as well, is no answer here.
        """
        shown = variables["origination_caller_id_number"]
        far = self.call(number, shown, shown, variables=variables)
        channel = self._caller_channel("", shown, shown, variables["origination_uuid"])
        channel.variables.update(variables | {"other_loopback_leg_uuid": far.uuid})
        near = SimulatedCall(self, channel, [("loopback", far.uuid), *actions], SimulatedCaller())
        self.calls[near.uuid] = near
        channel.announce()
        near.at_end(lambda: far.hangup(NORMAL_CLEARING))
        far.at_end(lambda: near.hangup(NORMAL_CLEARING))
        gevent.spawn(self._run, near)

    def _wait_for_far_side(self, near: SimulatedCall, uuid: str) -> None:
        far = self.calls[uuid]
        gevent.spawn(_wake_when, [far.talking, far.ended], near)
        near.wait_until(lambda: far.talking.is_set() or far.ended.is_set())
        if far.talking.is_set():
            near.answer()

    def call_from(self, phone: Phone, number: str, *, caller: SimulatedCaller | None = None) -> SimulatedCall:
        """A phone of the switch dials a number and is busy meanwhile."""
        call = self.call(number, phone.user, f"Extension {phone.user}", caller=caller)
        phone.begin_talk()
        call.at_end(phone.end_talk)
        return call

    def stop(self) -> None:
        """Hangs up all calls."""
        for call in list(self.calls.values()):
            call.hangup("MANAGER_REQUEST")
        for leg in list(self.originated.values()):
            leg.hangup("MANAGER_REQUEST")

    def _run(self, call: SimulatedCall) -> None:
        try:
            call.run()
        finally:
            self.calls.pop(call.uuid, None)
            self.successors.pop(call.uuid, None)
            call.close()

    def route(self, number: str) -> list[Action]:
        """The dialplan of a number: its own, the pilots', an extension's, or none."""
        if number in self.routes:
            return list(self.routes[number])
        return route(number, self.domain, self.pilot_actions, self.feature_actions)

    def has_route(self, number: str) -> bool:
        """Whether the dialplan has an extension for a number."""
        return number in self.routes or is_routed(number)

    def _caller_channel(self, number: str, caller_number: str, caller_name: str, uuid: str) -> SimulatedChannel:
        name = f"sofia/internal/{caller_number}@{self.domain}"
        times = Times(self.clock.epoch())
        profile = Profile("inbound", uuid, name, caller_name, caller_number, number, times)
        variables = caller_variables(profile, self.domain, next(self._session_ids))
        return SimulatedChannel(self.bus, profile, variables, f"{caller_number}@{self.domain}")

    # For its parts: legs, phones, channels.

    def new_leg_channel(self, call: SimulatedCall, phone: Phone, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a leg that is about to be rung."""
        caller = call.channel
        uuid = variables.get("origination_uuid") or str(uuids.uuid4())
        profile = Profile(
            "outbound",
            uuid,
            f"sofia/internal/{phone.contact.removeprefix('sip:')}",
            _shown_name(call, variables),
            variables.get("origination_caller_id_number")
            or caller.variables.get("effective_caller_id_number", caller.profile.caller_number),
            phone.user,
            Times(self.clock.epoch()),
            CALLEE_NAME,
            phone.user,
        )
        own = leg_variables(profile, caller.profile, phone.contact, next(self._session_ids))
        presence = variables.get("presence_id") or f"{phone.user}@{phone.domain}"
        channel = SimulatedChannel(self.bus, profile, own | variables, presence)
        channel.belong_to(caller)
        return channel

    def new_pickup_channel(self, call: SimulatedCall, key: str, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a place that another call may take: of no phone, and in no CDR."""
        caller = call.channel
        uuid = variables.get("origination_uuid") or str(uuids.uuid4())
        profile = Profile(
            "outbound",
            uuid,
            f"{PICKUP}/{key}",
            caller.profile.caller_name,
            caller.profile.caller_number,
            key,
            Times(self.clock.epoch()),
        )
        own = {"direction": "outbound", "uuid": uuid, "process_cdr": "false"}
        channel = SimulatedChannel(self.bus, profile, own | variables, "")
        channel.belong_to(caller)
        return channel

    def new_originated_channel(self, phone: Phone, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a call that the switch makes on its own."""
        profile = Profile(
            "outbound",
            variables.get("origination_uuid") or str(uuids.uuid4()),
            f"sofia/internal/{phone.contact.removeprefix('sip:')}",
            variables.get("origination_caller_id_name", ""),
            variables.get("origination_caller_id_number", NO_NUMBER),
            phone.user,
            Times(self.clock.epoch()),
            CALLEE_NAME,
            phone.user,
        )
        own = leg_variables(profile, profile, phone.contact, next(self._session_ids))
        presence = variables.get("presence_id") or f"{phone.user}@{phone.domain}"
        return SimulatedChannel(self.bus, profile, own | variables, presence)

    def note_connection(self, change: int) -> None:
        """One more connection to a controller, or one less."""
        self.dialled += change

    def note_bytes(self, received: int, sent: int) -> None:
        """What has passed on the connections to controllers."""
        self.bytes_in += received
        self.bytes_out += sent

    def find_phones(self, endpoint: str, *, alone: bool) -> list[Phone]:
        """The phones that an endpoint of a dial string rings. Raises DialError where FreeSWITCH rings none.

        In a forked dial, ``user/X`` rings only the first registered contact of X (fact 17).
        """
        kind, _, address = endpoint.partition("/")
        if kind == "user":
            phones = self._user_phones(address)
            return phones if alone else phones[:1]
        profile, _, target = address.partition("/")
        if kind != "sofia" or not target:
            raise DialError(CHAN_NOT_IMPLEMENTED, f"The simulator cannot dial {endpoint!r}.")
        if profile == "gateway":
            return [self._gateway_phone(target)]
        if profile != "internal":
            raise DialError(INVALID_PROFILE, f"There is no profile {profile!r}.")
        contact = target if target.startswith("sip:") else f"sip:{target}"
        return [self.registrations.at(contact) or Phone(contact[4:].partition("@")[0], self.domain, contact, GONE)]

    def _user_phones(self, address: str) -> list[Phone]:
        user, _, domain = address.partition("@")
        said = self.dial_strings.get(user, "")
        if said.startswith("error/"):
            raise DialError(said.removeprefix("error/").upper(), f"The directory says {said} of {user}.")
        if said.startswith("sofia/"):
            return self.find_phones(said, alone=True)
        phones = self.registrations.phones_of(user, domain or self.domain)
        if not phones:
            known = self.registrations.is_user(user, domain or self.domain)
            cause = USER_NOT_REGISTERED if known else SUBSCRIBER_ABSENT
            raise DialError(cause, f"Nobody is registered at {address}.")
        return phones

    def _gateway_phone(self, target: str) -> Phone:
        name, _, number = target.partition("/")
        gateway = self.gateways.get(name)
        if gateway is None:
            raise DialError(INVALID_GATEWAY, f"There is no gateway {name!r}.")
        if not gateway.up:
            raise DialError(GATEWAY_DOWN, f"The gateway {name!r} is down.")
        return gateway.numbers.get(number) or Phone(number, name, f"sip:{number}@{name}.invalid:5060", refuses(404))

    def find_leg(self, uuid: str) -> SimulatedLeg | None:
        """The leg with this uuid, while it exists."""
        found = (legs.get(uuid) for legs in (self.originated, *(call.legs for call in self.calls.values())))
        return next((leg for leg in found if leg is not None and not leg.ended), None)

    def find_channel(self, uuid: str) -> SimulatedChannel | None:
        """The channel with this uuid, while it exists."""
        if call := self.calls.get(uuid):
            return call.channel
        leg = self.find_leg(uuid)
        return leg.channel if leg else None

    def all_channels(self) -> Iterator[SimulatedChannel]:
        """Every channel there is."""
        for call in self.calls.values():
            yield call.channel
            yield from (leg.channel for leg in call.legs.values() if not leg.ended)
        yield from (leg.channel for leg in self.originated.values())

    def messages_in(self, box: str) -> int:
        """How many messages a voicemail box has."""
        return sum(message.box == box for message in self.messages)

    def dialplan_xml(self, context: str) -> str:
        """The dialplan as XML, which is the same in every context."""
        return context_xml(context, self.pilot_actions, self.routes, self.feature_actions)

    def take_message(self, call: SimulatedCall, box: str, seconds: float) -> None:
        """Keeps a voicemail message."""
        self.messages.append(VoiceMessage(box, call.channel.profile.caller_number, seconds))

    def _tell_registration(self, kind: str, phone: Phone) -> None:
        self.bus.tell(f"sofia::{kind}", registration_headers(kind, phone, self.clock.epoch()))

    def run_api(self, text: str) -> str:
        """Runs an API command and returns its output."""
        return api.run(self, text)

    def tell(self, call: SimulatedCall, what: str, who: str, detail: str) -> None:
        """Notifies the observers of what happens to a caller."""
        self.tell_of(call.channel, what, who, detail)

    def tell_of(self, channel: SimulatedChannel, what: str, who: str, detail: str) -> None:
        """Notifies them of what happens to any channel."""
        if self._watchers:
            fact = Fact(self.clock.now(), channel.uuid, channel.profile.caller_number, what, who, detail)
            for watcher in self._watchers:
                watcher(fact)


def _shown_name(call: SimulatedCall, variables: dict[str, str]) -> str:
    """The name on the phone's display: the text before a colon is lost (fact 14)."""
    caller = call.channel
    name = variables.get("origination_caller_id_name") or caller.variables.get(
        "effective_caller_id_name", caller.profile.caller_name
    )
    return name.rpartition(":")[2]


def _wake_when(events: list[Event], call: SimulatedCall) -> None:
    gevent.wait(events, count=1)
    call.wake()
