"""callbacks: callers who have left the queue to be called back, and the column of groups that allows it.

Revision 0022, after 0021. Taken back, open requests are lost: nobody calls them back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

OPEN = sa.text("ended_at IS NULL")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("groups", sa.Column("callback", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("dial_context", sa.String(), nullable=False),
        sa.Column("switch", sa.String(), nullable=False),
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_callbacks_group_id_groups", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_callbacks_open",
        "callbacks",
        ["group_id", "number"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_callbacks_ended_at", "callbacks", ["ended_at"])


def downgrade() -> None:
    op.drop_table("callbacks")
    op.drop_column("groups", "callback")
