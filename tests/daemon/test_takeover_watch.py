"""Calls that are watched to their end, without a daemon around them: which events are looked at, and what is closed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from fshunt.daemon.cluster.takeover import CUT_OFF_SECONDS, DetachedCall, Takeover
from fshunt.db.queries.takeover import OpenOffer, UnfinishedCall
from fshunt.freeswitch.leg_uuids import leg_uuid
from fshunt.freeswitch.phones import Change
from fshunt.hunting.states import Result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Switches:
    """What a monitor knows, and how often it was asked."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.answered: set[str] = set()
        self.configured = self.watched = True
        self.asked = 0

    def has_channel(self, uuid: str) -> bool | None:
        self.asked += 1
        return True if uuid in self.live else (False if self.watched else None)

    def is_answered(self, uuid: str) -> bool:
        return uuid in self.answered

    def legs_of(self, offer_id: str, phones: int) -> list[str]:
        legs = [leg_uuid(offer_id, number) for number in range(1, phones + 1)]
        return [leg for leg in legs if self.has_channel(leg)]


class Records:
    """The kinds of events that were put, each with its hunt; and claims that were released."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []
        self.catches_up = False

    def put(self, event: Any) -> None:
        self.written.append((event.kind, getattr(event, "hunt_id", "")))

    def expire(self, hunt_id: str, *, foreign: bool) -> None:
        assert foreign

    def release(self, hunt_id: str, *_more: Any) -> None:
        self.written.append(("release", hunt_id))


class Watch:
    def __init__(self) -> None:
        self.switches, self.records, self.seconds = Switches(), Records(), 0.0
        more: Any = self.switches, self.records, self.records
        self.takeover = Takeover(*more, lambda: NOW, lambda: self.seconds)

    def ringing(self, name: str, phones: int = 1, result: str | None = None) -> UnfinishedCall:
        """A call that was left while its member's phones ring."""
        offer = OpenOffer(f"offer of {name}", "1001", 1, None, phones)
        self.switches.live |= {name} | {leg_uuid(offer.id, number) for number in range(1, phones + 1)}
        return UnfinishedCall(f"hunt of {name}", name, 1, "regular", result, None, None, (offer,))


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_an_event_of_a_channel_that_no_watched_call_has_is_not_looked_at(watch: Watch) -> None:
    watch.takeover.take_over([watch.ringing(f"call {number}") for number in range(50)])
    watch.switches.asked = 0
    watch.takeover.changed(Change(frozenset({"1001@office.test"}), ("stranger",), ("another-1",)))
    assert watch.switches.asked == 0
    watch.takeover.changed(Change(channels=("call 7",)))
    assert 0 < watch.switches.asked < 5, "one of fifty was looked at"


@pytest.mark.parametrize("told", ["call", leg_uuid("offer of call", 2)], ids=["the caller", "the leg"])
def test_in_either_order_of_events_the_answerer_is_seen(watch: Watch, told: str) -> None:
    """The caller may come from another network, and is nobody's presence."""
    leg = leg_uuid("offer of call", 2)
    watch.takeover.take_over([watch.ringing("call", phones=2)])
    watch.switches.answered = {"call", leg}
    watch.takeover.changed(Change(channels=(told,)))
    assert ("call-answered", "hunt of call") in watch.records.written
    watch.switches.live.clear()
    watch.takeover.changed(Change(ended=(leg,)))
    assert ("call-finished", "hunt of call") in watch.records.written
    assert len(watch.takeover) == 0


def test_no_leg_rings_any_more_and_the_call_is_closed(watch: Watch) -> None:
    watch.takeover.take_over([watch.ringing("call")])
    watch.switches.live.discard(leg_uuid("offer of call", 1))
    watch.takeover.changed(Change(ended=(leg_uuid("offer of call", 1),)))
    assert watch.records.written == [("unfinished-call-closed", "hunt of call")]
    assert len(watch.takeover) == 0


def test_two_hunts_of_one_caller_are_both_finished(watch: Watch) -> None:
    watch.switches.live.add("call")
    for hunt in ("first", "second"):
        watch.takeover.watch(DetachedCall(hunt, "call", Result.ANSWERED))
    watch.switches.live.clear()
    watch.takeover.changed(Change(ended=("call",)))
    assert [what for name, what in watch.records.written if name == "call-finished"] == ["first", "second"]


def test_to_ask_which_hunts_are_watched_closes_none(watch: Watch) -> None:
    watch.switches.live.add("call")
    watch.takeover.watch(DetachedCall("hunt", "call", Result.ANSWERED))
    watch.switches.live.clear()
    watch.switches.watched = False
    watch.seconds += CUT_OFF_SECONDS + 1
    assert watch.takeover.hunt_ids == ["hunt"]
    assert watch.records.written == []
    watch.takeover.look_who_lives()
    assert watch.records.written == [("call-finished", "hunt"), ("release", "hunt")]
    assert watch.takeover.hunt_ids == []


def test_a_call_with_an_unknown_result_is_closed_and_blocks_no_other_takeover(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    watch.takeover.take_over([watch.ringing("odd", result="called back"), watch.ringing("call")])
    assert watch.records.written == [("unfinished-call-closed", "hunt of odd")]
    assert watch.takeover.hunt_ids == ["hunt of call"]
    assert "unknown result in its record: called back" in caplog.text


def test_an_unreadable_call_is_closed_and_blocks_no_other_takeover(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def legs_of(offer_id: str, phones: int) -> list[str]:
        if "odd" in offer_id:
            raise ValueError
        return [leg_uuid(offer_id, phones)]

    monkeypatch.setattr(watch.switches, "legs_of", legs_of)
    watch.takeover.take_over([watch.ringing("odd"), watch.ringing("call")])
    assert watch.records.written == [("unfinished-call-closed", "hunt of odd")]
    assert watch.takeover.hunt_ids == ["hunt of call"]
