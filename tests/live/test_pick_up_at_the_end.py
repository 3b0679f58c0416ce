"""A phone that is picked up as its ring time ends: it has the call, or it never had it; nobody is connected and cut.

``LIVE_PICK_UPS`` sets how many pick-ups are tried, for a figure; the tests alone try a few.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from tests.live.machines import DOMAIN, USERS

if TYPE_CHECKING:
    from tests.live.machines import Daemon
    from tests.live.sip_phones import Lab

PICK_UPS = int(os.environ.get("LIVE_PICK_UPS", "40"))
WITHIN_SECONDS = 0.05
RING_SECONDS = 1.0
TALK_SECONDS = 0.4
BUSY = 486
AT_ONCE = 10
PHONES = [str(user) for user in USERS][:AT_ONCE]


def pilot(phone: str) -> str:
    return f"5{phone[1:]}"


async def ring(lab: Lab, phone: str, name: str, *, rings: int, pick_up_after: float | None) -> tuple[str, float | None]:
    """Have one caller ring one phone that is picked up so long after its ringing began, or not.

    Return what became of it, and for a phone that was not picked up how long it rang.
    """
    lab.behave(phone, rings=rings, answer_after=pick_up_after, hangup_after=TALK_SECONDS)
    before, result = len(lab.seen(phone)), BUSY
    while result == BUSY:  # the end of the call before is still being written
        caller = lab.caller(pilot(phone), name=name).dial()
        result = await caller.result(20)
    if result == 200:
        await caller.until_end()
    await lab.until(lambda: any(s.what in ("CANCEL", "BYE", "HANGUP") for s in lab.seen(phone)[before:]))
    seen = {s.what: s.at for s in lab.seen(phone)[before:]}
    if "ANSWER" not in seen:
        return "not picked up", seen["CANCEL"] - seen["INVITE"]
    if result != 200:
        return "picked up too late", None
    return ("talked" if "HANGUP" in seen else "connected and cut"), None


async def at_once(lab: Lab, name: str, rings: int, after: Sequence[float | None]) -> list[tuple[str, float | None]]:
    """Have all phones rung at once, each picked up after a time of its own."""
    calls = (
        ring(lab, phone, f"{name} {phone}", rings=rings, pick_up_after=seconds)
        for phone, seconds in zip(PHONES, after, strict=True)
    )
    return await asyncio.gather(*calls)


def make_groups(daemon: Daemon) -> None:
    """A group for each phone, made in one go."""
    with closing(open_store(daemon.environment["FSHUNT_DATABASE_URL"])) as store, store.writing() as s:
        for phone in PHONES:
            ends = {"on_no_answer": "hangup:NO_ANSWER", "on_busy": "hangup:USER_BUSY"}
            made = {case: parse_destination(end) for case, end in ends.items()}
            groups.add_group(s, DOMAIN, pilot(phone), ring_time=RingTime(seconds=RING_SECONDS), **made)
            members.add_members(s, DOMAIN, pilot(phone), [parse_member(phone)])


@pytest.mark.timeout(60 + 3 * PICK_UPS)
@pytest.mark.parametrize("rings", [180, 183])
async def test_a_phone_that_is_picked_up_as_its_time_ends_is_never_connected_and_cut(lab, daemon, rings):
    await lab.register(*PHONES)
    make_groups(daemon)
    for name in ("first", "second"):  # what is done for the first time takes longer
        rung = [seconds for _, seconds in await at_once(lab, name, rings, [None] * AT_ONCE) if seconds is not None]
    assert all(seconds >= RING_SECONDS for seconds in rung), rung
    end, ends = statistics.median(rung), Counter()
    for first in range(0, PICK_UPS, AT_ONCE):
        after = [end + random.uniform(-WITHIN_SECONDS, WITHIN_SECONDS) for _ in PHONES]
        ends.update(what for what, _ in await at_once(lab, f"{first}", rings, after))
    print(f"pick-ups within {WITHIN_SECONDS:g} s of the end of the ring time, ringing by {rings}: {dict(ends)}")
    assert ends["talked"], "no pick-up was in time"
    assert not ends["connected and cut"], ends
