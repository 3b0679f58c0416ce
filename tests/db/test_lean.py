"""Prepared statements, and transactions on the driver's connection: they do what SQLAlchemy does with the same."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError

from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim
from fshunt.db.prepared import KEPT_TEXTS, Prepared
from fshunt.db.statements import lean_of, run, table, write
from fshunt.errors import CannotStore, Conflict, DatabaseError
from tests.support.small_office import NOON
from tests.support.statements import noted

CALLS, CLAIMS = table(CallRecord), table(Claim)
ROW = {
    "id": "h1",
    "uuid": "u1",
    "domain": "office.test",
    "pilot": "5000",
    "group_name": "Sales",
    "policy": "regular",
    "caller_number": None,
    "caller_name": "Ada\0Lovelace",
    "started_at": NOON,
    "end_seen": False,
    "policy_input": {"members": [1, 2]},
    "node": "n1",
}
ADD = Prepared(insert(CALLS))
READ = Prepared(select(CALLS).where(CALLS.c.id == bindparam("hunt")))
CLAIM = Prepared(insert(CLAIMS))
CLAIMED = Prepared(
    select(CLAIMS.c.extension)
    .where(CLAIMS.c.extension.in_(bindparam("extensions", expanding=True)))
    .order_by(CLAIMS.c.extension)
)
BY_KEY = Prepared(
    select(CLAIMS.c.extension)
    .where(tuple_(CLAIMS.c.domain, CLAIMS.c.extension).in_(bindparam("keys", expanding=True)))
    .order_by(CLAIMS.c.extension)
)
DROP = Prepared(delete(CLAIMS).where(CLAIMS.c.extension.in_(bindparam("extensions", expanding=True))))


def row_of(extension: str) -> dict[str, Any]:
    return {"domain": "d", "extension": extension, "hunt_id": "h", "call_uuid": "u", "run_id": "r", "sequence": 1}


def claim(s: Any, *extensions: str) -> None:
    for extension in extensions:
        run(s, CLAIM, row_of(extension))


@pytest.fixture
def claimed(store: Store) -> Store:
    with store.lean_writing() as s:
        claim(s, "1001", "1002", "1003")
    return store


def test_values_come_out_as_they_went_in_and_as_sqlalchemy_reads_them(store: Store) -> None:
    with store.lean_writing() as s:
        assert run(s, ADD, ROW).rowcount == 1
    with store.lean_reading() as s:
        row = run(s, READ, {"hunt": "h1"}).first()
    with store.reading() as session:
        theirs = session.connection().execute(READ.statement, {"hunt": "h1"}).one()
    assert row._asdict() == dict(theirs._mapping)
    assert (row.started_at, row.end_seen, row.policy_input) == (NOON, False, {"members": [1, 2]})
    assert (row.caller_number, row.caller_name, row.ended_at) == (None, "Ada\ufffdLovelace", None)


def test_a_statement_is_compiled_once_for_the_same_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Prepared(select(CALLS.c.id).where(CALLS.c.id == bindparam("hunt")))
    compiled = 0
    compile_ = type(fresh.statement).compile

    def count(*given: Any, **named: Any) -> Any:
        nonlocal compiled
        compiled += 1
        return compile_(*given, **named)

    monkeypatch.setattr(type(fresh.statement), "compile", count)
    for name in "abc":
        with store.lean_reading() as s:
            assert run(s, fresh, {"hunt": name}).scalar() is None
    assert compiled == 1


def test_values_name_the_columns_that_an_update_sets(claimed: Store) -> None:
    setting = Prepared(update(CLAIMS).where(CLAIMS.c.extension == bindparam("of")))
    reading = Prepared(select(CLAIMS.c.run_id, CLAIMS.c.sequence).where(CLAIMS.c.extension == bindparam("of")))
    with claimed.lean_writing() as s:
        assert run(s, setting, {"of": "1001", "run_id": "other"}).rowcount == 1
        assert tuple(run(s, reading, {"of": "1001"}).first()) == ("other", 1)
        assert run(s, setting, {"of": "1001", "sequence": 7}).rowcount == 1
        assert tuple(run(s, reading, {"of": "1001"}).first()) == ("other", 7)


@pytest.mark.parametrize("extensions", [[], ["1003"], ["1002", "1001"], ["1001", "1009", "1003"]])
def test_a_list_of_any_length(claimed: Store, extensions: list[str]) -> None:
    there = sorted({"1001", "1002", "1003"} & set(extensions))
    keys = [("d", extension) for extension in extensions]
    with claimed.lean_writing() as s:
        assert run(s, CLAIMED, {"extensions": extensions}).scalars() == there
        assert run(s, BY_KEY, {"keys": keys}).scalars() == there
        assert run(s, DROP, {"extensions": extensions}).rowcount == len(there)


def test_lists_of_many_lengths_leave_little_in_memory(claimed: Store) -> None:
    with claimed.lean_reading() as s:
        for length in range(2 * KEPT_TEXTS):
            extensions = ["1001", *("9" * length)]
            assert run(s, CLAIMED, {"extensions": extensions}).scalars() == ["1001"]
        assert len(CLAIMED.for_values(s.dialect, {"extensions": []})._texts) <= KEPT_TEXTS


def test_a_list_that_stands_in_the_statement_itself(claimed: Store) -> None:
    among = CLAIMS.c.extension.in_(["1001", "1003", "1009"])
    dropping = Prepared(delete(CLAIMS).where(among, CLAIMS.c.run_id == bindparam("of")))
    with claimed.lean_writing() as s:
        assert run(s, dropping, {"of": "other"}).rowcount == 0
        assert run(s, dropping, {"of": "r"}).rowcount == 2
        assert run(s, CLAIMED, {"extensions": ["1001", "1002", "1003"]}).scalars() == ["1002"]


def test_the_first_row_and_the_first_value_of_none_and_of_many(claimed: Store) -> None:
    with claimed.lean_reading() as s:
        none, many = run(s, CLAIMED, {"extensions": ["9"]}), run(s, CLAIMED, {"extensions": ["1001", "1002"]})
        assert (none.first(), none.scalar(), none.all(), list(none)) == (None, None, [], [])
        assert (many.first().extension, many.scalar(), len(many.all())) == ("1001", "1001", 2)
        assert run(s, CLAIMED, {"extensions": ["1003"]}).scalar_one() == "1003"
        with pytest.raises(ValueError, match="unpack"):
            many.scalar_one()


def claim_and_fail(store: Store) -> None:
    with store.lean_writing() as s:
        claim(s, "1001")
        raise RuntimeError("in between")


def test_nothing_of_a_transaction_that_fails_is_there(store: Store) -> None:
    with pytest.raises(RuntimeError, match="in between"):
        claim_and_fail(store)
    with store.lean_writing() as s:
        assert run(s, CLAIMED, {"extensions": ["1001"]}).all() == []
        claim(s, "1001")


def test_what_is_there_already_is_a_conflict_and_the_connection_is_as_good_as_before(claimed: Store) -> None:
    with pytest.raises(Conflict), claimed.lean_writing() as s:
        claim(s, "1009", "1001")
    with claimed.lean_writing() as s:
        assert run(s, CLAIMED, {"extensions": ["1001", "1009"]}).scalars() == ["1001"]
        claim(s, "1009")


def test_a_moment_without_a_time_zone_cannot_be_stored(store: Store) -> None:
    with pytest.raises(CannotStore, match="without a time zone"), store.lean_writing() as s:
        run(s, ADD, ROW | {"started_at": datetime(2026, 1, 1)})  # noqa: DTZ001 (that is the point)
    with store.lean_reading() as s:
        assert run(s, READ, {"hunt": "h1"}).first() is None


def test_a_statement_that_is_wrong_is_a_database_error(store: Store) -> None:
    wrong = Prepared(text("SELECT 1 FROM nowhere"))
    with pytest.raises(DatabaseError, match="not migrated"), store.lean_reading() as s:
        run(s, wrong, {})


def test_no_value_stands_in_an_error(store: Store) -> None:
    wrong = Prepared(select(CLAIMS.c.extension).where(text("nothing = :secret").bindparams(secret="s3cret")))
    with pytest.raises(DatabaseError) as raised, store.lean_reading() as s:
        run(s, wrong, {})
    assert isinstance(raised.value.__cause__, DBAPIError)
    assert "s3cret" not in f"{raised.value} {raised.value.__cause__}"


def test_a_session_and_what_is_prepared_are_one_transaction(store: Store) -> None:
    with store.writing() as session:
        claim(session, "1001")
        write(session, CLAIM, row_of("1002"))
        assert sorted(session.scalars(select(Claim.extension))) == ["1001", "1002"]
        session.rollback()
    with store.reading() as session:
        assert run(session, CLAIMED, {"extensions": ["1001", "1002"]}).all() == []


def test_a_session_that_begins_anew_leaves_its_earlier_connection_alone(claimed: Store) -> None:
    with claimed.reading() as session:
        earlier = lean_of(session)
        session.rollback()
        with claimed.reading() as other:
            assert lean_of(other).is_on(earlier._driver), "the connection is somebody else's by now"
            assert run(session, CLAIMED, {"extensions": ["1001"]}).scalars() == ["1001"]
            assert not lean_of(session).is_on(earlier._driver)


def test_reading_sees_one_moment(claimed: Store) -> None:
    with claimed.lean_reading() as s:
        assert run(s, CLAIMED, {"extensions": ["1001", "1009"]}).scalars() == ["1001"]

        def add() -> None:
            with claimed.lean_writing() as other:
                claim(other, "1009")

        thread = threading.Thread(target=add)
        thread.start()
        thread.join()
        assert run(s, CLAIMED, {"extensions": ["1001", "1009"]}).scalars() == ["1001"]


def read_while_the_server_ends(store: Store, other: Store, process: int) -> None:
    with store.lean_reading() as s:
        assert s._driver.info.backend_pid == process
        run(s, CLAIMED, {"extensions": ["1001"]})
        with other.writing() as session:
            session.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        run(s, CLAIMED, {"extensions": ["1001"]})


def test_a_connection_that_the_server_ended_is_not_used_again(postgres_url: str) -> None:
    with closing(open_store(postgres_url)) as store, closing(open_store(postgres_url)) as other:
        with store.lean_reading() as s:
            process = s._driver.info.backend_pid
        with pytest.raises(DatabaseError):
            read_while_the_server_ends(store, other, process)
        with store.lean_reading() as s:
            assert s._driver.info.backend_pid != process
            assert run(s, CLAIMED, {"extensions": ["1001"]}).all() == []


def test_a_switch_between_reading_and_writing_is_said_to_sqlite_only_where_a_session_guards(sqlite_url: str) -> None:
    """It has SQLite compile every statement anew."""
    said: list[str] = []
    with closing(open_store(sqlite_url, connections=1)) as store:
        with store.lean_reading() as s:
            s._driver.set_trace_callback(said.append)
        for _ in range(3):
            with store.lean_writing() as s:
                claim(s, f"1{len(said)}")
            with store.lean_reading() as s:
                run(s, CLAIMED, {"extensions": ["1001"]})
        assert [each for each in said if each.startswith("PRAGMA")] == []
        with store.reading() as session, pytest.raises(DBAPIError, match="readonly"):
            session.execute(delete(Claim))
        with store.lean_writing() as s:
            claim(s, "1999")
        assert [each for each in said if each.startswith("PRAGMA")] == ["PRAGMA query_only=1", "PRAGMA query_only=0"]


def test_the_statements_of_either_kind_are_noted(store: Store) -> None:
    with noted(store._engine) as said:
        with store.lean_reading() as s:
            run(s, READ, {"hunt": "h1"})
        with store.reading() as session:
            session.execute(select(CallRecord.id))
    assert [each.text.split()[0] for each in said] == ["SELECT", "SELECT"]
