from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from fshunt.db import migrate
from fshunt.db.engine import open_engine
from fshunt.db.models import Base

TABLES = sorted(Base.metadata.tables)


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    opened = open_engine(empty_database_url, create=True)
    yield opened
    opened.dispose()


def differences(engine: Engine) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def reflected(engine: Engine, tables: list[str] = TABLES) -> dict[str, Any]:
    """The tables as the database describes them, in no particular order."""
    seen = inspect(engine)
    return {
        table: {
            "columns": [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(table)],
            "primary key": seen.get_pk_constraint(table),
            "foreign keys": sorted(seen.get_foreign_keys(table), key=str),
            "unique": sorted(seen.get_unique_constraints(table), key=str),
            "checks": sorted(seen.get_check_constraints(table), key=str),
            "indexes": sorted((in_words(each) for each in seen.get_indexes(table)), key=str),
        }
        for table in tables
    }


def in_words(index: Any) -> dict[str, Any]:
    """An index with its condition as text, which can be compared."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return dict(index) | {"dialect_options": options}


def upgrade(engine: Engine) -> None:
    migrate.upgrade(engine.url)


def test_alembic_finds_no_difference_between_models_and_migrations(engine):
    upgrade(engine)
    assert differences(engine) == []


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX ix_calls_domain_pilot_started_at",
        "ALTER TABLE members ADD COLUMN extra INTEGER",
        "ALTER TABLE members DROP COLUMN idle_since",
        "DROP TABLE skips",
    ],
)
def test_alembic_finds_a_difference_where_there_is_one(engine, change):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(change))
    assert differences(engine) != []


def test_migrations_make_the_very_tables_that_the_models_describe(engine):
    """Names of constraints, checks, actions of foreign keys: what alembic's comparison does not look at."""
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    as_models_say = reflected(engine)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
    upgrade(engine)
    assert reflected(engine) == as_models_say


def test_every_constraint_has_a_name_that_a_migration_can_drop(engine):
    upgrade(engine)
    for table, seen in reflected(engine).items():
        for kind in ("foreign keys", "unique", "checks", "indexes"):
            assert all(each["name"] for each in seen[kind]), (table, kind)


def test_ids_of_groups_and_members_are_never_given_twice(engine):
    """An open call may still refer to a removed member: no other member may get the idle time."""
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO domains (id, name) VALUES (1, 'pbx.test')"))
        ids = [_add_and_remove_group(connection) for _ in range(2)]
    assert ids[0] != ids[1]


def _add_and_remove_group(connection):
    columns = "domain_id, pilot, name, policy, rings, cycles, call_waiting, wrap_up_seconds, on_no_answer, on_busy"
    values = "1, '5000', '', 'regular', 3, 1, false, 0, 'voicemail', 'voicemail'"
    insert = f"INSERT INTO groups ({columns}, on_unreachable, enabled) VALUES ({values}, 'voicemail', true)"
    group_id = connection.execute(text(f"{insert} RETURNING id")).scalar_one()
    connection.execute(text("DELETE FROM groups"))
    return group_id
