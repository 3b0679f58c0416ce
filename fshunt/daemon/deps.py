"""What every call needs, built in one place (``bootstrap.py``) and handed over."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fshunt.daemon.cluster.claims import Claims
from fshunt.daemon.cluster.queue import CallQueue
from fshunt.daemon.cluster.takeover import Takeover
from fshunt.daemon.current_settings import CurrentSettings
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.database_file import DatabaseFile
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.daemon.data.handovers import Handovers
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.data.wrap_up import WrapUps
from fshunt.daemon.net.metrics import Metrics
from fshunt.daemon.switches.answers import SwitchAnswers
from fshunt.daemon.switches.lamps import Lamps
from fshunt.daemon.switches.live_phones import LivePhones
from fshunt.daemon.switches.monitor import Monitor
from fshunt.daemon.switches.phone_waits import PhoneWaits
from fshunt.freeswitch.contacts import SipProfiles
from fshunt.freeswitch.dialplan_contexts import Lookups
from fshunt.freeswitch.directory import KnownUsers, SlowDirectories
from fshunt.settings import Settings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The settings, the database and its outbox, what is known and claimed, the clocks, and the source of seeds."""

    current: CurrentSettings
    run_id: str
    """Names this run of the daemon on its claims: those of a run that is gone are ended by another one."""
    database: Database
    database_file: DatabaseFile
    outbox: Outbox
    group_cache: GroupCache
    claims: Claims
    queue: CallQueue
    wrap_ups: WrapUps
    handovers: Handovers
    monitor: Monitor
    phone_waits: PhoneWaits
    live_phones: LivePhones
    lamps: Lamps
    switch_answers: SwitchAnswers
    takeover: Takeover
    metrics: Metrics
    sip_profiles: SipProfiles
    known_users: KnownUsers
    slow_directories: SlowDirectories
    lookups: Lookups
    """What dialplans do with numbers that callers were transferred to."""
    now: Callable[[], datetime]
    """The wall clock that never goes back, for rows; never for timers."""
    wall: Callable[[], datetime]
    """The wall clock as the machine has it, for what holds until a time of the day: hours, and blocks with an end."""
    monotonic: Callable[[], float] = time.monotonic
    seed: Callable[[], int] = field(default=lambda: random.SystemRandom().getrandbits(32))

    @property
    def settings(self) -> Settings:
        """The settings as they are now: a reload changes some of them."""
        return self.current.now
