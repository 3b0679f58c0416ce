"""notices: what is told of a group by mail or webhook, and what waits to be sent.

Revision 0019, after 0018. It adds three tables, and a column of calls that is empty for all that are there. Calls that
older code writes after it make no notices. On PostgreSQL the making of the index reads all calls once, and holds up the
writing of calls, not hunts. Taken back, the notices are lost, with what waits.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

INDEX = "ix_calls_for_notices"
WAITING = sa.text("notice_group_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("events", sa.String(), nullable=False),
        sa.Column("queue_longer_than", sa.Integer(), nullable=True),
        sa.Column("after_minutes", sa.Integer(), nullable=True),
        sa.Column("digest_at", sa.Integer(), nullable=True),
        sa.Column("secret", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue_is_longer", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("queue_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("after_minutes IS NULL OR digest_at IS NULL", name=op.f("ck_notices_one_time")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_notices_group_id_groups", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("group_id", "target", name="uq_notices_group_id_target"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "notice_deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("caller", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dead", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.id"], name="fk_notice_deliveries_notice_id_notices", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice_deliveries"),
    )
    op.create_index("ix_notice_deliveries_dead_next_try_at", "notice_deliveries", ["dead", "next_try_at"])
    op.create_index("ix_notice_deliveries_notice_id_caller", "notice_deliveries", ["notice_id", "caller"])
    op.create_table(
        "notice_happenings",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.String(), nullable=True),
        sa.Column("member", sa.String(), nullable=True),
        sa.Column("queued", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["notice_deliveries.id"],
            name="fk_notice_happenings_delivery_id_notice_deliveries",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice_happenings"),
    )
    op.create_index("ix_notice_happenings_delivery_id", "notice_happenings", ["delivery_id"])
    op.add_column("calls", sa.Column("notice_group_id", sa.Integer(), nullable=True))
    op.create_index(INDEX, "calls", ["started_at"], sqlite_where=WAITING, postgresql_where=WAITING)


def downgrade() -> None:
    op.drop_index(INDEX, "calls")
    op.drop_column("calls", "notice_group_id")
    for table in ("notice_happenings", "notice_deliveries", "notices"):
        op.drop_table(table)
