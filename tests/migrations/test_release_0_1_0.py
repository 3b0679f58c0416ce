"""What fshunt 0.1.0 has written, in the tables that it had, is found by today's code after an upgrade.

The files in schema-0.1.0 are never changed: they are what is out there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, select

from fshunt.db import migrate
from fshunt.db.engine import open_engine, open_store
from fshunt.db.models import Announcement, Block, Claim
from fshunt.db.queries import calls, cluster, daemons, hunts, queue
from fshunt.db.queries.cluster import Timing
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.queue import QueuedHunt
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.blocks import Block as MemberBlock
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.rotation import RotationPointer
from fshunt.services import groups
from tests.migrations.test_agreement import reflected
from tests.migrations.test_up_and_down import rows, tables

FOLDER = Path(__file__).parent / "schema-0.1.0"
REVISION = "0006"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def url(empty_database_url: str) -> str:
    """A database as 0.1.0 left it."""
    made = make_url(empty_database_url)
    dialect = made.get_backend_name()
    schema, content = (FOLDER / f"{dialect}.sql").read_text(), (FOLDER / "rows.sql").read_text()
    if dialect == "sqlite":
        with closing(sqlite3.connect(str(made.database))) as connection:
            connection.executescript(schema + content)
    else:
        conninfo = made.set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC")) as server:
            server.execute((schema + content).encode())
    return empty_database_url


def test_what_0_1_0_left_is_of_its_revision_and_every_table_has_rows(url: str) -> None:
    assert migrate.check(url).current == REVISION
    found = rows(url, *tables(url))
    assert len(found) == 16
    assert [table for table, there in found.items() if not there] == []


def test_its_tables_are_those_that_the_migrations_up_to_it_make(url: str, tmp_path: Path, request: Any) -> None:
    """No migration is changed that somebody has run."""
    if make_url(url).get_backend_name() == "sqlite":
        again = f"sqlite:///{tmp_path / 'again.db'}"
    else:
        again = request.getfixturevalue("postgres_databases").empty()
    migrate.upgrade(again, REVISION)
    assert tables(again) == tables(url)
    of_both = []
    for each in (url, again):
        engine = open_engine(each)
        of_both.append(reflected(engine, sorted(tables(url))))
        engine.dispose()
    assert of_both[0] == of_both[1]
    assert rows(again, "compatibility") == rows(url, "compatibility")


@pytest.fixture
def upgraded(url: str) -> Any:
    migrate.upgrade(url)
    assert migrate.check(url).current == migrate.check(url).head
    with closing(open_store(url)) as store:
        yield store


def test_groups_and_members_are_as_written(upgraded: Any) -> None:
    with upgraded.reading() as s:
        found = [groups.get_group(s, "pbx.test", "5000"), groups.get_group(s, "pbx.test", "5001")]
        found += groups.list_groups(s, "other.test")
        blocks = {(row.domain_id, row.extension, row.since, row.reason) for row in s.scalars(select(Block))}
    sales = Group(
        id=1,
        domain="pbx.test",
        pilot="5000",
        name="Sales",
        policy="circular",
        ring_time=RingTime(rings=3),
        voicemail="1009",
        cycles=2,
        hunt_timeout=90.0,
        prefix="Sales",
        wrap_up_seconds=7.5,
        auto_block=3,
        on_busy=parse_destination("transfer:5001"),
        on_unreachable=parse_destination("hangup:NORMAL_TEMPORARY_FAILURE"),
        members=(
            Member(
                1,
                1,
                parse_member("1001"),
                idle_since=NOON,
                unanswered_in_a_row=2,
                blocks=(MemberBlock(after(-3600), automatic=True),),
            ),
            Member(2, 2, parse_member("1002"), RingTime(rings=5), enabled=False),
            Member(3, 3, parse_member("+4930123@carrier"), RingTime(seconds=20.0), confirm=True),
        ),
    )
    service = Group(
        id=2,
        domain="pbx.test",
        pilot="5001",
        name="Service",
        policy="round-robin",
        ring_time=RingTime(seconds=12.5),
        hunt_timeout=120.0,
        music="local_stream://moh",
        when_busy=WhenBusy.QUEUE,
        members=(
            Member(4, 1, parse_member("1003"), idle_since=after(1.25)),
            Member(5, 2, parse_member("1004"), blocks=(MemberBlock(after(-1800)),)),
        ),
    )
    elsewhere = Group(
        id=3,
        domain="other.test",
        pilot="5000",
        name="Elsewhere",
        policy="weighted",
        ring_time=RingTime(rings=4),
        call_waiting=True,
        enabled=False,
        members=(Member(6, 1, parse_member("1001"), weight=70),),
    )
    assert found == [sales, service, elsewhere]
    assert blocks == {(1, "1001", after(-3600), "auto"), (1, "1004", after(-1800), None)}


def test_the_rotation_goes_on(upgraded: Any) -> None:
    with upgraded.writing() as s:
        assert hunts.rotation_pointers(s, 1) == (RotationPointer(1, 1), None)
        assert hunts.rotation_pointers(s, 2) == (None, RotationPointer(5, 2))
        hunts.note_answer(s, 1, 2, call_uuid="caller-1", at=NOON, moves_answerer=True)
        assert hunts.move_first(s, 2, "caller-2", lambda _pointer: 4) == RotationPointer(4, 1), "the one before"
    with upgraded.reading() as s:
        assert hunts.rotation_pointers(s, 1) == (RotationPointer(1, 1), None), "a call moves it once"
        assert hunts.rotation_pointers(s, 2) == (None, RotationPointer(5, 2))


def test_calls_offers_and_skips_are_as_written(upgraded: Any) -> None:
    with upgraded.reading() as s:
        [answered], [waits], [missed] = (calls.show_call(s, f"caller-{number}") for number in (1, 2, 3))
        listed = [each.id for each in calls.list_calls(s)]
    assert listed == ["hunt-3", "hunt-2", "hunt-4", "hunt-1"]
    assert (
        vars(answered).items()
        >= {
            "id": "hunt-1",
            "uuid": "caller-1",
            "domain": "pbx.test",
            "pilot": "5000",
            "group_name": "Sales",
            "policy": "circular",
            "caller_number": "4930456",
            "caller_name": "Ada",
            "started_at": NOON,
            "answered_at": after(20.5),
            "ended_at": after(60),
            "end_seen": True,
            "result": "answered",
            "reason": None,
            "answered_by": "1001",
            "destination": None,
            "node": "node-a",
            "run_id": "run-1",
            "waited_seconds": None,
        }.items()
    )
    assert [
        (each.id, each.stage, each.extension, each.phones, each.ring_seconds, each.started_at, each.ended_at)
        for each in answered.offers
    ] == [
        ("offer-1", 1, "+4930123@carrier", 1, 20.0, after(0.1), after(5)),
        ("offer-2", 2, "1001", 2, 18.0, after(5.1), after(20.5)),
    ]
    assert [(each.outcome, each.cause, each.sip_code, each.detail) for each in answered.offers] == [
        ("busy", "USER_BUSY", 486, None),
        ("answered", None, None, None),
    ]
    assert (waits.ended_at, waits.end_seen, waits.result, waits.run_id) == (None, False, None, "run-1")
    assert [(each.id, each.stage, each.extension, each.reason, each.at) for each in waits.skips] == [
        ("skip-1", 1, "1004", "blocked", after(120.1)),
        ("skip-2", 2, "1003", "claimed", after(120.2)),
    ]
    assert (missed.result, missed.reason, missed.destination) == ("voicemail", "nobody answered", "voicemail:5000")
    assert (missed.end_seen, missed.waited_seconds, missed.run_id) == (False, 12.5, None)
    assert missed.offers[0].detail == "rang to the end"
    pointers = [PolicyInput.from_json(each.policy_input) for each in (answered, waits, missed)]
    assert [(each.policy, each.ids, each.answerer, each.first, each.seed) for each in pointers] == [
        ("circular", (3, 1), RotationPointer(1, 1), None, 0),
        ("round-robin", (4, 5), None, RotationPointer(5, 2), 0),
        ("weighted", (6,), None, None, 42),
    ]
    assert pointers[2].members[0].weight == 70


def test_the_queue_claims_and_daemons_are_as_written(upgraded: Any) -> None:
    with upgraded.writing() as s:
        assert queue.waiting_hunts(s) == [
            QueuedHunt("hunt-2", "caller-2", "pbx.test", "5001", 17, after(121), "run-1", ("1003",))
        ]
        claims = [
            (c.domain, c.extension, c.call_uuid, c.hunt_id, c.run_id, c.sequence) for c in s.scalars(select(Claim))
        ]
        assert claims == [("pbx.test", "1003", "caller-4", "hunt-4", "run-1", 5)]
        assert sorted(daemons.list_daemons(s), key=lambda row: row.node) == [
            DaemonRow("run-1", "node-a", after(-4 * 3600), after(150), 14550, False, {"version": "0.1.0"}),
            DaemonRow("run-0", "node-b", after(-28 * 3600), after(-5 * 3600), 82800, True, {"version": "0.1.0"}),
        ]
        assert cluster.timing(s) == Timing(2.0, 3, 5, 30)
        newcomer = {"domain": "pbx.test", "group_id": 2, "call_uuid": "caller-5", "run_id": "run-1", "ticket": None}
        assert queue.join(s, "hunt-5", ["1003"], **newcomer, at=NOON) == 18, "behind all before"
        assert s.scalars(select(Announcement.domain)).first() == "pbx.test"


def test_what_is_added_gets_ids_that_were_never_given(upgraded: Any) -> None:
    with upgraded.writing() as s:
        assert groups.add_group(s, "new.test", "5000").id == 4


def test_each_later_migration_can_be_lived_with_by_the_code_before_it() -> None:
    """It expands, or contracts what the version before does not use any more (docs/upgrade.md)."""
    script = ScriptDirectory(str(migrate.migrations_folder()))
    later = [each for each in script.walk_revisions() if each.revision > REVISION]
    alone = [each.revision for each in later if getattr(each.module, "OLDEST_CODE", each.revision) >= each.revision]
    assert alone == [], "all daemons would have to be stopped for it"
