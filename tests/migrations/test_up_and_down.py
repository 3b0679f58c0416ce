import json
from datetime import UTC, date, datetime, timedelta

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, inspect, text

from fshunt.db import migrate
from fshunt.db.engine import open_engine, open_store
from fshunt.db.models import (
    Base,
    Board,
    CallbackRequest,
    Grant,
    IdempotencyKey,
    Invitation,
    KnownBrowser,
    Notice,
    NoticeDelivery,
    NoticeHappening,
    RecoveryCode,
    SignInTries,
    Token,
    User,
    WebSession,
)
from fshunt.db.queries import calls, daemons, hunts, live, questions, queue, web_processes
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.db.types import UtcDateTime
from fshunt.errors import DatabaseError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.destinations import GROUP_BOX
from fshunt.hunting.hours import Holiday, Hours
from fshunt.hunting.hours_text import parse_week
from fshunt.hunting.limits import Limits
from fshunt.hunting.policies import decide
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.states import Outcome
from fshunt.services import groups, hours, limits, members
from fshunt.services.hours import Zone

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN_TWO_DAYS = datetime.now(UTC) + timedelta(days=2)


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
        added = members.add_members(s, "pbx.test", "5000", [parse_member("1001"), parse_member("+4930123@carrier")])
        members.block(s, "pbx.test", "1001", True, until=datetime.now(UTC) + timedelta(days=1))
        members.block(s, "pbx.test", "+4930123@carrier", True, pilot="5000", until=IN_TWO_DAYS)
        hours.set_hours(s, "pbx.test", "5000", parse_week(["daily", "8-17"]), Zone("Europe/Rome"))
        hours.add_holiday(s, "pbx.test", "5000", Holiday("Christmas", *[date(2026, 12, 25)] * 2))
        hours.close_group(s, "pbx.test", "5000")
        limits.set_limits(s, "pbx.test", "5000", Limits(policies=("regular",), max_external_members=1))
        first = added.members[0]
        hunts.note_answer(s, added.id, first.id, call_uuid="u1", at=NOON, moves_answerer=True)
        who = {"hunt_id": "h1", "call_uuid": "u1", "run_id": "run"}
        hunts.claim(s, "pbx.test", ["1001"], **who, sequence=1)
        caller = {"caller_number": "4930", "caller_name": "Ada"}
        group = {"domain": "pbx.test", "pilot": "5000", "group_name": "Sales", "policy": "circular"}
        calls.open_call(s, "h1", uuid="u1", **group, **caller, started_at=NOON, policy_input={"seed": 1}, node="node")
        where = {"call_id": "h1", "stage": 1, "cycle": 1, "position": 1, "extension": "1001"}
        calls.add_offer(s, "o1", **where, phones=2, ring_seconds=18.0, started_at=NOON)
        calls.end_offer(s, "o1", ended_at=NOON, outcome=Outcome.ANSWERED)
        calls.add_skip(s, "s1", **where, reason=SKIPPED, at=NOON)
        entry = {"domain": "pbx.test", "group_id": added.id, "call_uuid": "u2", "run_id": "run", "ticket": None}
        queue.join(s, "h2", ["1001"], **entry, at=NOON)
        daemons.write_heartbeat(s, "run", node="node", started_at=NOON, at=NOON, status={"version": "1"})
        web = WebProcessRow("web", "node", NOON, NOON, "127.0.0.1:8090", "1")
        web_processes.write_heartbeat(s, web)
        add_account(s, added.id)
        live.renew(s, [live.Watched("pbx.test", "5000")])
        live.publish(s, "run", {added.id: {"switches": []}}, ())
        add_notice(s, added.id)
        add_callback(s, added.id)
        questions.ask(s, "domain", ["pbx.test"], NOON)
    store.close()


