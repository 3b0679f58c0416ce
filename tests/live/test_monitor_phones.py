"""The states of phones by the events of a real switch: after each step they equal a new snapshot."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator

import pytest

from fshunt.esl.inbound import Inbound, LoginRefused
from fshunt.freeswitch.phones import PhoneState, PhoneTable, watch
from tests.live.machines import DOMAIN, ESL_PASSWORD, Pbx
from tests.live.sip_phones import Lab

WAIT_SECONDS = 10.0
POLL_SECONDS = 0.02
EXTENSIONS = ("1001", "1002", "1003", "4155550100")
RINGING, TALKING = PhoneState.RINGING, PhoneState.TALKING


class Following:
    """A monitor's connection to the switch, and the table that its events keep."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.inbound = Inbound.connect("127.0.0.1", pbx.ports.esl, ESL_PASSWORD, WAIT_SECONDS)
        self.table = PhoneTable()
        self.ended: list[str] = []
        watch(self.inbound, self.table)

    def follow(self) -> None:
        """Reads the events that have arrived."""
        while (event := self.inbound.next_event(time.monotonic())) is not None:
            self.ended += self.table.on_event(event).ended

    def state(self, extension: str) -> list[PhoneState]:
        return states(self.table, extension)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Follows the events until something is so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.follow() or not holds():
            assert time.monotonic() < deadline, self.known(self.table)
            await asyncio.sleep(POLL_SECONDS)

    async def agrees(self) -> None:
        """A snapshot taken now is the same; the switch's own tables lag a little behind its events."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.follow() or self.known(fresh(self.pbx)) != self.known(self.table):
            assert time.monotonic() < deadline, (self.known(fresh(self.pbx)), self.known(self.table))
            await asyncio.sleep(POLL_SECONDS)

    def known(self, table: PhoneTable) -> dict[str, object]:
        calls = {each: sorted((c.uuid, c.state) for c in table.calls_of(f"{each}@{DOMAIN}")) for each in EXTENSIONS}
        registered = {each for each in EXTENSIONS if table.is_registered(each, DOMAIN)}
        return {"calls": calls, "registered": registered, "of": (table.channels, table.registrations)}


def states(table: PhoneTable, extension: str) -> list[PhoneState]:
    return [call.state for call in table.calls_of(f"{extension}@{DOMAIN}")]


def rows(pbx: Pbx) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(pbx.api("show channels as json")).get("rows", [])
    return found


def fresh(pbx: Pbx) -> PhoneTable:
    other = Following(pbx)
    other.inbound.close()
    return other.table


@pytest.fixture
def following(lab: Lab, pbx: Pbx) -> Iterator[Following]:
    made = Following(pbx)
    yield made
    made.inbound.close()


async def test_a_password_that_is_wrong_is_refused(pbx: Pbx, lab: Lab) -> None:
    with pytest.raises(LoginRefused, match="password"):
        Inbound.connect("127.0.0.1", pbx.ports.esl, "not-this-one", WAIT_SECONDS)


async def test_a_direct_call_from_ringing_to_its_end(following: Following, lab: Lab) -> None:
    lab.behave("1001", answer_after=1.0)
    caller = lab.caller("1001", number_shown="1002").dial()
    await following.until(lambda: following.state("1001") == [RINGING])
    assert following.state("1002") == [TALKING], "a dialling phone is in use"
    await following.agrees()
    assert await caller.result(WAIT_SECONDS) == 200
    await following.until(lambda: following.state("1001") == [TALKING])
    await following.agrees()
    (leg,) = following.table.calls_of(f"1001@{DOMAIN}")
    assert following.table.is_answered(leg.uuid)
    assert leg.other == "1002"
    caller.hang_up()
    await following.until(lambda: leg.uuid in following.ended)
    assert following.state("1001") == following.state("1002") == []
    await following.agrees()


async def test_a_phone_that_refuses_and_a_caller_who_gives_up(following: Following, lab: Lab) -> None:
    lab.behave("1001", reject=486, reject_after=0.3)
    caller = lab.caller("1001").dial()
    await following.until(lambda: following.state("1001") == [RINGING])
    assert await caller.result(WAIT_SECONDS) >= 400
    await following.until(lambda: not following.table.channels)
    lab.behave("1002")
    caller = lab.caller("1002").dial()
    await following.until(lambda: following.state("1002") == [RINGING])
    caller.cancel()
    await following.until(lambda: not following.table.channels)
    assert following.state("1002") == []
    await following.agrees()


async def test_a_phone_on_hold_is_on_the_phone(following: Following, lab: Lab, pbx: Pbx) -> None:
    lab.behave("1001", answer_after=0.1)
    caller = lab.caller("1001").dial()
    assert await caller.result(WAIT_SECONDS) == 200
    await following.until(lambda: following.state("1001") == [TALKING])
    (leg,) = following.table.calls_of(f"1001@{DOMAIN}")
    assert "+OK" in pbx.api(f"uuid_hold {leg.uuid}")
    await following.agrees()
    assert following.state("1001") == [TALKING]
    await following.until(lambda: [row["callstate"] for row in rows(pbx) if row["uuid"] == leg.uuid] == ["HELD"])
    assert following.state("1001") == [TALKING]
    assert "+OK" in pbx.api(f"uuid_hold off {leg.uuid}")
    await following.agrees()
    caller.hang_up()
    await following.until(lambda: not following.table.channels)


async def test_two_calls_of_one_phone_are_two(following: Following, lab: Lab) -> None:
    lab.behave("1001", answer_after=0.1)
    first = lab.caller("1001", name="first").dial()
    assert await first.result(WAIT_SECONDS) == 200
    second = lab.caller("1002", name="second", number_shown="1001").dial()
    await following.until(lambda: len(following.state("1001")) == 2)
    await following.agrees()
    first.hang_up()
    await following.until(lambda: len(following.state("1001")) == 1)
    second.cancel()
    await following.until(lambda: not following.table.channels)


async def test_a_start_state_in_the_midst_of_calls_is_followed_on(following: Following, lab: Lab, pbx: Pbx) -> None:
    lab.behave("1001", answer_after=0.1)
    lab.behave("1002")
    talking = lab.caller("1001", name="talking").dial()
    ringing = lab.caller("1002", name="ringing").dial()
    assert await talking.result(WAIT_SECONDS) == 200
    await following.until(lambda: (following.state("1001"), following.state("1002")) == ([TALKING], [RINGING]))
    await following.agrees()
    later = Following(pbx)
    assert (later.state("1001"), later.state("1002")) == ([TALKING], [RINGING])
    talking.hang_up()
    ringing.cancel()
    await later.until(lambda: not later.table.channels)
    await following.until(lambda: not following.table.channels)
    assert sorted(later.ended) == sorted(following.ended)
    later.inbound.close()


async def test_phones_that_come_leave_and_expire(following: Following, lab: Lab, pbx: Pbx) -> None:
    assert following.table.registrations == 3
    await lab.register("1001/soft")
    await following.until(lambda: following.table.registrations == 4)
    await following.agrees()
    await lab.unregister("1001")
    await following.until(lambda: following.table.registrations == 3)
    assert following.table.is_registered("1001", DOMAIN), "the second phone is still there"
    await following.agrees()
    await lab.unregister("1001/soft")
    await following.until(lambda: not following.table.is_registered("1001", DOMAIN))
    await following.agrees()
    await lab.register("1002")  # again, as phones do, under a new Call-ID
    await following.agrees()
    assert following.table.registrations == 2
    pbx.api(f"sofia profile internal flush_inbound_reg 1003@{DOMAIN}")  # sends sofia::expire, as an expiry does
    await following.until(lambda: not following.table.is_registered("1003", DOMAIN))
    await following.agrees()
    await lab.register("1003")
    await following.until(lambda: following.table.is_registered("1003", DOMAIN))
    await following.agrees()


async def test_a_member_who_transfers_the_caller_is_free(following: Following, lab: Lab) -> None:
    lab.behave("1001", answer_after=0.1)
    lab.behave("1002", answer_after=0.5)
    caller = lab.caller("1001").dial()
    assert await caller.result(WAIT_SECONDS) == 200
    await following.until(lambda: following.state("1001") == following.state("4155550100") == [TALKING])
    (made,) = following.table.calls_of(f"4155550100@{DOMAIN}")
    await following.until(lambda: following.table.is_answered(made.uuid))
    await following.agrees()
    lab.refer("1001", "1002")
    await following.until(lambda: following.state("1001") == [] and following.state("1002") == [TALKING])
    await following.agrees()
    caller.hang_up()
    await following.until(lambda: not following.table.channels)


async def test_legs_of_an_attended_transfer_keep_their_owners(following: Following, lab: Lab, pbx: Pbx) -> None:
    """As by an attended transfer: two calls become one, and the two legs in the middle end."""
    lab.behave("1001", answer_after=0.1)
    lab.behave("1002", answer_after=0.1)
    callers = [lab.caller("1001", name="first").dial(), lab.caller("1002", name="second").dial()]
    for caller in callers:
        assert await caller.result(WAIT_SECONDS) == 200
    await following.until(lambda: following.state("1001") == following.state("1002") == [TALKING])
    (first,), (second,) = (following.table.calls_of(f"{each}@{DOMAIN}") for each in ("1001", "1002"))
    assert "+OK" in pbx.api(f"uuid_bridge {first.uuid} {second.uuid}")
    await following.until(lambda: following.table.channels == 2)
    assert following.state("1001") == following.state("1002") == [TALKING]
    await following.agrees()
    lab.hang_up("1001")
    lab.hang_up("1002")
    await following.until(lambda: not following.table.channels)


async def test_a_leg_that_is_sent_on_by_itself_stays_a_call_of_its_phone(
    following: Following, lab: Lab, pbx: Pbx
) -> None:
    lab.behave("1001", answer_after=0.1)
    lab.behave("1003", answer_after=0.1)
    caller = lab.caller("1001").dial()
    assert await caller.result(WAIT_SECONDS) == 200
    await following.until(lambda: following.state("1001") == [TALKING])
    (leg,) = following.table.calls_of(f"1001@{DOMAIN}")
    assert "+OK" in pbx.api(f"uuid_transfer {leg.uuid} 1003")
    await following.until(lambda: following.state("1003") == [TALKING])
    assert following.state("1001") == [TALKING]
    await following.agrees()
    lab.hang_up("1003")
    await following.until(lambda: not following.table.channels)


async def test_many_calls_at_once_leave_nothing_behind(following: Following, lab: Lab) -> None:
    lab.behave("1001", answer_after=0.2, hangup_after=0.5)
    lab.behave("1002", reject=486, reject_after=0.1)
    lab.behave("1003", answer_after=0.1, hangup_after=0.3)
    callers = [
        lab.caller(number, name=f"{number}-{n}").dial() for n in range(10) for number in ("1001", "1002", "1003")
    ]
    await following.until(lambda: following.table.channels > 20)
    again = 0
    while following.table.channels:
        watch(following.inbound, following.table)  # a new snapshot, in the middle of the events
        again += 1
        following.follow()
        await asyncio.sleep(POLL_SECONDS)
    assert again > 1
    for caller in callers:
        await caller.until_end(WAIT_SECONDS)
    await following.agrees()
    assert len(following.ended) == len(set(following.ended))
