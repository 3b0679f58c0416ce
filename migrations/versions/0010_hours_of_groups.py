"""hours: business hours and holidays of groups, closed by hand, the destination of closed groups; the end of a block.

Revision 0010, after 0009. It only adds. Taken back, hours and holidays are lost, and a block with an end has none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("groups", sa.Column("on_closed", sa.String(), server_default="voicemail", nullable=False))
    op.add_column("groups", sa.Column("time_zone", sa.String(), nullable=True))
    op.add_column("groups", sa.Column("closed_since", MOMENT, nullable=True))
    op.add_column("groups", sa.Column("closed_until", MOMENT, nullable=True))
    op.add_column("blocks", sa.Column("until", MOMENT, nullable=True))
    op.create_table(
        "business_hours",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("opens", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_business_hours_weekday")),
        sa.CheckConstraint("opens BETWEEN 0 AND 1439", name=op.f("ck_business_hours_opens")),
        sa.CheckConstraint("closes > opens AND closes <= opens + 1440", name=op.f("ck_business_hours_closes")),
        _of_group("business_hours"),
        sa.PrimaryKeyConstraint("group_id", "weekday", "opens", name="pk_business_hours"),
    )
    op.create_table(
        "holidays",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hours", sa.String(), nullable=False),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_holidays_days")),
        _of_group("holidays"),
        sa.PrimaryKeyConstraint("group_id", "first_day", "last_day", "name", name="pk_holidays"),
    )


def downgrade() -> None:
    op.drop_table("holidays")
    op.drop_table("business_hours")
    op.drop_column("blocks", "until")
    for name in ("closed_until", "closed_since", "time_zone", "on_closed"):
        op.drop_column("groups", name)


def _of_group(table: str) -> sa.ForeignKeyConstraint:
    """Hours go with their group."""
    return sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=f"fk_{table}_group_id_groups", ondelete="CASCADE")
