"""queued callers, daemons, the lease clock, and auto-blocked members.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Columns that may be null, or have a default, are added in place: no table is rebuilt, on either database.
    op.add_column("groups", sa.Column("when_busy", sa.String(), nullable=False, server_default="go-on"))
    op.add_column("groups", sa.Column("auto_block", sa.Integer()))
    op.add_column("members", sa.Column("rang_out", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("blocks", sa.Column("reason", sa.String()))
    op.add_column("calls", sa.Column("run", sa.String()))
    op.add_column("calls", sa.Column("waited_seconds", sa.Float()))
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_calls_run", "calls", ["run"], sqlite_where=is_open, postgresql_where=is_open)
    _create_waiting()
    _create_daemons()
    _create_lease_clock()


def downgrade() -> None:
    # Daemons of the earlier revision do not know the lease clock: by their clock these claims expire at the wrong time.
    op.execute("DELETE FROM claims")
    for table in ("lease_clock", "daemons", "waiting"):
        op.drop_table(table)
    op.drop_index("ix_calls_run", "calls")
    # An auto-blocked member may ring again: the earlier revision has no auto-block.
    op.execute("DELETE FROM blocks WHERE reason IS NOT NULL")
    for table, columns in (
        ("calls", ("waited_seconds", "run")),
        ("blocks", ("reason",)),
        ("members", ("rang_out",)),
        ("groups", ("auto_block", "when_busy")),
    ):
        for column in columns:
            op.drop_column(table, column)


def _create_waiting() -> None:
    op.create_table(
        "waiting",
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hunt_id", "extension", name="pk_waiting"),
    )
    op.create_index("ix_waiting_domain_extension", "waiting", ["domain", "extension"])


def _create_daemons() -> None:
    op.create_table(
        "daemons",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("beat_at", MOMENT, nullable=False),
        sa.Column("lease_at", MOMENT, nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_daemons"),
    )


def _create_lease_clock() -> None:
    table = op.create_table(
        "lease_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", MOMENT),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lease_clock"),
    )
    op.bulk_insert(table, [{"id": 1, "places": 0}])