def add_account(s, group_id):
    """A row in every table of accounts."""
    s.add(User(id=1, name="ana", name_key="ana", role="admin", created_at=NOON))
    s.flush()
    s.add(Grant(user_id=1, group_id=group_id))
    s.add(WebSession(id_hash="h1", user_id=1, created_at=NOON, used_at=NOON))
    s.add(KnownBrowser(id_hash="h2", user_id=1, used_at=NOON))
    s.add(RecoveryCode(code_hash="h8", user_id=1, made_at=NOON))
    s.add(Invitation(token_hash="h3", user_id=1, made_by="ben", expires_at=NOON))
    s.add(Token(token_hash="h4", user_id=1, name="wallboard", scopes="read", created_at=NOON))
    s.add(Board(secret_hash="h8", group_id=group_id, name="Hall", created_at=NOON, expires_at=NOON))
    s.add(SignInTries(key="account:h5", failures=1, last_at=NOON))
    s.add(IdempotencyKey(user_id=1, key_hash="h6", request_hash="h7", created_at=NOON))


def add_notice(s, group_id):
    """A row in every table of notices."""
    notice = {"channel": "mail", "target": "a@b.test", "events": "missed"}
    s.add(Notice(id=1, group_id=group_id, **notice, created_at=NOON))
    s.flush()
    s.add(NoticeDelivery(id="1-hunt-h1", notice_id=1, created_at=NOON, due_at=NOON, next_try_at=NOON))
    s.flush()
    s.add(NoticeHappening(id="1-hunt-h1", delivery_id="1-hunt-h1", event="missed", at=NOON, call_id="h1"))


def add_callback(s, group_id):
    """A request to be called back."""
    who = {"group_id": group_id, "number": "1005", "name": "Ada", "internal": True, "hunt_id": "h1", "ticket": 1}
    where = {"context": "default", "dial_context": "default", "switch": "pbx"}
    s.add(CallbackRequest(id=1, **who, **where, requested_at=NOON, state="waiting"))


def fill_0002(url):
    """A row in every table, as 0002 has them."""
    policy_input = '{"answerer": null, "turn": {"member_id": 1, "place": 2}, "seed": 1}'
    hunt = {"hunt": "h1", "uuid": "u1", "at": NOON}
    statements = {
        "INSERT INTO domains (id, name) VALUES (1, 'pbx.test')": {},
        "INSERT INTO groups (id, domain_id, pilot, name, policy, rings, cycles, call_waiting, rest_seconds, enabled"
        ", on_no_answer, on_busy, on_unreachable, when_busy, auto_block) VALUES (1, 1, '5000', 'Sales', 'circular'"
        ", 3, 1, false, 7.5, true, 'voicemail', 'voicemail', 'voicemail', 'wait', 3)": {},
        "INSERT INTO members (id, group_id, position, extension, weight, confirm, enabled, rang_out) VALUES"
        " (1, 1, 1, '1001', 1, false, true, 2)": {},
        "INSERT INTO members (id, group_id, position, extension, weight, confirm, enabled, rang_out) VALUES"
        " (2, 1, 2, '1002', 1, false, true, 0)": {},
        "INSERT INTO group_memory VALUES (1, 1, 1, NULL, 2, 1)": {},
        "INSERT INTO memory_moves VALUES (1, 'answerer', 'u1', 1, NULL, 3)": {},
        "INSERT INTO blocks (domain_id, extension, since) VALUES (1, '1001', :at)": {"at": NOON},
        "INSERT INTO claims VALUES ('pbx.test', '1001', :uuid, :hunt, 'run', :at, :at)": hunt,
        "INSERT INTO waiting VALUES (:hunt, '1001', 'pbx.test', 1, :uuid, 'run', 1, :at, :at)": hunt,
        "INSERT INTO daemons VALUES ('run', 'node', :at, :at, :at, '{}')": {"at": NOON},
        "INSERT INTO calls (id, uuid, domain, pilot, group_name, policy, started_at, end_seen, facts, owner, run"
        ", waited_seconds) VALUES (:hunt, :uuid, 'pbx.test', '5000', 'Sales', 'circular', :at, true, :facts, 'node'"
        ", 'run', 1.5)": hunt | {"facts": policy_input},
        "INSERT INTO offers (id, call_id, stage, cycle, position, extension, phones, ring_seconds, started_at)"
        " VALUES ('o1', :hunt, 1, 1, 1, '1001', 2, 18, :at)": hunt,
        "INSERT INTO skips (id, call_id, stage, cycle, position, extension, reason, at) VALUES"
        " ('s1', :hunt, 1, 1, 1, '1001', 'resting', :at)": hunt,
    }
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement, values in statements.items():
            connection.execute(text(statement).bindparams(*at_utc(values)), values)
    engine.dispose()


