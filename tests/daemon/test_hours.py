"""A group that is closed: by hand, by a holiday, by its hours; and blocks that end by themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from fshunt.daemon.bootstrap import build
from fshunt.db.engine import Store
from fshunt.db.models import HuntGroup
from fshunt.db.queries import hunts, member_status, queue
from fshunt.errors import DatabaseError
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.hours import Holiday
from fshunt.hunting.hours_text import parse_week
from fshunt.services import groups, hours, members
from fshunt.services.hours import Zone
from fshunt.simulator.core.phones import RINGS, answers
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, light, passed, rang, running

OPEN = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""A Tuesday, 10:00 in Rome."""
EVENING = datetime(2026, 12, 1, 19, tzinfo=UTC)
CHRISTMAS = datetime(2026, 12, 25, 9, tzinfo=UTC)

TALKS, STAYS = answers(0.02, talks=0.05), answers(0.02)
AT_NIGHT = parse_destination("voicemail:1008")


class Wall:
    """The clock of the daemon's machine, as a test sets it."""

    def __init__(self) -> None:
        self.at = OPEN

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def office(database_url: str, store: Store, wall: Wall) -> Iterator[Rig]:
    """A daemon whose wall clock the test sets, on SQLite and on PostgreSQL."""
    with running(str(database_url), store, wall=wall) as made:
        yield made


@pytest.fixture
def light_office(sqlite_url: str, wall: Wall) -> Iterator[Rig]:
    with light(sqlite_url, wall=wall) as made:
        yield made


def with_hours(rig: Rig, *extensions: str, **fields: Any) -> None:
    """A group 5000 that is open from Monday to Friday, 8 to 17 in Rome, and closed at Christmas."""
    rig.group("5000", *extensions, voicemail="1009", on_closed=AT_NIGHT, **fields)
    with rig.store.writing() as s:
        hours.set_hours(s, DOMAIN, "5000", parse_week(["mon-fri", "8-17"]), Zone("Europe/Rome"))
        hours.add_holiday(s, DOMAIN, "5000", Holiday("Christmas", date(2026, 12, 25), date(2026, 12, 26)))


def close_by_hand(rig: Rig, until: datetime | None = None) -> None:
    with rig.store.writing() as s:
        hours.close_group(s, DOMAIN, "5000", until=until, now=OPEN)


def open_again(rig: Rig) -> None:
    with rig.store.writing() as s:
        hours.open_group(s, DOMAIN, "5000")


def ended(record: Any) -> tuple[str, str, str]:
    return record.result, record.reason, record.destination


@pytest.mark.parametrize(
    ("at", "reason"), [(EVENING, "closed: hours"), (CHRISTMAS, "closed: holiday Christmas"), (OPEN, "closed: by hand")]
)
def test_a_closed_group_rings_nobody_and_its_callers_go_to_its_closed_destination(
    office: Rig, wall: Wall, at: datetime, reason: str
) -> None:
    with_hours(office, "1001")
    (phone,) = office.phones("1001", behaviour=TALKS)
    if at == OPEN:
        close_by_hand(office)
    wall.at = at
    call = office.started()
    record = office.record(call)
    assert ended(record) == ("voicemail", reason, "voicemail:1008")
    assert (call.ending.kind, call.ending.who) == ("voicemail", "1008")
    assert (rang(record), passed(record), phone.rings) == ([], [], [])


def test_an_open_group_rings(office: Rig) -> None:
    with_hours(office, "1001")
    office.phones("1001", behaviour=TALKS)
    assert office.call().result == "answered"


@pytest.mark.parametrize(
    ("destination", "result"), [("transfer:1002", "transferred"), ("hangup:USER_BUSY", "rejected")]
)
def test_a_closed_group_has_any_destination(light_office: Rig, wall: Wall, destination: str, result: str) -> None:
    with_hours(light_office, "1001")
    with light_office.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", on_closed=parse_destination(destination))
    light_office.phones("1001", "1002", behaviour=TALKS)
    wall.at = EVENING
    assert ended(light_office.call()) == (result, "closed: hours", destination)


