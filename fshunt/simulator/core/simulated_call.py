"""A call on the simulated switch: the caller, the channel, and the thread that runs applications on it."""

from __future__ import annotations

import uuid as uuids
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from gevent.event import Event

from fshunt.esl.commands import SUCCEEDS
from fshunt.simulator.core.actions import Action, Message, expand
from fshunt.simulator.core.bus import Bus
from fshunt.simulator.core.callers import Ending, SimulatedCaller
from fshunt.simulator.core.channel import SimulatedChannel, set_variable
from fshunt.simulator.core.clock import Clock, Timer
from fshunt.simulator.core.faults import Fault
from fshunt.simulator.core.lamps import Keys
from fshunt.simulator.core.legs import NETWORK_SECONDS, SimulatedLeg
from fshunt.simulator.core.phones import Phone, Registrations
from fshunt.simulator.core.pickup import PickupLeg, Pickups
from fshunt.simulator.core.sip_causes import (
    ATTENDED_TRANSFER,
    DESTINATION_OUT_OF_ORDER,
    NORMAL_CLEARING,
    ORIGINATOR_CANCEL,
    PICKED_OFF,
)
from fshunt.simulator.core.throttle import Throttle

Application = Callable[["SimulatedCall", str], None]
"""Runs on the channel of a call, with an argument, until it ends."""

NEED_MEDIA = frozenset({"playback", "voicemail"})
"""Applications before which FreeSWITCH starts media."""


class Controller(Protocol):
    """The connection to the controller of a call."""

    finished: bool

    def channel_down(self) -> None:
        """Announces the end of the call."""


