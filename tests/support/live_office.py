"""A group of three, and daemons that see their phones: what a look at the live state is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fshunt.db.engine import Store
from fshunt.db.queries import daemons, live
from fshunt.freeswitch.phones import PhoneCall, PhoneState
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, members
from fshunt.services.live import LiveGroup, LiveState, LiveView, Watched
from fshunt.services.switch_phones import SeenPhones, SeenSwitch, WatchedNow, published

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP = Watched(DOMAIN, "5000")
FREE, AWAY = SeenPhones(registered=True), SeenPhones()


def talking(other: str) -> SeenPhones:
    return SeenPhones(True, calls=(PhoneCall("", PhoneState.TALKING, NOON.timestamp() - 70, other),))


class Office:
    """A group of three, the daemons that see their phones, and somebody who looks."""

    def __init__(self, store: Store) -> None:
        self.store, self.seconds = store, 0.0
        with store.writing() as s:
            groups.add_group(s, DOMAIN, "5000")
            added = members.add_members(s, DOMAIN, "5000", [parse_member(e) for e in ("1001", "1002", "1003")])
        self.group_id = added.id
        self.ids = {member.extension: member.id for member in added.members}
        self.view = LiveView(store, lambda: self.seconds, lambda: NOON + timedelta(seconds=self.seconds))

    def beat(self, run: str = "run", *, clock_is_off: float = 0.0) -> None:
        at = NOON + timedelta(seconds=self.seconds + clock_is_off)
        with self.store.writing() as s:
            daemons.write_heartbeat(s, run, node=run, started_at=NOON, at=at, status={})

    def sees(self, phones: dict[str, SeenPhones], run: str = "run", error: str | None = None, core: str = "c1") -> None:
        self.publishes(run, WatchedNow(SeenSwitch("pbx", phones=phones), core, error))

    def publishes(self, run: str, *switches: WatchedNow) -> None:
        with self.store.writing() as s:
            live.publish(s, run, {self.group_id: published(switches)}, ())

    def look(self, **more: int) -> tuple[LiveState, LiveGroup]:
        state = self.view.look([GROUP], **more)
        return state, state.groups[DOMAIN, "5000"]

    def words(self) -> dict[str, str]:
        _, group = self.look()
        return {extension: group.now.states[member_id].word.value for extension, member_id in self.ids.items()}
