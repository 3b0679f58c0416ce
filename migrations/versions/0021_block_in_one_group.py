"""block in one group: a member may be blocked in one group alone, until a moment or until unblocked.

Revision 0021, after 0020. It only adds. Code of before knows nothing of such a block, and rings the member. Taken back,
these blocks are lost; those of all groups stay.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

MOMENT = sa.DateTime(timezone=True)

COLUMNS = ("blocked_since", "blocked_until")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("members", sa.Column(name, MOMENT, nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("members", name)