def test_a_closed_group_without_a_destination_of_its_own_uses_its_box(light_office: Rig) -> None:
    light_office.group("5000", "1001", "1002")
    light_office.phones("1001", behaviour=TALKS)
    close_by_hand(light_office)
    assert ended(light_office.call()) == ("voicemail", "closed: by hand", "voicemail:1002")


def test_a_disabled_group_is_unreachable_whatever_its_hours_are(light_office: Rig, wall: Wall) -> None:
    with_hours(light_office, "1001")
    with light_office.store.writing() as s:
        groups.enable_group(s, DOMAIN, "5000", False)
    wall.at = EVENING
    assert ended(light_office.call()) == ("voicemail", "nobody reachable", "voicemail:1009")


def test_closed_by_hand_ends_at_its_time(light_office: Rig, wall: Wall) -> None:
    with_hours(light_office, "1001")
    light_office.phones("1001", behaviour=TALKS)
    close_by_hand(light_office, OPEN + timedelta(hours=1))
    assert light_office.call().reason == "closed: by hand"
    wall.at = OPEN + timedelta(hours=1)
    assert light_office.call().result == "answered"


def test_a_change_holds_for_the_next_call_and_phones_that_ring_keep_ringing(light_office: Rig) -> None:
    light_office.group("5000", "1001", voicemail="1009")
    light_office.phones("1001", behaviour=RINGS)
    rings = light_office.happens("rings", "1001")
    call = light_office.started()
    assert rings.wait(WAIT_SECONDS)
    close_by_hand(light_office)
    assert light_office.closed(light_office.started()).reason == "closed: by hand"
    talks = light_office.happens("talks with", "1001")
    light_office.pick_up(call, "1001")
    assert talks.wait(WAIT_SECONDS)
    call.hang_up()
    assert light_office.record(call).result == "answered"
    open_again(light_office)
    rings = light_office.happens("rings", "1001")
    call = light_office.started()
    assert rings.wait(WAIT_SECONDS)
    call.hang_up()
    assert light_office.record(call).result == "abandoned"


def busy_and_queued(rig: Rig) -> tuple[SimulatedCall, SimulatedCall]:
    """A member on a call of the group, and a caller who waits for them."""
    rig.group("5000", "1001", when_busy=WhenBusy.QUEUE, on_closed=AT_NIGHT)
    (phone,) = rig.phones("1001", behaviour=TALKS)
    phone.script(STAYS)
    talks = rig.happens("talks with", "1001")
    first = rig.started()
    assert talks.wait(WAIT_SECONDS)
    waiting = rig.started()
    rig.until(lambda: is_queued(rig, waiting), "the caller is in the queue")
    return first, waiting


def is_queued(rig: Rig, call: SimulatedCall) -> bool:
    with rig.store.reading() as s:
        return call.uuid in [hunt.call_uuid for hunt in queue.waiting_hunts(s)]


def test_queued_callers_stay_when_the_group_is_closed(office: Rig) -> None:
    first, waiting = busy_and_queued(office)
    close_by_hand(office)
    assert office.closed(office.started()).reason == "closed: by hand", "a new caller"
    first.hang_up()
    assert office.closed(waiting).result == "answered"


def test_a_queued_caller_stays_when_the_daemon_stops_after_the_group_was_closed(office: Rig, wall: Wall) -> None:
    second = build(replace(office.settings, node_name="second"), wall=wall)
    second.start()
    try:
        both = [("127.0.0.1", each.listener.port) for each in (office.daemon, second)]
        office.switch = SimulatedSwitch(both, domain=DOMAIN, voicemail_seconds=0.05)
        first, waiting = busy_and_queued(office)
        close_by_hand(office)
        office.daemon.stop()
        office.until(lambda: len(second.deps.queue) == 1, "the caller waits at the other daemon")
        for call in (waiting, first):
            call.hang_up()
            assert call.join(WAIT_SECONDS)
    finally:
        second.stop()


def test_a_closed_group_moves_no_rotation(office: Rig, wall: Wall) -> None:
    with_hours(office, "1001", "1002", policy="round-robin")
    office.phones("1001", "1002", behaviour=TALKS)
    assert office.call().answered_by == "1001"
    wall.at = EVENING
    for _ in range(3):
        assert office.call().result == "voicemail"
    wall.at = OPEN + timedelta(days=1)
    assert office.call().answered_by == "1002"