def at_utc(values):
    """The type of a moment: text() does not know it."""
    return [bindparam("at", type_=UtcDateTime())] if "at" in values else []


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


ACCOUNTS = ("users", "grants", "web_sessions", "known_browsers", "invitations", "tokens", "sign_in_tries", "changes")


def test_0009_is_taken_back_without_loss_of_what_0008_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert all(rows(url, *ACCOUNTS).values())
    migrate.downgrade(url, "0009")
    others = set(Base.metadata.tables) - {
        *ACCOUNTS,
        *HOURS,
        *WEB,
        *LIVE,
        "announcements",
        "compatibility",
        *IDENTITY,
        *NOTICES,
        *CALLBACKS,
    }
    kept = rows(url, *others)
    migrate.downgrade(url, "0008")
    assert tables(url).isdisjoint(ACCOUNTS)
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0009")
    assert rows(url, *others) == kept
    assert not any(rows(url, *ACCOUNTS).values())


LATER = ("idempotency_keys", "called_back", "boards", "group_limits", "recovery_codes")
LIVE = ("live_watches", "live_phones", "switch_questions")


def test_0012_is_taken_back_without_loss_of_what_0011_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert all(rows(url, *LIVE).values())
    migrate.downgrade(url, "0012")
    others = set(Base.metadata.tables) - {
        *LIVE,
        *LATER,
        "announcements",
        "compatibility",
        *IDENTITY,
        *NOTICES,
        *CALLBACKS,
    }
    kept = rows(url, *others)
    migrate.downgrade(url, "0011")
    assert tables(url).isdisjoint(LIVE)
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0012")
    assert rows(url, *others) == kept


