"""callers who were called back: who said so and when; and an index by which the calls of one number are found.

Revision 0014, after 0013. It only adds a table and an index; on PostgreSQL the making of the index holds up the writing
of calls, not hunts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

INDEX = "ix_calls_domain_pilot_caller_number_started_at"


def upgrade() -> None:
    op.create_table(
        "called_back",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_called_back_call_id_calls", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", name="pk_called_back"),
    )
    op.create_index(INDEX, "calls", ["domain", "pilot", "caller_number", "started_at"])


def downgrade() -> None:
    op.drop_index(INDEX, "calls")
    op.drop_table("called_back")
