"""new columns: transfer_context, answer_first and caller_id_number of groups, caller_id_number of members.

Revision 0007, after 0006. Taken back, what these columns hold is lost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"


def upgrade() -> None:
    op.add_column("groups", sa.Column("answer_first", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("groups", sa.Column("transfer_context", sa.String(), nullable=True))
    op.add_column("groups", sa.Column("caller_id_number", sa.String(), nullable=True))
    op.add_column("members", sa.Column("caller_id_number", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("members", "caller_id_number")
    for name in ("caller_id_number", "transfer_context", "answer_first"):
        op.drop_column("groups", name)
