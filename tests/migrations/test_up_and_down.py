from datetime import UTC, datetime

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from fshunt.db import migrate
from fshunt.db.engine import open_engine, open_store
from fshunt.db.queries import calls, daemons, hunts, lease
from fshunt.db.queries import queue as waiting
from fshunt.errors import StoreError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Outcome
from fshunt.services import groups

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tables(url):
    engine = open_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def revisions():
    """All revisions, first to last."""
    script = ScriptDirectory(str(migrate.migrations_folder()))
    return [each.revision for each in script.walk_revisions()][::-1]


def fill(url):
    """A row in every table."""
    store = open_store(url)
    with store.writing() as s:
        groups.add_group(s, "pbx.test", "5000", name="Sales", policy="circular")
        added = groups.add_members(s, "pbx.test", "5000", [parse_member("1001"), parse_member("+4930123@carrier")])
        groups.block(s, "pbx.test", "1001", True)
        first = added.members[0]
        hunts.note_answer(s, added.id, first.id, call_uuid="u1", at=NOON, moves_answerer=True)
        who = {"hunt_id": "h1", "call_uuid": "u1", "owner": "node"}
        hunts.claim(s, "pbx.test", ["1001"], **who, now=NOON, lease_seconds=60)
        caller = {"caller_number": "4930", "caller_name": "Ada"}
        group = {"domain": "pbx.test", "pilot": "5000", "group_name": "Sales", "policy": "circular"}
        calls.open_call(s, "h1", uuid="u1", **group, **caller, started_at=NOON, facts={"seed": 1}, owner="node")
        place = {"call_id": "h1", "stage": 1, "cycle": 1, "position": 1, "extension": "1001"}
        calls.add_offer(s, "o1", **place, phones=2, ring_seconds=18.0, started_at=NOON)
        calls.end_offer(s, "o1", ended_at=NOON, outcome=Outcome.ANSWERED)
        calls.add_skip(s, "s1", **place, reason=SKIPPED, at=NOON)
        lease.advance(s, NOON)
        line = {"domain": "pbx.test", "group_id": added.id, "call_uuid": "u2", "owner": "run", "place": None}
        waiting.join(s, "h2", ["1001"], **line, at=NOON, now=NOON, lease_seconds=60)
        daemons.beat(s, "run", node="node", started_at=NOON, at=NOON, now=NOON, status={"version": "1"})
    store.close()


SKIPPED = calls.SkipReason.BLOCKED


def test_all_tables_come_and_go_with_data_in_them(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    migrate.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    migrate.upgrade(url)
    fill(url)
    store = open_store(url)
    with store.reading() as s:
        assert [m.extension for m in groups.get_group(s, "pbx.test", "5000").members] == ["1001", "+4930123@carrier"]
    store.close()


def rows(url, *tables):
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return {table: connection.execute(text(f"SELECT * FROM {table}")).mappings().all() for table in tables}
    finally:
        engine.dispose()


OLD = ("domains", "groups", "members", "blocks", "group_memory", "memory_moves", "calls", "offers", "skips")


def test_0002_is_taken_back_without_loss_of_what_0001_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill(url)
    full = rows(url, *OLD)
    migrate.downgrade(url, "0001")
    back = rows(url, *OLD, "claims")
    assert tables(url).isdisjoint({"waiting", "daemons", "lease_clock"})
    for table in OLD:
        columns = back[table][0].keys()
        assert back[table] == [{name: row[name] for name in columns} for row in full[table]]
    assert back["claims"] == [], "their times are of a clock that 0001 does not know"


def test_0002_gives_old_rows_what_they_had_without_saying_so(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill(url)
    migrate.downgrade(url, "0001")
    migrate.upgrade(url, "0002")
    store = open_store(url)
    with store.reading() as s:
        group = groups.get_group(s, "pbx.test", "5000")
        [record] = calls.show_call(s, "h1")
        assert (group.when_busy, group.auto_block) == ("go-on", None)
        assert [(m.blocked, m.auto_blocked, m.rang_out) for m in group.members] == [(True, False, 0), (False, False, 0)]
        assert (record.run, record.waited_seconds, len(record.offers)) == (None, None, 1)
        assert (lease.read(s), waiting.waiting_hunts(s), daemons.list_daemons(s)) == (None, [], [])
    store.close()


def test_0002_taken_back_puts_back_who_was_blocked_by_the_group_only(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO blocks SELECT domain_id, '1002', since, 'auto' FROM blocks"))
    engine.dispose()
    migrate.downgrade(url, "0001")
    assert [row["extension"] for row in rows(url, "blocks")["blocks"]] == ["1001"]


def test_each_migration_can_be_taken_back_and_done_again(empty_database_url):
    url = empty_database_url
    for revision in revisions():
        migrate.upgrade(url, revision)
        migrate.downgrade(url, "-1")
        migrate.upgrade(url, revision)
        assert migrate.check(url).current == revision


def test_upgrade_tells_each_migration_and_nothing_the_second_time(empty_database_url):
    said = []
    migrate.upgrade(empty_database_url, report=said.append)
    assert [line.split(":")[0] for line in said] == [f"Upgraded to {each}" for each in revisions()]
    said.clear()
    migrate.upgrade(empty_database_url, report=said.append)
    assert said == []


def test_downgrade_tells_what_it_took_back(empty_database_url):
    migrate.upgrade(empty_database_url)
    said = []
    migrate.downgrade(empty_database_url, "base", report=said.append)
    assert [line.split(":")[0] for line in said] == [f"Took back {each}" for each in revisions()[::-1]]


def test_check_says_where_the_database_is(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    up = migrate.check(url)
    assert (up.ok, up.current) == (True, up.head)
    assert up.sentence == f"The database is up to date (revision {up.head})."
    migrate.downgrade(url, "base")
    down = migrate.check(url)
    assert (down.ok, down.current) == (False, None)
    assert down.sentence == "The database is not migrated: run `fshunt db upgrade`."


def test_an_unknown_revision_is_one_sentence(empty_database_url):
    with pytest.raises(StoreError, match=r"^Cannot migrate the database .*'9999'\.$"):
        migrate.upgrade(empty_database_url, "9999")
