"""No command reads all calls, or all changes: the plan of each statement that it runs says so, on either database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from fshunt.db.engine import open_engine
from fshunt.db.queries import call_search, changes, groups, lamps, notice_deliveries, notices, pilots, takeover
from fshunt.db.queries.live import Watched
from fshunt.db.queries.pilots import Span
from fshunt.db.queries.prune import prune_some
from fshunt.services import audit
from fshunt.services.event_feed import EventFeed
from tests.support.many_calls import OTHER_DOMAIN, fill
from tests.support.statements import noted

RECORDS = ("calls", "offers", "skips", "changes")
COUNT = 30_000
"""So many that an index pays for each statement that reads some of them."""

COMMANDS = [
    ("call", "list"),
    ("call", "list", "--limit", "500"),
    ("call", "list", "5003"),
    ("call", "list", "5999"),
    ("call", "list", "--domain", OTHER_DOMAIN),
    ("call", "list", "--domain", OTHER_DOMAIN, "5003"),
    ("call", "list", "--domain", "none.test"),
    ("call", "list", "--since", "30m"),
    ("call", "list", "--since", "2h", "--domain", OTHER_DOMAIN),
    ("call", "list", "--failed"),
    ("call", "list", "--failed", "--since", "1h"),
    ("call", "show", "9e3779b1-0000-4000-8000-000000000001"),
    ("call", "show", "9e3779b1"),
    ("call", "show", "hunt-00000000ff"),
    ("call", "prune", "--older-than", "166h", "--yes"),
    ("status",),
    ("status", "--nagios"),
    ("domain", "list"),
    ("domain", "list", "--domain", OTHER_DOMAIN),
    ("group", "list"),
    ("group", "show", "5000"),
    ("member", "list", "5000"),
    ("member", "set", "5000", "1001", "--weight", "3"),
    ("member", "block", "1001"),
    ("member", "unblock", "1001"),
    ("group", "set", "5000", "--name", "Shop"),
    ("group", "renumber", "5000", "5001"),
    ("group", "remove", "5001", "--yes"),
    ("top",),
    ("top", "5003"),
    ("events",),
    ("events", "5003"),
    ("events", "--domain", OTHER_DOMAIN),
    ("group", "notice", "add", "5000", "--mail", "a@b.test", "--on", "missed"),
    ("group", "notice", "list"),
    ("callback", "list"),
    ("callback", "list", "5003"),
    ("notice", "list"),
    ("notice", "retry", "--all"),
    ("history",),
    ("history", "5000"),
    ("history", "--domain", OTHER_DOMAIN),
    ("history", "5000", "--domain", OTHER_DOMAIN),
    ("undo", "1"),
    ("domain", "rename", OTHER_DOMAIN, "renamed.test", "--yes"),
    ("dialplan",),
    ("db", "check"),
    ("config", "check"),
]


def reads_all(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """Where the plan of a statement goes through a table of the records instead of an index."""
    if not re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", statement) or not any(name in statement for name in RECORDS):
        return []
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        return [row[3] for row in rows if _sqlite_reads_all(row[3], rows, statement)]
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        (plan,) = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()[0]
    return [
        f"{node['Node Type']} on {node.get('Relation Name')}" for node in _nodes(plan["Plan"]) if _pg_reads_all(node)
    ]


def _sqlite_reads_all(step: str, steps: Any, statement: str) -> bool:
    if not re.match(rf"SCAN ({'|'.join(RECORDS)})\b", step):
        return False
    sorts = any("TEMP B-TREE FOR ORDER BY" in row[3] for row in steps)
    in_order = ("USING INDEX" in step or "ORDER BY changes.id" in statement) and not sorts
    few = re.search(r"ix_calls_(open|failed|run_id|for_notices)", step) is not None  # of these calls alone
    return not (few or (in_order and "LIMIT" in statement))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from _nodes(each)


def _pg_reads_all(node: dict[str, Any]) -> bool:
    return "Seq Scan" in node["Node Type"] and node.get("Relation Name") in RECORDS


@pytest.fixture
def engine(office) -> Iterator[Engine]:
    """The database of an office with many calls."""
    opened = open_engine(office.env["FSHUNT_DATABASE_URL"])
    fill(opened, COUNT)
    yield opened
    opened.dispose()


def test_no_command_and_no_daemon_reads_all_calls(office, engine, store, monkeypatch):
    monkeypatch.setattr("fshunt.cli.status.sleep", lambda _: None)
    for name in ("FIRST_BATCH", "LONGEST_BATCH"):  # among so few calls PostgreSQL does not look for 500 one by one
        monkeypatch.setattr(f"fshunt.db.queries.prune.{name}", 20)
    office.env.pop("FSHUNT_DEFAULT_DOMAIN")
    office.run("group", "add", "5000", "--domain", OTHER_DOMAIN)
    office.env["FSHUNT_DEFAULT_DOMAIN"] = "pbx.test"
    found, looked_at = {}, set()
    for words in COMMANDS:
        with noted() as said:
            result = office.invoke(*words)
        assert "Internal error" not in result.output, result.output
        for statement, parameters in said:
            if steps := reads_all(engine, statement, parameters):
                found[(*words, statement)] = steps
            looked_at |= {name for name in RECORDS if name in statement}
    with noted() as said:
        now = datetime.now(UTC)
        with store.writing() as s:
            takeover.leftovers(s, "another run")
            takeover.open_calls(s, "run")
            takeover.take(s, "run", node="pbx1", run_id="another run")
            takeover.take(s, None, node="pbx1", run_id="another run")
            groups.last_written(s, "pbx1")
            prune_some(s, now - timedelta(days=5), 20)
            notices.make_for_calls(s, [*notices.calls_to_tell(s), "hunt-0000000003"], now)
            notice_deliveries.was_served(s, ["hunt-0000000003"], [("pbx.test", Span("5003", now, now))])
            changes.prune_some(s, now - timedelta(days=5), 20)
        with store.reading() as s:
            now_lit = lamps.look(s)
            lamps.changed_groups(s, now_lit.last_change - 20)
            lamps.groups_of(s, [("pbx.test", "1001"), ("pbx.test", None)])
            lamps.heartbeats(s)
            audit.history(s, group_ids={1, 2, 3})
            for watched in (Watched(), Watched(OTHER_DOMAIN), Watched(OTHER_DOMAIN, "5003")):
                feed = EventFeed([watched])
                feed.begin(s, 20, now)
                feed.look(s, now)
            audit.history(s, group_ids={1}, domain="pbx.test", pilot="5000", before_id=20_000)
            audit.history(s, domain="pbx.test", subject=audit.Subject.BLOCK, key="1001")
    for statement, parameters in said:
        if steps := reads_all(engine, statement, parameters):
            found[("daemon", statement)] = steps
    assert found == {}
    assert looked_at == set(RECORDS)


def test_no_page_reads_all_calls(engine, store, monkeypatch):
    monkeypatch.setattr(call_search, "WINDOW", 200)  # the group has fewer calls than a window otherwise
    since = datetime.now(UTC) - timedelta(days=5)
    questions = [call_search.Question("pbx.test", "5003", kind=kind) for kind in call_search.Kind]
    questions.append(call_search.Question("pbx.test", "5003", member="1001", caller="55", since=since))
    with noted() as said, store.reading() as s:
        for question in questions:
            found = call_search.search(s, question, None, 20)
            call_search.search(s, question, found.further, 20)
        one, two = (call_search.Question("pbx.test", pilot, since=since) for pilot in ("5003", "5004"))
        call_search.one_call(s, one, "hunt-0000000003")
        call_search.missed_by(s, [one, two], "1002", 20)
        call_search.report_calls(s, replace(one, until=datetime.now(UTC)))
        pilots.groups_that_had(s, "pbx.test", "5003")
        call_search.next_report_calls(s, one, call_search.Place(since, "a"), 20)
    reading = [(statement, steps) for statement, values in said if (steps := reads_all(engine, statement, values))]
    assert reading == []
    assert sum("called_back" in statement for statement, _ in said) == 2


def test_the_look_at_a_plan_finds_what_it_looks_for(office, engine):
    for statement in ("SELECT * FROM calls WHERE group_name = 'x'", "SELECT count(*) FROM offers WHERE phones = 2"):
        assert reads_all(engine, statement, {} if engine.dialect.name == "postgresql" else ())
    assert make_url(office.env["FSHUNT_DATABASE_URL"]).get_backend_name() == engine.dialect.name
