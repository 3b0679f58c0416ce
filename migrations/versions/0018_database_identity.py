"""identity: a random id of the database, by which daemons and commands know whether they use the same one.

Revision 0018, after 0017. It only adds a table with one row; code of before knows nothing of it. A database that is
upgraded again after a downgrade has another id.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

ID_BYTES = 8


def upgrade() -> None:
    made = op.create_table(
        "database_identity",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("database_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_database_identity"),
    )
    op.bulk_insert(made, [{"id": 1, "database_id": secrets.token_hex(ID_BYTES)}])


def downgrade() -> None:
    op.drop_table("database_identity")
