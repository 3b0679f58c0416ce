"""The leg ``pickup/KEY``: no phone, but a place that another call takes with the application ``pickup`` (fact 44)."""

from __future__ import annotations

from collections.abc import Callable

from fshunt.simulator.core.channel import SimulatedChannel
from fshunt.simulator.core.clock import Clock
from fshunt.simulator.core.legs import RunApi, SimulatedLeg, Tell
from fshunt.simulator.core.phones import Behaviour, Phone
from fshunt.simulator.core.sip_causes import PICKED_OFF

KIND = "pickup"
SILENT = Behaviour(progress=None)


class Pickups:
    """The places that are open, by their keys, the oldest first."""

    def __init__(self) -> None:
        self._open: dict[str, list[PickupLeg]] = {}

    def add(self, leg: PickupLeg) -> None:
        """A place is open."""
        self._open.setdefault(leg.key, []).append(leg)

    def pop(self, key: str) -> PickupLeg | None:
        """Return the place that is open longest, which is open no more; None: there is none."""
        leg = next(iter(self._open.get(key, ())), None)
        if leg is not None:
            self.close(leg)
        return leg

    def close(self, leg: PickupLeg) -> None:
        """A place is not open any more, if it was."""
        legs = self._open.get(leg.key, [])
        if leg in legs:
            legs.remove(leg)
            if not legs:
                del self._open[leg.key]


class PickupLeg(SimulatedLeg):
    """It neither rings nor is answered. It ends with the others, or when a call has taken its place."""

    def __init__(
        self,
        clock: Clock,
        caller: SimulatedChannel,
        channel: SimulatedChannel,
        given: dict[str, str],
        changed: Callable[[], None],
        tell: Tell,
        run_api: RunApi,
        places: Pickups,
    ) -> None:
        place = Phone(channel.profile.destination, "", channel.name, SILENT)
        super().__init__(clock, caller, channel, place, changed, tell, run_api)
        self._given, self._places = given, places
        places.add(self)
        self.taken_by: SimulatedLeg | None = None
        """The call that takes the place at the next look of ``bridge``."""

    @property
    def key(self) -> str:
        """What names it."""
        return self.phone.user

    @property
    def is_limited(self) -> bool:
        """Whether it has a time of its own: one that has none ends when it is the last."""
        return "leg_timeout" in self.channel.variables

    def start(self) -> None:
        """There is nobody to be called."""
        self.channel.fire("CHANNEL_OUTGOING")  # and, as it needs no initialization, no CHANNEL_CREATE (observed)

    def be_taken(self, by: SimulatedLeg) -> None:
        """A call takes the place, and has the variables that stand with it in the dial string."""
        by.channel.variables.update(self._given)
        self.taken_by = by
        self.channel.mark_answered()
        self.phone.begin_talk()
        self.channel.settle_answer()
        self._changed()

    def give_place(self) -> SimulatedLeg | None:
        """End, and return the call that has taken the place, if one has."""
        taken_by, self.taken_by = self.taken_by, None
        if taken_by is not None:
            super().hangup(PICKED_OFF)
            taken_by.channel.variables["picked_up_uuid"] = self.channel.uuid
            taken_by.execute_on("pickup")
        return taken_by

    def hangup(self, cause: str) -> None:
        """The switch ends it, and whoever was about to take the place (mod_dptools.c, pickup_event_handler)."""
        self._places.close(self)
        super().hangup(cause)
        if self.taken_by is not None:
            self.taken_by.hangup(PICKED_OFF)
