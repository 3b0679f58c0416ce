"""new columns of groups: queue_limit, announce_seconds and voicemail_key.

Revision 0020, after 0019. Taken back, what these columns hold is lost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"


def upgrade() -> None:
    op.add_column("groups", sa.Column("queue_limit", sa.Integer(), nullable=True))
    op.add_column("groups", sa.Column("announce_seconds", sa.Float(), nullable=True))
    op.add_column("groups", sa.Column("voicemail_key", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in ("voicemail_key", "announce_seconds", "queue_limit"):
        op.drop_column("groups", name)
