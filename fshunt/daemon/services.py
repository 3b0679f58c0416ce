"""What every call needs, built in one place (``build.py``) and handed over."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from fshunt.daemon.database import Database
from fshunt.daemon.journal import utc_now
from fshunt.daemon.recorder import Recorder
from fshunt.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The settings, the database and its recorder, the two clocks, and the source of seeds."""

    settings: Settings
    database: Database
    recorder: Recorder
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    claim_owner: str = field(default_factory=lambda: uuid4().hex)
    """Names this run of the daemon on its claims: those of an earlier run are not renewed, and end by their lease."""
    seed: Callable[[], int] = field(default=lambda: random.SystemRandom().getrandbits(32))
