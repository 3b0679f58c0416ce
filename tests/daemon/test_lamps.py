"""The daemon tells phones that watch a pilot or a block what their lamps show (the simulated switch keeps the keys)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fshunt.daemon.switches import lamp_leader, lamps, switch_lamps
from fshunt.daemon.switches.switch_lamps import SwitchLamps
from fshunt.db.engine import Store
from fshunt.errors import DatabaseError
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, hours, members
from fshunt.simulator.core.lamps import Key
from tests.support.rig import DOMAIN, Rig, running, watching
from tests.support.waiting import WAIT_SECONDS

OFF, BLINKS, ON = "terminated", "early", "confirmed"
OTHER = "other.test"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lamps, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(lamps, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(lamps, "HEARTBEATS_SECONDS", 0.1)
    monkeypatch.setattr(lamps, "WRITTEN_SECONDS", 0.1)


@pytest.fixture
def lit(database_url: str, store: Store, tmp_path: Path) -> Iterator[Rig]:
    """A daemon that tells lamps, on SQLite and on PostgreSQL."""
    with watching(str(database_url), store, tmp_path, lamps="on") as made:
        made.until(lambda: all(each.hears and each.leads for each in switches_of(made)), "it hears who watches")
        yield made


def switches_of(rig: Rig) -> Collection[SwitchLamps]:
    return rig.daemon.deps.lamps.switches


def key(rig: Rig, watched: str, *, host: str = DOMAIN, of: str = DOMAIN, **how: object) -> Key:
    return rig.switch.keys.watch(f"{watched}@{host}", f"1003@{of}", **how)  # type: ignore[arg-type]


def expect(rig: Rig, lamp: Key, state: str, note: str | None = None) -> None:
    def shown() -> bool:
        return lamp.shows == state and note in (None, lamp.notes[-1])

    try:
        rig.until(shown, f"{lamp.user} shows {state}")
    except AssertionError as error:
        raise AssertionError(f"{lamp.user} was told {[*zip(lamp.told, lamp.notes, strict=True)]}") from error


def block(rig: Rig, extension: str, blocked: bool = True, *, domain: str = DOMAIN, **how: Any) -> None:
    with rig.store.writing() as s:
        members.block(s, domain, extension, blocked, **how)


def unreachable(*_arguments: object, **_how: object) -> None:
    raise DatabaseError("The database cannot be reached.")


def other_group(rig: Rig, pilot: str, extension: str) -> None:
    with rig.store.writing() as s:
        groups.add_group(s, OTHER, pilot)
        members.add_members(s, OTHER, pilot, [parse_member(extension)])


def test_a_pilot_is_free_rings_and_has_nobody(lit: Rig) -> None:
    lit.group("5000", "1001")
    lit.phones("1001")
    lamp = key(lit, "5000")
    expect(lit, lamp, OFF, "Available")
    rings = lit.happens("rings", "1001")
    call = lit.started()
    expect(lit, lamp, BLINKS, "Ringing")
    assert rings.wait(WAIT_SECONDS)
    lit.pick_up(call, "1001")
    expect(lit, lamp, ON, "Nobody available")
    call.hang_up()
    expect(lit, lamp, OFF, "Available")
    lit.record(call)


def test_wrap_up_counts_and_ends(lit: Rig) -> None:
    lit.group("5000", "1001", wrap_up_seconds=1.0)
    lit.phones("1001")
    lamp = key(lit, "5000")
    expect(lit, lamp, OFF)
    rings = lit.happens("rings", "1001")
    call = lit.started()
    expect(lit, lamp, BLINKS)
    assert rings.wait(WAIT_SECONDS)
    lit.pick_up(call, "1001")
    expect(lit, lamp, ON)
    call.hang_up()
    ended = len(lamp.told)
    expect(lit, lamp, OFF)
    lit.record(call)
    assert lamp.told[ended - 1 :] == [ON, OFF], "it is dark after the wrap-up, and not before"


def test_an_external_member_is_busy_while_a_hunt_has_it(lit: Rig) -> None:
    gateway = lit.switch.gateway("carrier")
    gateway.add("+14155550123")
    lit.group("5000", "+14155550123@carrier")
    with lit.store.writing() as s:
        members.set_member(s, DOMAIN, "5000", parse_member("+14155550123@carrier"), confirm=False)
    lamp = key(lit, "5000")
    expect(lit, lamp, OFF)
    rings = lit.happens("rings", "+14155550123")
    call = lit.started()
    assert rings.wait(WAIT_SECONDS)
    lit.pick_up(call, "+14155550123")
    expect(lit, lamp, ON, "Nobody available")
    call.hang_up()
    expect(lit, lamp, OFF)
    lit.record(call)


def test_registering_a_phone_makes_it_dark(lit: Rig) -> None:
    lit.group("5000", "1001")
    lamp = key(lit, "5000")
    expect(lit, lamp, ON)
    (phone,) = lit.phones("1001")
    expect(lit, lamp, OFF)
    lit.switch.registrations.unregister(phone)
    expect(lit, lamp, ON)


def test_closed_disabled_renumbered_and_removed(lit: Rig) -> None:
    lit.group("5000", "1001")
    lit.phones("1001")
    lamp = key(lit, "5000")
    expect(lit, lamp, OFF)
    with lit.store.writing() as s:
        hours.close_group(s, DOMAIN, "5000", until=None)
    expect(lit, lamp, ON, "Closed")
    with lit.store.writing() as s:
        hours.open_group(s, DOMAIN, "5000")
    expect(lit, lamp, OFF, "Available")
    with lit.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", enabled=False)
    expect(lit, lamp, ON, "Nobody available")
    new = key(lit, "5001")
    with lit.store.writing() as s:
        groups.renumber_group(s, DOMAIN, "5000", "5001")
    expect(lit, lamp, OFF)
    expect(lit, new, ON)
    with lit.store.writing() as s:
        groups.remove_group(s, DOMAIN, "5001")
    expect(lit, new, OFF)


def test_a_closing_and_a_block_end_by_the_clock(lit: Rig) -> None:
    lit.group("5000", "1001")
    lit.phones("1001")
    pilot, lamp, in_group = key(lit, "5000"), key(lit, "block+1001"), key(lit, "block+1001+5000")
    expect(lit, lamp, OFF, "Available")
    soon = datetime.now(UTC) + timedelta(seconds=1)
    block(lit, "1001", until=soon)
    expect(lit, lamp, ON, "Blocked")
    expect(lit, in_group, ON, "Blocked")
    expect(lit, pilot, ON, "Nobody available")
    for each in (lamp, in_group, pilot):
        expect(lit, each, OFF)
    with lit.store.writing() as s:
        hours.close_group(s, DOMAIN, "5000", until=datetime.now(UTC) + timedelta(seconds=0.5))
    expect(lit, pilot, ON, "Closed")
    expect(lit, pilot, OFF, "Available")


def test_a_block_in_one_group_lights_that_lamp_alone_and_in_all_the_others(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    with watching(str(database_url), store, tmp_path, lamps="on", shared_members=(DOMAIN,)) as rig:
        rig.group("5000", "1001")
        rig.group("5001", "1002")
        with rig.store.writing() as s:
            members.add_members(s, DOMAIN, "5001", [parse_member("1001")], shared=True)
        everywhere, here, there = (key(rig, f"block+1001{each}") for each in ("", "+5000", "+5001"))
        for lamp in (everywhere, here, there):
            expect(rig, lamp, OFF)
        block(rig, "1001", pilot="5000")
        expect(rig, here, ON)
        block(rig, "1001", pilot="5001", until=datetime.now(UTC) + timedelta(seconds=0.7))
        expect(rig, there, ON)
        expect(rig, everywhere, ON)
        expect(rig, there, OFF)
        expect(rig, everywhere, OFF)
        assert here.shows == ON


def test_a_later_subscription_is_told_at_once_whatever_it_watches(lit: Rig) -> None:
    lit.group("5000", "1001")
    block(lit, "1001")
    for watched in ("5000", "block+1001", "block+1001+5000"):
        expect(lit, key(lit, watched), ON)
        expect(lit, key(lit, watched, presence=True), ON)


def test_the_switchs_own_word_that_a_pilot_is_no_phone_is_made_good(lit: Rig) -> None:
    lit.group("5000")
    lamp = key(lit, "5000")
    expect(lit, lamp, ON)
    told = len(lamp.told)
    key(lit, "5000", presence=True)
    assert lamp.shows == OFF
    expect(lit, lamp, ON)
    assert len(lamp.told) <= told + 3


def test_under_an_ip_address_it_is_the_only_domains_lamp(lit: Rig) -> None:
    lit.group("5000", "1001")
    block(lit, "1001")
    lamps = [
        key(lit, watched, host="192.0.2.2", of="192.0.2.2") for watched in ("5000", "block+1001", "block+1001+5000")
    ]
    for lamp in lamps:
        expect(lit, lamp, ON)
    block(lit, "1001", False)
    for lamp in lamps[1:]:
        expect(lit, lamp, OFF)


def test_a_tenant_is_told_its_own_lamps_only(lit: Rig) -> None:
    lit.group("5000", "1001")
    other_group(lit, "5000", "1001")
    ours = [key(lit, watched) for watched in ("block+1001", "block+1001+5000")]
    theirs = [key(lit, watched, host=OTHER, of=OTHER) for watched in ("block+1001", "block+1001+5000")]
    stranger = key(lit, "block+1001+5000", host="third.test", of="third.test")
    for lamp in (*ours, *theirs):
        expect(lit, lamp, OFF)
    block(lit, "1001", domain=OTHER)
    for lamp in theirs:
        expect(lit, lamp, ON)
    assert {state for lamp in ours for state in lamp.told} == {OFF}
    block(lit, "1001")
    for lamp in ours:
        expect(lit, lamp, ON)
    assert stranger.told == []


def test_no_lamp_is_no_answer(lit: Rig) -> None:
    lit.group("5000", "1001")
    strange = [
        key(lit, watched, **how)  # type: ignore[arg-type]
        for watched, how in (
            ("block+1009", {}),
            ("block+1001+5009", {}),
            ("block+1001", {"call_id": "unload mod_event_socket"}),
            ("block+1001", {"call_id": "x" * 300}),
            ("x" * 400, {}),
            ("park+1001", {}),
        )
    ]
    expect(lit, key(lit, "block+1001"), OFF)
    assert [lamp.told for lamp in strange[:2] + strange[5:]] == [[], [], []]


def test_a_switch_that_was_cut_off_or_started_anew_is_told_all(lit: Rig) -> None:
    lit.group("5000", "1001")
    lamp = key(lit, "block+1001")
    expect(lit, lamp, OFF)
    (monitor,) = lit.daemon.deps.monitor.switches
    lit.switch.inbound.drop()  # type: ignore[union-attr]
    lamp.told.append("lost")
    lamp.notes.append("")
    lit.switch.bus.core_uuid = "another"
    expect(lit, lamp, OFF)
    block(lit, "1001")
    expect(lit, lamp, ON)
    assert monitor.watched


def test_of_two_daemons_one_tells_and_the_other_one_when_the_first_has_lost_the_database(
    database_url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lamp_leader, "GONE_SECONDS", 2.0)
    with ExitStack() as both:
        first = both.enter_context(watching(str(database_url), store, tmp_path, lamps="on", node_name="first"))
        first.group("5000", "1001")
        settings = {"switch": first.settings.switch, "lamps": "on", "node_name": "second"}
        second = both.enter_context(running(str(database_url), store, **settings))

        def led() -> list[bool]:
            return [all(each.leads for each in switches_of(rig)) for rig in (first, second)]

        for rig in (first, second):
            first.until(lambda rig=rig: rig.daemon.deps.lamps._leader._of_others, "it knows that the other one watches")
        first.until(lambda: sorted(led()) == [False, True], "one of them leads")
        lamp = key(first, "block+1001")
        expect(first, lamp, OFF)
        before = led()
        gone, stays = (first, second) if before[0] else (second, first)
        with monkeypatch.context() as cut_off:  # its heartbeats stand still, as those of one that is killed
            cut_off.setattr(gone.daemon.deps.database, "run", unreachable)
            block(first, "1001")
            expect(first, lamp, ON)
            assert all(each.leads for each in switches_of(stays))
            first.until(lambda: led() == before[::-1], "the other one tells nothing that is old")


def test_many_lamps_are_told_in_slices(lit: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch_lamps, "TOLD_AT_ONCE", 3)
    for name in ("PAUSE_SECONDS", "REST_PAUSE_SECONDS"):
        monkeypatch.setattr(switch_lamps, name, 0.001)
    lit.group("5000", *(str(number) for number in range(1001, 1021)))
    keys = [key(lit, f"block+{number}") for number in range(1001, 1021)]
    for each in keys:
        expect(lit, each, OFF)
    with lit.store.writing() as s:
        for number in range(1001, 1021):
            members.block(s, DOMAIN, str(number), True)
    for each in keys:
        expect(lit, each, ON)


def test_it_counts_what_it_hears_and_tells(lit: Rig) -> None:
    lit.group("5000", "1001")
    expect(lit, key(lit, "block+1001"), OFF)

    def counted(name: str) -> float:
        lines = lit.daemon.deps.metrics.page().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}_total{{"))

    lit.until(lambda: counted("fshunt_lamp_subscriptions") >= 1, "the subscription is counted")
    lit.until(lambda: counted("fshunt_lamp_events") >= 3, "the events are counted")