class Switch(Protocol):
    """What the parts of the switch need of the whole."""

    name: str
    domain: str
    clock: Clock
    bus: Bus
    applications: Mapping[str, Application]
    """What may be executed; any other name hangs the call up."""
    registrations: Registrations
    throttle: Throttle
    calls: dict[str, SimulatedCall]
    playback_seconds: float
    voicemail_seconds: float
    inbound_faults: list[Fault]
    successors: dict[str, str]
    """The channels that are kept for the place of others, which still ring, by those others."""
    unknown_users: set[str]
    """Users that the directory has not; it has all others, unless ``only_listed``."""
    dial_strings: dict[str, str]
    """Of users who are not reached at their registered phones."""
    kept_values: dict[tuple[str, str], str]
    has_mod_db: bool
    """Whether it keeps values at all."""
    sofia_xml: str
    directory: dict[str, str]
    """The users that the directory lists, and their names."""
    only_listed: bool
    """Whether the directory has those alone that it lists."""
    directory_seconds: float
    """How long the directory takes for an answer, as one behind HTTP."""
    mute_boxes: set[str]
    """Users whose voicemail ends at once."""
    originated: dict[str, SimulatedLeg]
    """Calls that the switch makes on its own (``originate``), by their channels."""
    keys: Keys
    """Keys of phones that watch an address."""
    pickups: Pickups
    """The places that another call may take (``pickup/KEY``)."""

    def has_user(self, user: str) -> bool:
        """Tell whether the directory has a user."""

    def note_connection(self, change: int) -> None:
        """One more connection to a controller, or one less."""

    def note_bytes(self, received: int, sent: int) -> None:
        """What has passed on the connections to controllers."""

    def route(self, number: str) -> list[Action]:
        """The dialplan of a number."""

    def has_route(self, number: str) -> bool:
        """Whether the dialplan has an extension for a number."""

    def find_phones(self, endpoint: str, *, alone: bool) -> list[Phone]:
        """The phones that an endpoint of a dial string rings."""

    def new_leg_channel(self, call: SimulatedCall, phone: Phone, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a leg that is about to be rung."""

    def new_pickup_channel(self, call: SimulatedCall, key: str, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a place that another call may take."""

    def new_originated_channel(self, phone: Phone, variables: dict[str, str]) -> SimulatedChannel:
        """The channel of a call that the switch makes on its own."""

    def call_over_loopback(self, number: str, actions: Sequence[Action], variables: dict[str, str]) -> None:
        """A call of the switch's own to a number; its near side does these actions once a member talks there."""

    def find_leg(self, uuid: str) -> SimulatedLeg | None:
        """The leg with this uuid, while it exists."""

    def find_channel(self, uuid: str) -> SimulatedChannel | None:
        """The channel with this uuid, while it exists."""

    def all_channels(self) -> Iterator[SimulatedChannel]:
        """Every channel there is."""

    def messages_in(self, box: str) -> int:
        """How many messages a voicemail box has."""

    def dialplan_xml(self, context: str) -> str:
        """The dialplan as XML, which is the same in every context."""

    def take_message(self, call: SimulatedCall, box: str, seconds: float) -> None:
        """Keeps a voicemail message."""

    def run_api(self, text: str) -> str:
        """Runs an API command and returns its output."""

    def tell(self, call: SimulatedCall, what: str, who: str, detail: str) -> None:
        """Notifies the observers of what happens to a caller."""

    def tell_of(self, channel: SimulatedChannel, what: str, who: str, detail: str) -> None:
        """Notifies them of what happens to any channel."""


def _action(text: str) -> Action:
    application, _, argument = text.partition(":")
    return application, argument


class SimulatedCall:
    """One caller, from dialling to the end of the channel."""

    def __init__(
        self,
        switch: Switch,
        channel: SimulatedChannel,
        actions: Sequence[Action],
        caller: SimulatedCaller,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.switch = switch
        self.channel = channel
        self.variables = channel.variables
        self.caller = caller
        self.faults = faults
        self.ending = Ending()
        self.ended = Event()
        self.talking = Event()
        """Set once the caller was connected to a member."""
        self.bridge_delay: float | None = None
        """Real seconds from the controller's connection to its first ``bridge``."""
        self.reset = False
        """Taken from its application because the controller is gone: ``socket_resume`` (fact 7)."""
        self.transfer: list[Action] | None = None
        self.legs: dict[str, SimulatedLeg] = {}
        self.listener: Controller | None = None
        self.broken_off = False
        self.displaced: set[str] = set()
        """The sound files that the caller hears instead of what plays (fact 70)."""
        self.played: list[str] = []
        """What ``playback`` has played, in order."""
        self.expanded: list[str] = []
        """What was expanded in a controller's arguments: a caller's text may never be in here (design, section 9)."""
        self.private: deque[Message] = deque()
        self._actions = list(actions)
        self._gone = False
        self._successor: SimulatedCall | None = None
        self._transferred = False
        self._locks = 0
        self._wake = Event()
        self._began = switch.clock.now()
        self._timers: list[Timer] = []
        self._at_end: list[Callable[[], None]] = []

    @property
    def uuid(self) -> str:
        """The Unique-ID of the caller's channel."""
        return self.channel.uuid

    @property
    def clock(self) -> Clock:
        """The switch's clock."""
        return self.switch.clock

    @property
    def listening(self) -> bool:
        """Whether an application may continue: the caller is there and not being transferred."""
        return not self._gone and not self.reset and self.transfer is None

    def at_end(self, action: Callable[[], None]) -> None:
        """Calls a function as soon as the call has ended."""
        self._at_end.append(action)

    def close(self) -> None:
        """The call has ended, whatever ended it: those who wait for that go on."""
        for action in self._at_end:
            action()
        self.ended.set()

    def join(self, seconds: float | None = None) -> bool:
        """Waits, in real seconds, for the call's end; returns whether it came."""
        return bool(self.ended.wait(seconds))

    # What the caller does.

    def run(self) -> None:
        """Goes through the dialplan until it ends or the channel does."""
        if self.caller.give_up_after is not None:
            self.later(self.caller.give_up_after, self._give_up)
        while self._actions and self.channel.up:
            application, argument = self._actions.pop(0)
            self.execute(Message(application, argument, str(uuids.uuid4())))
            if self.reset and self._transferred:
                self._strand()
            self.reset = False
            if self.transfer is not None and self.channel.up:
                self._actions, self.transfer, self._transferred = self.transfer, None, True
                for state in ("CS_ROUTING", "CS_EXECUTE"):
                    self.channel.enter(state)
                    self.channel.fire("CHANNEL_STATE")
        self.hangup(NORMAL_CLEARING)
        self._finish()

    def _strand(self) -> None:
        """A lost controller with ``socket_resume`` takes a transferred caller off the new leg: stuck (observed)."""
        self.reset = False
        self.ending.become("stuck")
        self.switch.tell(self, "stuck", "", "reset after a transfer")
        self.wait_until(lambda: False)

    def press(self, digit: str) -> None:
        """The caller presses a key, which travels in the sound: before the answer there is none."""
        if self.channel.answered:
            self.channel.fire("DTMF", [("DTMF-Digit", digit), ("DTMF-Duration", "2000"), ("DTMF-Source", "RTP")])

    def hang_up(self) -> None:
        """The caller hangs up: CANCEL before the answer, BYE after it. FreeSWITCH notices at its next tick."""
        if not self.channel.up:
            return
        answered = self.channel.answered
        self.variables |= {
            "sip_term_status": "200" if answered else "487",
            "proto_specific_hangup_cause": "sip:200" if answered else "sip:487",
            "sip_term_cause": "16" if answered else "487",
            "last_bridge_role": "originator",
            "sip_cseq": "1",
        }
        self.ending.note_caller_left()
        self.switch.tell(self, "caller hangs up", "", "")
        if not answered:
            self.variables["sip_hangup_disposition"] = "recv_cancel"
        self.channel.mark_hungup(NORMAL_CLEARING if answered else ORIGINATOR_CANCEL)
        self.variables.setdefault("sip_hangup_disposition", "recv_bye")
        self._tell_listener()
        self.clock.call_later(NETWORK_SECONDS, self._notice)

    def _give_up(self) -> None:
        if not self.channel.answered:
            self.hang_up()

    def _notice(self) -> None:
        self._gone = True
        self.wake()

    # What the switch does.

    def hangup(self, cause: str) -> None:
        """The switch hangs the caller up."""
        self.channel.mark_hungup(cause)
        self._gone = True
        self._tell_listener()
        self.wake()

    def answer(self) -> None:
        """Answers the caller, and runs ``execute_on_answer``."""
        if self.channel.answered or not self.channel.up:
            return
        self.channel.mark_answered()
        self.run_hooks("execute_on_answer")
        self.channel.settle_answer()

    def send_away(self, number: str) -> None:
        """An operator sends the caller to another number (``uuid_transfer``), whatever runs on the channel."""
        self.switch.applications["transfer"](self, number)

    def pick_up(self, picker: SimulatedCall) -> None:
        """Somebody picks the call up at another phone (``intercept``): ringing stops, and the two are connected."""
        for leg in self.legs.values():
            leg.hangup(PICKED_OFF)
        self.channel.face(picker.channel)
        self.answer()
        self.run_hooks("execute_on_pre_bridge")
        self.ending.become("picked up", picker.channel.profile.caller_number)
        self.switch.tell(self, "picked up", self.ending.who, "")
        self.transfer = [("sleep", "86400000")]
        self.wake()

    def put_in_place(self, other: SimulatedCall) -> None:
        """The caller transfers another one to where they are waiting themselves (REFER with Replaces), and leaves.

        While phones ring, the other one is parked and this channel stays, though it has hung up. When the ringing ends,
        the other one has its variables and goes on where it was in the dialplan. If nothing rings, the other one goes
        on where ``inline_destination`` says, or to the number that was dialled (fact 58).
        """
        self.switch.tell(self, "puts in place", other.channel.profile.caller_number, "")
        if any(not leg.ended for leg in self.legs.values()):
            self._successor = other
            other.variables[SUCCEEDS] = self.uuid
            self.variables |= {"holding_uuid": other.uuid, "transfer_disposition": "replaced"}
            self.switch.successors[self.uuid] = other.uuid
            self.switch.bus.place_all(self.uuid)
            other.run_instead([("park", "")])
            self.channel.mark_hungup(NORMAL_CLEARING)
            self._tell_listener()
            return
        actions = self.variables.get("inline_destination", f"transfer:{self.channel.profile.destination}")
        other.run_instead([_action(each) for each in actions.split(",")])
        self.hangup(ATTENDED_TRANSFER)

    def end_ringing(self) -> None:
        """No phone rings for the call any more; if another one is kept for its place, that one goes on."""
        if self._successor is not None:
            self._successor.masquerade(self, self._actions)
            self._notice()

    def masquerade(self, other: SimulatedCall, actions: Sequence[Action]) -> None:
        """Goes on where another channel was in the dialplan, with its variables."""
        no_copy = other.variables.get("attended_transfer_no_copy", "").split(",")
        self.variables |= {name: value for name, value in other.variables.items() if name not in no_copy}
        self.channel.profile.redirect(other.channel.profile.destination, self.clock.epoch())
        self.run_instead(actions)

    def run_instead(self, actions: Sequence[Action]) -> None:
        """Other actions run on the channel, without another number, as soon as the application has ended."""
        self.transfer = list(actions)
        self.wake()

    def let_media_pass(self, leg: SimulatedLeg) -> None:
        """The media goes past the switch: ``bridge`` and ``socket`` end at once, and the two talk on."""
        self.transfer = [("signal_bridge", leg.channel.uuid)]
        self.wake()

    def transfer_to(self, number: str) -> None:
        """The caller goes to another number as soon as the application that runs has ended."""
        self.go_on_with(number, self.switch.route(number))

    def go_on_with(self, number: str, actions: list[Action]) -> None:
        """The caller goes on with these actions as soon as the application that runs has ended."""
        self.channel.profile.redirect(number, self.clock.epoch())
        self.transfer = actions
        self.wake()

    def obey(self, controller: Controller) -> None:
        """A controller has connected; if it is lost, the next action of this dialplan follows, after a transfer too."""
        self.listener = controller
        self._transferred = False

    def note_bridge_delay(self, seconds: float) -> None:
        """The controller has something rung; only the first time counts."""
        if self.bridge_delay is None:
            self.bridge_delay = seconds

    def run_hooks(self, prefix: str) -> None:
        """Runs the applications in all variables whose names begin so, as FreeSWITCH does at certain moments."""
        for hook in [value for name, value in self.variables.items() if name.startswith(prefix)]:
            application, _, argument = hook.replace("::", " ", 1).partition(" ")
            self.execute(Message(application, argument, str(uuids.uuid4())))

    def execute(self, message: Message) -> None:
        """Runs one application, with its events. An unknown one hangs the call up (fact 19)."""
        if not self.channel.up:
            return
        function = self.switch.applications.get(message.application)
        if function is None:
            self.hangup(DESTINATION_OUT_OF_ORDER)
            return
        if message.application in NEED_MEDIA:
            self.channel.mark_early()
        argument, names = expand(message.argument, self.variables)
        self.expanded += names if message.controllers else []
        self.broken_off = False  # FreeSWITCH forgets a break when the next application starts
        self.channel.begin_application(message.application, argument)
        self.variables["current_application"] = message.application
        set_variable(self.variables, "current_application_data", argument)
        said = [("Application", message.application), ("Application-Data", argument)]
        named = ("Application-UUID", message.event_uuid)
        said = [pair for pair in said if pair[1]]
        self.channel.fire("CHANNEL_EXECUTE", [*said, named])
        function(self, argument)
        response = self.variables.pop("current_application_response", "_none_")
        self.channel.fire("CHANNEL_EXECUTE_COMPLETE", [*said, ("Application-Response", response), named])

    def wait_until(self, done: Callable[[], bool], seconds: float | None = None, *, nested: bool = True) -> None:
        """Blocks an application until a condition holds, the time is over, or the caller is gone.

        Meanwhile the controller's messages are run, unless the application holds the event lock (fact 16) or is not
        ``nested``.
        """
        over = Event()
        timer = self.later(seconds, over.set) if seconds is not None else None
        while not (done() or over.is_set()) and self.listening:
            if nested and self.private and not self._locks:
                self.run_message(self.private.popleft())
                continue
            self._wake.clear()
            self._wake.wait()
        if timer is not None:
            timer.cancel()

    def queue(self, application: str, argument: str, event_uuid: str, *, lock: bool, loops: int) -> None:
        """Takes an application from a controller, to be run when the channel comes to it."""
        self.private.append(
            Message(application, argument, event_uuid or str(uuids.uuid4()), lock, loops, controllers=True)
        )
        self.wake()

    def displace(self, path: str) -> bool:
        """Has the caller hear a file instead of what plays; returns whether that is new."""
        if path in self.displaced or not self.channel.up:
            return False
        self.channel.mark_early()
        self.displaced.add(path)
        return True

    def stop_displacing(self, path: str) -> bool:
        """Ends that; returns whether the file was heard."""
        heard = path in self.displaced
        self.displaced.discard(path)
        return heard

    def break_off(self, *, everything: bool) -> None:
        """Ends the sound that plays (``uuid_break``); with ``everything`` it also drops queued applications."""
        if everything:
            self.private.clear()
        self.broken_off = True
        self.wake()

    def run_message(self, message: Message) -> None:
        """Runs what the controller asked for."""
        self._locks += message.lock
        self.variables |= {"current_loop": "1", "total_loops": str(message.loops)}
        for _ in range(message.loops):
            self.execute(message)
        self._locks -= message.lock

    def wake(self) -> None:
        """Makes a blocked application check its condition again."""
        self._wake.set()

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """A timer of this call, which ends with it."""

        def fire() -> None:
            action()
            self.wake()

        timer = self.clock.call_later(seconds, fire)
        self._timers.append(timer)
        return timer

    def new_leg(self, phone: Phone, variables: dict[str, str], changed: Callable[[], None]) -> SimulatedLeg:
        """A leg to a phone, not yet rung."""
        channel = self.switch.new_leg_channel(self, phone, variables)
        leg = SimulatedLeg(self.clock, self.channel, channel, phone, changed, self._tell, self.switch.run_api)
        self.legs[channel.uuid] = leg
        self.ending.rang.append(phone.user)
        return leg

    def new_pickup(self, key: str, variables: dict[str, str], changed: Callable[[], None]) -> PickupLeg:
        """A place among the legs that another call may take."""
        channel = self.switch.new_pickup_channel(self, key, variables)
        leg = PickupLeg(
            self.clock,
            self.channel,
            channel,
            variables,
            changed,
            self._tell,
            self.switch.run_api,
            self.switch.pickups,
        )
        self.legs[channel.uuid] = leg
        return leg

    def adopt(self, leg: SimulatedLeg, changed: Callable[[], None]) -> None:
        """A call that the switch has made on its own is a leg of this one."""
        self.switch.originated.pop(leg.channel.uuid, None)
        self.legs[leg.channel.uuid] = leg
        leg.join(self.channel, changed)

    def _tell(self, what: str, who: str, detail: str) -> None:
        self.switch.tell(self, what, who, detail)

    def talks_with(self, leg: SimulatedLeg) -> None:
        """The caller is connected to a member."""
        self.ending.become("answered", leg.phone.user)
        self.talking.set()
        self.switch.tell(self, "talks with", leg.phone.user, leg.phone.contact)
        if self.caller.talk_for is not None:
            self.later(self.caller.talk_for, self.hang_up)

    def controller_gone(self) -> None:
        """The controller's connection has ended; ``socket_resume`` decides what that means (fact 7)."""
        if self.variables.get("socket_resume") == "true" and self.channel.up and self.transfer is None:
            self.reset = True
        self.wake()

    def _tell_listener(self) -> None:
        if self.listener is not None:
            self.listener.channel_down()

    def _finish(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.variables.setdefault("sip_hangup_disposition", "send_bye" if self.channel.answered else "send_refuse")
        self.channel.report(states=True)
        self.ending.close(self.channel.hangup_cause or "", self.clock.now() - self._began)
        self.switch.tell(self, "ends", self.ending.who, self.ending.kind)
