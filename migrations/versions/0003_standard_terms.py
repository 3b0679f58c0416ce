"""the standard terms for tables, columns and values.

Revision 0003, after 0002. Momentary rows (claims, queue entries, heartbeats, the lease clock) are dropped; all other
rows are kept.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

CALLS = {"facts": "policy_input", "owner": "node", "run": "run_id"}
"""Columns of ``calls``, old name and new: the policy's input, the node, the run."""


def upgrade() -> None:
    op.alter_column("groups", "rest_seconds", new_column_name="wrap_up_seconds")
    _redefine_when_busy("overflow", {"go-on": "overflow", "wait": "queue"})
    _rename_reason("resting", "wrap-up")
    _rename_rotation("group_memory", "memory_moves", "place", "group_rotation", "rotation_moves", "position")
    _rename_calls(CALLS)
    _rename_json_key("policy_input", "place", "position")
    _drop("lease_clock", "daemons", "waiting", "claims")
    _create_momentary(queue="queue_entries", ticket="ticket", run_of_claim="run_id", run="run_id", beat="heartbeat_at")


def downgrade() -> None:
    _drop("lease_clock", "daemons", "queue_entries", "claims")
    _create_momentary(queue="waiting", ticket="place", run_of_claim="owner", run="run", beat="beat_at")
    _rename_json_key("policy_input", "position", "place")
    _rename_calls({new: old for old, new in CALLS.items()})
    _rename_rotation("group_rotation", "rotation_moves", "position", "group_memory", "memory_moves", "place")
    _rename_reason("wrap-up", "resting")
    _redefine_when_busy("go-on", {"overflow": "go-on", "queue": "wait"})
    op.alter_column("groups", "wrap_up_seconds", new_column_name="rest_seconds")


def _redefine_when_busy(default: str, values: dict[str, str]) -> None:
    """Give the column a new default and new values, in place: no table is rebuilt, on either database."""
    op.alter_column("groups", "when_busy", new_column_name="when_busy_before")
    op.add_column("groups", sa.Column("when_busy", sa.String(), nullable=False, server_default=default))
    for old, new in values.items():
        set_new = sa.text("UPDATE groups SET when_busy = :new WHERE when_busy_before = :old")
        op.execute(set_new.bindparams(old=old, new=new))
    op.drop_column("groups", "when_busy_before")


def _rename_reason(old: str, new: str) -> None:
    op.execute(sa.text("UPDATE skips SET reason = :new WHERE reason = :old").bindparams(old=old, new=new))


def _rename_rotation(old: str, old_moves: str, old_what: str, new: str, new_moves: str, new_what: str) -> None:
    """Rebuild the two tables under their new names, so that their constraints have the new names, too."""
    pointers = op.create_table(
        new,
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("answerer_id", sa.Integer()),
        sa.Column(f"answerer_{new_what}", sa.Integer()),
        sa.Column("turn_id", sa.Integer()),
        sa.Column(f"turn_{new_what}", sa.Integer()),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=f"fk_{new}_group_id_groups", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", name=f"pk_{new}"),
    )
    moves = op.create_table(
        new_moves,
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("before_id", sa.Integer()),
        sa.Column(f"before_{new_what}", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=f"fk_{new_moves}_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "kind", "call_uuid", name=f"pk_{new_moves}"),
    )
    for old_name, table in ((old, pointers), (old_moves, moves)):
        names = [column.name for column in table.columns]
        source = sa.table(old_name, *(sa.column(name.replace(new_what, old_what)) for name in names))
        op.execute(table.insert().from_select(names, sa.select(source)))
        op.drop_table(old_name)


def _rename_calls(columns: dict[str, str]) -> None:
    is_open = sa.text("ended_at IS NULL")
    (old_node, node), (old_run, run) = list(columns.items())[1:]
    op.drop_index(f"ix_calls_{old_node}_ended_at", "calls")
    op.drop_index(f"ix_calls_{old_run}", "calls")
    for old, new in columns.items():
        op.alter_column("calls", old, new_column_name=new)
    op.create_index(f"ix_calls_{node}_ended_at", "calls", [node, "ended_at"])
    op.create_index(f"ix_calls_{run}", "calls", [run], sqlite_where=is_open, postgresql_where=is_open)


def _rename_json_key(column: str, old: str, new: str) -> None:
    """Rename a key in the JSON of a column. The text ``"old":`` occurs there as a key only."""
    as_json = "::json" if op.get_context().dialect.name == "postgresql" else ""
    query = (
        f"UPDATE calls SET {column} = replace(CAST({column} AS TEXT), :old, :new){as_json} WHERE {column} IS NOT NULL"  # noqa: S608 (constant names)
    )
    op.execute(sa.text(query).bindparams(old=f'"{old}":', new=f'"{new}":'))


def _drop(*tables: str) -> None:
    for table in tables:
        op.drop_table(table)


def _create_momentary(*, queue: str, ticket: str, run_of_claim: str, run: str, beat: str) -> None:
    op.create_table(
        "claims",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column(run_of_claim, sa.String(), nullable=False),
        sa.Column("claimed_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("domain", "extension", name="pk_claims"),
    )
    op.create_index("ix_claims_hunt_id", "claims", ["hunt_id"])
    op.create_table(
        queue,
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column(run_of_claim, sa.String(), nullable=False),
        sa.Column(ticket, sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hunt_id", "extension", name=f"pk_{queue}"),
    )
    op.create_index(f"ix_{queue}_domain_extension", queue, ["domain", "extension"])
    op.create_table(
        "daemons",
        sa.Column(run, sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column(beat, MOMENT, nullable=False),
        sa.Column("lease_at", MOMENT, nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(run, name="pk_daemons"),
    )
    clock = op.create_table(
        "lease_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", MOMENT),
        sa.Column(f"{ticket}s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lease_clock"),
    )
    op.bulk_insert(clock, [{"id": 1, f"{ticket}s": 0}])
