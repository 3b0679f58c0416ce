"""live state: who watches which groups, what each daemon sees of their members' phones; and questions to switches.

Revision 0012, after 0011. Code that is older neither reads nor writes these tables.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"


def upgrade() -> None:
    op.create_table(
        "live_watches",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("pilot", sa.String(), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "pilot", name="pk_live_watches"),
    )
    op.create_table(
        "live_phones",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("phones", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["daemons.run_id"], name="fk_live_phones_run_id_daemons", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "group_id", name="pk_live_phones"),
    )
    op.create_table(
        "switch_questions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_switch_questions"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("switch_questions")
    op.drop_table("live_phones")
    op.drop_table("live_watches")
