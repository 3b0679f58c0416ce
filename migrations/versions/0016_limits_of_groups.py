"""limits of groups: how far their administrators may go.

Revision 0016, after 0015. It only adds a table. Taken back, the limits are lost, and administrators are not bound.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"


def upgrade() -> None:
    op.create_table(
        "group_limits",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("policies", sa.String(), nullable=True),
        sa.Column("max_ring_seconds", sa.Float(), nullable=True),
        sa.Column("max_external_members", sa.Integer(), nullable=True),
        sa.Column("gateways", sa.String(), nullable=True),
        sa.Column("transfers_to_pilots", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_group_limits_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", name="pk_group_limits"),
    )


def downgrade() -> None:
    op.drop_table("group_limits")