def test_0017_is_taken_back_without_loss_of_what_was_before(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert rows(url, "recovery_codes")["recovery_codes"]
    migrate.downgrade(url, "0017")
    others = set(Base.metadata.tables) - {
        "recovery_codes",
        "announcements",
        "compatibility",
        *IDENTITY,
        *NOTICES,
        *CALLBACKS,
    }
    kept = rows(url, *others)
    migrate.downgrade(url, BEFORE_0017)
    assert "recovery_codes" not in tables(url)
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0017")
    assert rows(url, *others, "recovery_codes") == kept | {"recovery_codes": []}


BEFORE_0017 = "0016"

PASSING = ("announcements", "compatibility")
IDENTITY = ("database_identity",)
NOTICES = ("notices", "notice_deliveries", "notice_happenings")
CALLBACKS = ("callbacks",)
NEWEST = (*IDENTITY, *NOTICES, *CALLBACKS)


def test_each_database_has_a_random_id_which_0018_takes_back_alone(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    [made] = rows(url, *IDENTITY)["database_identity"]
    assert (made["id"], len(made["database_id"])) == (1, 16)
    assert migrate.check(url).database_id == made["database_id"]
    migrate.downgrade(url, "0018")
    others = set(Base.metadata.tables) - {"announcements", "compatibility", *NEWEST}
    kept = rows(url, *others)
    migrate.downgrade(url, "0017")
    assert migrate.check(url).database_id is None
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0018")
    assert rows(url, *others) == kept
    assert migrate.check(url).database_id != made["database_id"]


HOURS = ("business_hours", "holidays")
WEB = ("web_processes", "idempotency_keys", "called_back", "boards", "group_limits", "recovery_codes")


def test_0010_is_taken_back_without_loss_of_what_0009_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert all(rows(url, *HOURS).values())
    migrate.downgrade(url, "0010")
    others = set(Base.metadata.tables) - {
        *HOURS,
        *WEB,
        *LIVE,
        "groups",
        "blocks",
        "announcements",
        "compatibility",
        *IDENTITY,
        *NOTICES,
        *CALLBACKS,
    }
    kept = rows(url, *others)
    migrate.downgrade(url, "0009")
    assert tables(url).isdisjoint(HOURS)
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0010")
    assert rows(url, *others) == kept
    migrate.upgrade(url)
    store = open_store(url)
    with store.reading() as s:
        group = groups.get_group(s, "pbx.test", "5000")
    store.close()
    assert (group.hours, group.time_zone, group.on_closed) == (Hours(), None, GROUP_BOX)
    assert (group.members[0].blocked, group.members[0].blocked_until) == (True, None)


def test_0016_is_taken_back_without_loss_of_what_0015_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert rows(url, "group_limits")["group_limits"][0]["policies"] == "regular"
    others = set(Base.metadata.tables) - {
        "group_limits",
        "recovery_codes",
        "announcements",
        "compatibility",
        *IDENTITY,
        *NOTICES,
        *CALLBACKS,
    }
    migrate.downgrade(url, "0016")
    kept = rows(url, *others)
    migrate.downgrade(url, "0015")
    assert "group_limits" not in tables(url)
    assert rows(url, *others) == kept
    migrate.upgrade(url, "0016")
    assert rows(url, *others, "group_limits") == kept | {"group_limits": []}


def test_0019_is_taken_back_without_loss_of_what_0018_had(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    assert all(rows(url, *NOTICES).values())
    migrate.downgrade(url, "0019")
    others = set(Base.metadata.tables) - {"announcements", "compatibility", "calls", *NOTICES, *CALLBACKS}
    kept, [call] = rows(url, *others), rows(url, "calls")["calls"]
    migrate.downgrade(url, "0018")
    assert tables(url).isdisjoint(NOTICES)
    assert rows(url, *others) == kept
    assert rows(url, "calls")["calls"] == [{name: call[name] for name in call if name != "notice_group_id"}]
    migrate.upgrade(url, "0019")
    assert rows(url, "calls")["calls"] == [dict(call) | {"notice_group_id": None}]


def test_0021_is_taken_back_with_the_blocks_of_one_group_alone(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url)
    fill(url)
    migrate.downgrade(url, "0021")
    before = rows(url, "members", "blocks")
    assert {row["extension"]: row["blocked_until"] is None for row in before["members"]} == {
        "1001": True,
        "+4930123@carrier": False,
    }
    migrate.downgrade(url, "0020")
    without = [{name: value for name, value in row.items() if name not in BLOCK} for row in before["members"]]
    assert rows(url, "members", "blocks") == {"members": without, "blocks": before["blocks"]}
    migrate.upgrade(url, "0021")
    again = [row | dict.fromkeys(BLOCK) for row in without]
    assert rows(url, "members", "blocks") == {"members": again, "blocks": before["blocks"]}


BLOCK = ("blocked_since", "blocked_until")


def test_what_belongs_to_a_user_or_a_group_goes_with_it(database_url):
    fill(database_url)
    store = open_store(database_url)
    with store.writing() as s:
        groups.remove_group(s, "pbx.test", "5000")
    assert not any(rows(database_url, "grants", *HOURS, *NOTICES, *CALLBACKS).values())
    with store.writing() as s:
        s.execute(text("DELETE FROM users"))
    store.close()
    theirs = ("web_sessions", "known_browsers", "recovery_codes", "invitations", "tokens", "idempotency_keys")
    assert not any(rows(database_url, *theirs).values())


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
    fill_0002(url)
    full = rows(url, *OLD)
    migrate.downgrade(url, "0001")
    back = rows(url, *OLD, "claims")
    assert tables(url).isdisjoint({"waiting", "daemons", "lease_clock"})
    for table in OLD:
        columns = back[table][0].keys()
        assert back[table] == [{name: row[name] for name in columns} for row in full[table]]
    assert back["claims"] == [], "their times are of a clock that 0001 does not know"


def test_0002_downgraded_unblocks_auto_blocked_members_only(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill_0002(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO blocks SELECT domain_id, '1002', since, 'auto' FROM blocks"))
    engine.dispose()
    migrate.downgrade(url, "0001")
    assert [row["extension"] for row in rows(url, "blocks")["blocks"]] == ["1001"]


def test_0003_keeps_all_that_0002_had_under_the_new_names(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill_0002(url)
    migrate.upgrade(url, "0003")
    found = rows(url, "groups", "group_rotation", "rotation_moves", "calls", "skips", "claims", "queue_entries")
    [group], [pointer], [move] = found["groups"], found["group_rotation"], found["rotation_moves"]
    [call], [skip] = found["calls"], found["skips"]
    assert (group["when_busy"], group["wrap_up_seconds"], group["auto_block"]) == ("queue", 7.5, 3)
    assert (pointer["answerer_position"], pointer["turn_position"], move["before_position"]) == (1, 2, 3)
    assert (call["node"], call["run_id"], call["waited_seconds"]) == ("node", "run", 1.5)
    assert as_value(call["policy_input"])["turn"] == {"member_id": 1, "position": 2}
    assert skip["reason"] == "wrap-up"
    assert (found["claims"], found["queue_entries"]) == ([], [])


def test_0003_is_taken_back_without_loss(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill_0002(url)
    before = comparable(rows(url, *OLD))
    migrate.upgrade(url, "0003")
    migrate.downgrade(url, "0002")
    assert comparable(rows(url, *OLD)) == before
    assert rows(url, "claims", "waiting", "daemons") == {"claims": [], "waiting": [], "daemons": []}


WHOLE = {
    "circular": {"answerer": {"member_id": 1, "position": 1}, "turn": {"member_id": 2, "position": 2}, "seed": 7},
    "weighted": {"answerer": None, "turn": None, "seed": 7},
    "uniform": {"answerer": None, "turn": None, "seed": 7},
}
MEMBERS = [
    {"id": 1, "extension": "1001", "weight": 3, "idle_since": "2026-03-01T12:00:00+00:00"},
    {"id": 2, "extension": "1002", "weight": 0, "idle_since": None},
]


def fill_0003(url, policy_inputs):
    """A call with each policy input."""
    engine = open_engine(url)
    insert = (
        "INSERT INTO calls (id, uuid, domain, pilot, group_name, policy, started_at, end_seen, policy_input, node)"
        " VALUES (:id, 'u', 'pbx.test', '5000', 'Sales', 'p', :at, true, :policy_input, 'node')"
    )
    with engine.begin() as connection:
        for call, policy_input in policy_inputs.items():
            values = {
                "id": call,
                "at": NOON,
                "policy_input": None if policy_input is None else json.dumps(policy_input),
            }
            connection.execute(text(insert).bindparams(*at_utc(values)), values)
    engine.dispose()


def policy_inputs_of(url):
    return {row["id"]: as_value(row["policy_input"]) for row in rows(url, "calls")["calls"]}


KEPT_BY_0004 = (
    "domains",
    "groups",
    "members",
    "blocks",
    "group_rotation",
    "rotation_moves",
    "calls",
    "offers",
    "skips",
)
MOMENTARY = ("claims", "queue_entries", "daemons")


def insert(url, statements):
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            values = {"at": NOON} if ":at" in statement else {}
            connection.execute(text(statement).bindparams(*at_utc(values)), values)
    engine.dispose()


def fill_momentary_0003(url, tickets):
    """What daemons hold for a moment, as 0003 has it: a claim, two queue entries, a heartbeat, the lease clock."""
    of_queue = "hunt_id, extension, domain, group_id, call_uuid, run_id, ticket, since, expires_at"
    insert(
        url,
        [
            (
                "INSERT INTO claims (domain, extension, call_uuid, hunt_id, run_id, claimed_at, expires_at)"
                " VALUES ('pbx.test', '1001', 'u1', 'h1', 'run', :at, :at)"
            ),
            f"INSERT INTO queue_entries ({of_queue}) VALUES ('h2', '1001', 'pbx.test', 1, 'u2', 'run', 6, :at, :at)",
            f"INSERT INTO queue_entries ({of_queue}) VALUES ('h3', '1001', 'pbx.test', 1, 'u3', 'run', 7, :at, :at)",
            (
                "INSERT INTO daemons (run_id, node, started_at, heartbeat_at, lease_at, status)"
                " VALUES ('run', 'node', :at, :at, :at, '{}')"
            ),
            f"UPDATE lease_clock SET reached = :at, tickets = {tickets}",
        ],
    )


def fill_momentary_0004(url, tickets):
    """The same as 0004 has it, and an announcement."""
    of_queue = "hunt_id, extension, domain, group_id, call_uuid, run_id, ticket, since"
    insert(
        url,
        [
            (
                "INSERT INTO claims (domain, extension, call_uuid, hunt_id, run_id, sequence)"
                " VALUES ('pbx.test', '1001', 'u1', 'h1', 'run', 3)"
            ),
            f"INSERT INTO queue_entries ({of_queue}) VALUES ('h2', '1001', 'pbx.test', 1, 'u2', 'run', 8, :at)",
            f"INSERT INTO queue_entries ({of_queue}) VALUES ('h3', '1001', 'pbx.test', 1, 'u3', 'run', 9, :at)",
            (
                "INSERT INTO daemons (run_id, node, started_at, heartbeat_at, counter, lost, status)"
                " VALUES ('run', 'node', :at, :at, 5, false, '{}')"
            ),
            f"UPDATE cluster SET tickets = {tickets}, dead_heartbeats = 20",
            "INSERT INTO announcements (domain, extension) VALUES ('pbx.test', '1001')",
        ],
    )


def test_0004_begins_anew_what_daemons_hold_and_goes_on_with_the_tickets(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill_0002(url)
    migrate.upgrade(url, "0003")
    fill_momentary_0003(url, tickets=7)
    kept = rows(url, *KEPT_BY_0004)
    assert all(kept.values())
    migrate.upgrade(url, "0004")
    assert rows(url, *KEPT_BY_0004) == kept
    assert not any(rows(url, *MOMENTARY, "announcements").values())
    timing = {"heartbeat_seconds": 1.0, "queue_heartbeats": 4, "talk_heartbeats": 9, "dead_heartbeats": 59}
    assert rows(url, "cluster")["cluster"] == [{"id": 1, **timing, "tickets": 7}], (
        "the next caller is behind all before"
    )
    assert "lease_clock" not in tables(url)

    fill_momentary_0004(url, tickets=9)
    migrate.downgrade(url, "0003")
    assert rows(url, *KEPT_BY_0004) == kept
    assert not any(rows(url, *MOMENTARY).values())
    assert rows(url, "lease_clock")["lease_clock"] == [{"id": 1, "reached": None, "tickets": 9}]
    assert tables(url).isdisjoint({"cluster", "announcements"})

    fill_momentary_0003(url, tickets=11)
    migrate.upgrade(url, "0004")
    fill_momentary_0004(url, tickets=12)
    assert rows(url, *KEPT_BY_0004) == kept


def test_0004_goes_up_and_down_where_the_counter_of_tickets_is_missing(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0003")
    insert(url, ["DELETE FROM lease_clock"])
    migrate.upgrade(url, "0004")
    assert [(row["id"], row["tickets"]) for row in rows(url, "cluster")["cluster"]] == [(1, 0)]
    insert(url, ["DELETE FROM cluster"])
    migrate.downgrade(url, "0003")
    assert rows(url, "lease_clock")["lease_clock"] == [{"id": 1, "reached": None, "tickets": 0}]


def test_0005_keeps_of_the_policy_input_what_the_policy_used(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0003")
    whole = {policy: {"policy": policy, "members": MEMBERS} | more for policy, more in WHOLE.items()}
    odd = {"none": None, "odd": {"members": 7}, "odder": ["1001"], "oddest": 7}
    fill_0003(url, whole | odd)
    migrate.upgrade(url, "0005")
    names = [{"id": 1, "extension": "1001"}, {"id": 2, "extension": "1002"}]
    found = policy_inputs_of(url)
    assert found == odd | {
        "circular": {"policy": "circular", "members": names, "answerer": {"member_id": 1, "position": 1}},
        "weighted": {
            "policy": "weighted",
            "members": [names[0] | {"weight": 3}, names[1] | {"weight": 0}],
            "seed": 7,
        },
        "uniform": {
            "policy": "uniform",
            "members": [names[0] | {"idle_since": "2026-03-01T12:00:00+00:00"}, names[1] | {"idle_since": None}],
        },
    }
    for policy, stored in found.items():
        if policy in WHOLE:
            assert PolicyInput.from_json(stored).to_json() == stored, "today's code reads and writes the same"
    migrate.downgrade(url, "0003")
    back = policy_inputs_of(url)
    assert {call: back[call] for call in odd} == odd
    for policy in WHOLE:
        assert set(back[policy]) == set(whole[policy])
        assert [set(member) for member in back[policy]["members"]] == [set(member) for member in MEMBERS]
        assert decide(PolicyInput.from_json(back[policy])) == decide(PolicyInput.from_json(whole[policy]))


def test_0005_converts_more_calls_than_it_reads_at_once(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0003")
    many = 1001
    fill_0003(url, {f"{n:05}": {"policy": "regular", "members": MEMBERS} | WHOLE["uniform"] for n in range(many)})
    migrate.upgrade(url, "0005")
    assert [each for each in policy_inputs_of(url).values() if "seed" in each or "weight" in each["members"][0]] == []


def test_0006_renames_the_pointer_of_round_robin_and_back(empty_database_url):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    fill_0002(url)
    migrate.upgrade(url, "0005")
    round_robin = {"policy": "round-robin", "members": [], "turn": {"member_id": 2, "position": 2}}
    fill_0003(url, {"h2": round_robin})
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE calls SET policy = 'round-robin' WHERE id = 'h2'"))
        connection.execute(text("UPDATE rotation_moves SET kind = 'turn'"))
    engine.dispose()
    tables = ("group_rotation", "rotation_moves", "members", "calls")
    before = rows(url, *tables)
    migrate.upgrade(url, "0006")
    found = rows(url, *tables)
    [pointer], [move] = found["group_rotation"], found["rotation_moves"]
    assert (pointer["first_id"], pointer["first_position"], move["kind"]) == (None, 2, "first")
    assert [member["unanswered_in_a_row"] for member in found["members"]] == [2, 0]
    stored = policy_inputs_of(url)["h2"]
    assert stored == {"policy": "round-robin", "members": [], "first": {"member_id": 2, "position": 2}}
    assert PolicyInput.from_json(stored).to_json() == stored, "today's code reads and writes the same"
    migrate.downgrade(url, "0005")
    assert comparable(rows(url, *tables), "policy_input") == comparable(before, "policy_input")


def as_value(column):
    return json.loads(column) if isinstance(column, str) else column


def comparable(found, json_column="facts"):
    """Rows as dictionaries, JSON as values: the text of the same JSON may differ."""
    return {
        table: [
            {name: as_value(value) if name == json_column else value for name, value in row.items()} for row in each
        ]
        for table, each in found.items()
    }


def test_each_migration_can_be_taken_back_and_done_again(empty_database_url):
    url = empty_database_url
    for revision in revisions():
        migrate.upgrade(url, revision)
        migrate.downgrade(url, "-1")
        migrate.upgrade(url, revision)
        assert migrate.check(url).current == revision


def test_upgrade_reports_each_migration_and_nothing_the_second_time(empty_database_url):
    said = []
    migrate.upgrade(empty_database_url, report=said.append)
    assert [line.split(":")[0] for line in said] == [f"Upgraded to {each}" for each in revisions()]
    said.clear()
    migrate.upgrade(empty_database_url, report=said.append)
    assert said == []


def test_downgrade_reports_each_migration(empty_database_url):
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
    with pytest.raises(DatabaseError, match=r"^Cannot migrate the database .*'9999'\.$"):
        migrate.upgrade(empty_database_url, "9999")