def no_database(*_args: object, **_kwargs: object) -> None:
    raise DatabaseError("The database is away.")


def test_without_the_database_the_hours_come_from_the_group_cache(
    light_office: Rig, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_hours(light_office, "1001")
    light_office.phones("1001", behaviour=TALKS)
    assert light_office.call().result == "answered"
    monkeypatch.setattr(hunts, "load", no_database)
    wall.at = CHRISTMAS
    assert ended(light_office.call()) == ("voicemail", "closed: holiday Christmas", "voicemail:1008")
    wall.at = datetime(2026, 12, 28, 9, tzinfo=UTC)
    assert light_office.call().result == "answered"


def test_a_group_whose_time_zone_does_not_exist_is_open(
    light_office: Rig, wall: Wall, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with_hours(light_office, "1001")
    with light_office.store.writing() as s:
        s.execute(update(HuntGroup).values(time_zone="Mars/Base"))
    light_office.phones("1001", behaviour=TALKS)
    wall.at = EVENING
    assert light_office.call().result == "answered"
    assert "the hours of group 5000 do not count: There is no time zone 'Mars/Base'" in caplog.text


# Blocks that end by themselves.


def block(rig: Rig, extension: str, until: datetime, pilot: str | None = None) -> None:
    with rig.store.writing() as s:
        members.block(s, DOMAIN, extension, True, pilot=pilot, until=until, now=OPEN)


def test_a_block_ends_by_itself(office: Rig, wall: Wall) -> None:
    office.group("5000", "1001", "1002")
    office.phones("1001", "1002", behaviour=TALKS)
    block(office, "1001", OPEN + timedelta(hours=1))
    record = office.call()
    assert (passed(record), record.answered_by) == ([("1001", "blocked")], "1002")
    wall.at = OPEN + timedelta(hours=1)
    record = office.call()
    assert (passed(record), record.answered_by) == ([], "1001")


@pytest.mark.parametrize("pilot", [None, "5000"])
def test_a_block_ends_without_the_database_too(
    light_office: Rig, wall: Wall, monkeypatch: pytest.MonkeyPatch, pilot: str | None
) -> None:
    light_office.group("5000", "1001", "1002")
    light_office.phones("1001", "1002", behaviour=TALKS)
    block(light_office, "1001", OPEN + timedelta(hours=1), pilot)
    assert light_office.call().answered_by == "1002"
    monkeypatch.setattr(hunts, "load", no_database)
    monkeypatch.setattr(hunts, "look_and_claim", no_database)
    assert light_office.call().answered_by == "1002"
    wall.at = OPEN + timedelta(hours=1)
    assert light_office.call().answered_by == "1001"


def test_a_queued_caller_is_offered_to_a_member_whose_block_ends(office: Rig, wall: Wall) -> None:
    office.group("5000", "1001", "1002", when_busy=WhenBusy.QUEUE)
    office.phones("1001", "1002", behaviour=STAYS)
    block(office, "1002", OPEN + timedelta(hours=1))
    talks = office.happens("talks with", "1001")
    first = office.started()
    assert talks.wait(WAIT_SECONDS)
    waiting = office.started()
    office.until(lambda: is_queued(office, waiting), "the caller is in the queue")
    talks = office.happens("talks with", "1002")
    wall.at = OPEN + timedelta(hours=1)
    office.pass_time_until(talks.is_set, "the member whose block has ended has the caller")
    for call in (first, waiting):
        call.hang_up()
    assert office.record(waiting).answered_by == "1002"


def test_the_database_says_who_may_not_ring_at_a_moment(office: Rig) -> None:
    group = office.group("5000", "1001")
    until = OPEN + timedelta(hours=1)
    block(office, "1001", until)
    ids = [group.members[0].id]
    with office.store.reading() as s:
        assert member_status.may_not_ring(s, ids, until - timedelta(seconds=1)) == {ids[0]: "blocked"}
        assert member_status.may_not_ring(s, ids, until) == {}
