"""membership by counter: claims and queue entries that need no clock.

Revision 0004, after 0003. What daemons hold for a moment (claims, queue entries, heartbeats) begins anew; the tickets
of the queue go on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _drop_momentary()
    _create_claims(sa.Column("sequence", sa.Integer(), nullable=False))
    _create_queue_entries()
    _create_daemons(sa.Column("counter", sa.Integer(), nullable=False), sa.Column("lost", sa.Boolean(), nullable=False))
    op.create_table(
        "cluster",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("heartbeat_seconds", sa.Float(), nullable=False, server_default="1"),
        sa.Column("queue_heartbeats", sa.Integer(), nullable=False, server_default="4"),
        sa.Column("talk_heartbeats", sa.Integer(), nullable=False, server_default="9"),
        sa.Column("dead_heartbeats", sa.Integer(), nullable=False, server_default="59"),
        sa.Column("tickets", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_cluster"),
    )
    op.execute("INSERT INTO cluster (id, tickets) SELECT 1, coalesce(max(tickets), 0) FROM lease_clock")
    op.drop_table("lease_clock")
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("announcements")
    _drop_momentary()
    _create_claims(
        sa.Column("claimed_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    _create_queue_entries(sa.Column("expires_at", MOMENT, nullable=False))
    _create_daemons(sa.Column("lease_at", MOMENT, nullable=False))
    op.create_table(
        "lease_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", MOMENT),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lease_clock"),
    )
    op.execute("INSERT INTO lease_clock (id, tickets) SELECT 1, coalesce(max(tickets), 0) FROM cluster")
    op.drop_table("cluster")


def _drop_momentary() -> None:
    for table in ("daemons", "queue_entries", "claims"):
        op.drop_table(table)


def _create_claims(*more: sa.Column[object]) -> None:
    op.create_table(
        "claims",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("domain", "extension", name="pk_claims"),
    )
    op.create_index("ix_claims_hunt_id", "claims", ["hunt_id"])


def _create_queue_entries(*more: sa.Column[object]) -> None:
    op.create_table(
        "queue_entries",
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        *more,
        sa.PrimaryKeyConstraint("hunt_id", "extension", name="pk_queue_entries"),
    )
    op.create_index("ix_queue_entries_domain_extension", "queue_entries", ["domain", "extension"])


def _create_daemons(*more: sa.Column[object]) -> None:
    op.create_table(
        "daemons",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("heartbeat_at", MOMENT, nullable=False),
        *more,
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_daemons"),
    )
