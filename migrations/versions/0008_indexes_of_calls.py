"""indexes: each list of calls, a call by the beginning of its uuid, failed hunts, and calls that are open.

Revision 0008, after 0007. With them no command reads all calls, however many there are. On PostgreSQL the making of an
index holds up the writing of calls, not hunts: records wait in the outboxes of the daemons meanwhile.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"


def upgrade() -> None:
    op.create_index("ix_calls_domain_started_at", "calls", ["domain", "started_at"])
    op.create_index("ix_calls_pilot_started_at", "calls", ["pilot", "started_at"])
    _create_partial("ix_calls_failed", "result = 'failed'")
    _create_partial("ix_calls_open", "ended_at IS NULL")
    _order_uuids_by("text_pattern_ops")


def downgrade() -> None:
    _order_uuids_by(None)
    for name in ("ix_calls_open", "ix_calls_failed", "ix_calls_pilot_started_at", "ix_calls_domain_started_at"):
        op.drop_index(name, "calls")


def _create_partial(name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "calls", ["started_at"], postgresql_where=where, sqlite_where=where)


def _order_uuids_by(operators: str | None) -> None:
    """On PostgreSQL, whose usual order of text depends on the language: no index in it finds what a text begins with.

    The new index is there before the old one goes: to drop one locks the table, if only for a moment.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    ops = {"uuid": operators} if operators else {}
    op.create_index("ix_calls_uuid_new", "calls", ["uuid"], postgresql_ops=ops)
    op.drop_index("ix_calls_uuid", "calls")
    op.execute("ALTER INDEX ix_calls_uuid_new RENAME TO ix_calls_uuid")
