"""What the tests of faults share: groups, phones and callers around daemons, and how to wait for what must come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import gevent
from sqlalchemy import func, select, text

from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim, RotationMove, SkipRecord
from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.processes import FshuntProcess
from tests.support.timing import set_dead_after
from tests.support.waiting import WAIT_SECONDS, until

DOMAIN = "office.test"
PASSWORD = "not-the-shipped-one"


class Office:
    """A database that the test itself always reaches, and groups in it."""

    def __init__(self, database_url: str) -> None:
        self.url = str(database_url)
        self.store: Store = open_store(self.url)
        set_dead_after(self.store, 2.0)

    def close(self) -> None:
        """Close the connections."""
        self.store.close()

    def group(self, pilot: str, *extensions: str, **fields: Any) -> Group:
        """Make a group with these members."""
        fields.setdefault("ring_time", RingTime(seconds=20))
        fields.setdefault("voicemail", "1009")
        if isinstance(fields.get("on_busy"), str):
            fields["on_busy"] = parse_destination(fields["on_busy"])
        with self.store.writing() as s:
            groups.add_group(s, DOMAIN, pilot, **fields)
            if extensions:
                members.add_members(s, DOMAIN, pilot, [parse_member(e) for e in extensions])
            return groups.get_group(s, DOMAIN, pilot)

    def rings_for(self, ring_time: RingTime | None, extension: str) -> None:
        """Give a member of the group 5000 a ring time of its own; None: that of the group."""
        with self.store.writing() as s:
            members.set_member(s, DOMAIN, "5000", parse_member(extension), ring_time=ring_time)

    def hunts(self, uuid: str) -> list[CallRecord]:
        """All hunts of a call, the first first; none if nothing is written."""
        with self.store.reading() as s:
            if not s.scalar(select(func.count()).select_from(CallRecord).where(CallRecord.uuid == uuid)):
                return []
            return calls.show_call(s, uuid)[::-1]

    def closed(self, uuid: str, count: int = 1) -> list[CallRecord]:
        """Wait until so many hunts of a call are in the records and all of them have ended; the first first."""

        def found() -> list[CallRecord] | None:
            records = self.hunts(uuid)
            return records if len(records) >= count and all(r.ended_at for r in records) else None

        return until(found, f"{count} hunts of call {uuid} are closed in the records")  # type: ignore[no-any-return]

    def moves(self, uuid: str) -> int:
        """How often a call moved a pointer."""
        known_by = [uuid, *(hunt.id for hunt in self.hunts(uuid))]
        moves = select(func.count()).select_from(RotationMove).where(RotationMove.call_uuid.in_(known_by))
        with self.store.reading() as s:
            return s.scalar(moves) or 0

    def claimed(self) -> set[str]:
        """Who is claimed in the database now."""
        with self.store.reading() as s:
            return set(s.scalars(select(Claim.extension)))

    def waiting(self) -> int:
        """Return the number of queued hunts."""
        with self.store.reading() as s:
            return s.scalar(text("SELECT count(DISTINCT hunt_id) FROM queue_entries")) or 0

    def stamps(self, pilot: str) -> dict[str, datetime | None]:
        """Since when each member of a group is idle."""
        with self.store.reading() as s:
            return {m.extension: m.idle_since for m in groups.get_group(s, DOMAIN, pilot).members}

    def unfinished(self) -> int:
        """How many hunts in the records have no end."""
        with self.store.reading() as s:
            return s.scalar(select(func.count()).select_from(CallRecord).where(CallRecord.ended_at.is_(None))) or 0

    def owners(self) -> Counter[str]:
        """How many hunts each daemon had."""
        with self.store.reading() as s:
            return Counter(s.scalars(select(CallRecord.node)))

    def results(self) -> Counter[str | None]:
        """How the hunts ended."""
        with self.store.reading() as s:
            return Counter(s.scalars(select(CallRecord.result)))

    def skips(self) -> Counter[str]:
        """Why members were passed over."""
        with self.store.reading() as s:
            return Counter(s.scalars(select(SkipRecord.reason)))


def switch_to(daemons: Sequence[FshuntProcess], **more: Any) -> SimulatedSwitch:
    """A switch that dials these daemons in this order."""
    more.setdefault("voicemail_seconds", 0.1)
    return SimulatedSwitch([each.address for each in daemons], domain=DOMAIN, fallback_box="1999", **more)


def phones(switch: SimulatedSwitch, *extensions: str, behaviour: Behaviour = RINGS) -> list[Phone]:
    """Register a phone at each of the extensions."""
    return [switch.phone(extension, behaviour) for extension in extensions]


def ended(call: Any) -> Any:
    """Wait for the end of a call, and return how it went."""
    assert call.join(WAIT_SECONDS), "the call has not ended"
    return call.ending


def happened(switch: SimulatedSwitch, what: str) -> gevent.event.Event:
    """An event for when something happens on the switch, from now on."""
    event = gevent.event.Event()
    switch.watch(lambda fact: event.set() if fact.what == what else None)
    return event


def watched(folder: Path, *switches: SimulatedSwitch) -> dict[str, str]:
    """Let monitors in at the switches; gives the setting that leads daemons there."""
    file = folder / "event-socket-password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    ports = [each.inbound.port if each.inbound else each.serve_inbound(PASSWORD) for each in switches]
    return {"switch": ",".join(f"127.0.0.1:{port}={file}" for port in ports)}
