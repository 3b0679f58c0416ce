"""new names: first, the rotation pointer of round-robin; unanswered_in_a_row, of members.

Revision 0006, after 0005. Earlier code cannot use these tables.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

COLUMNS = {
    "group_rotation": {"turn_id": "first_id", "turn_position": "first_position"},
    "members": {"rang_out": "unanswered_in_a_row"},
}
KIND = {"turn": "first"}


def upgrade() -> None:
    _rename(COLUMNS, KIND)


def downgrade() -> None:
    back = {table: {new: old for old, new in columns.items()} for table, columns in COLUMNS.items()}
    _rename(back, {new: old for old, new in KIND.items()})


def _rename(tables: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]) -> None:
    for table, columns in tables.items():
        for old, new in columns.items():
            op.alter_column(table, old, new_column_name=new)
    for old, new in kinds.items():
        moves = sa.text("UPDATE rotation_moves SET kind = :new WHERE kind = :old")
        op.execute(moves.bindparams(old=old, new=new))
        _rename_json_key(old, new)


def _rename_json_key(old: str, new: str) -> None:
    """Rename a key of the policy input. Its text holds ``"old":`` as a key only: extensions hold no quotation mark."""
    as_json = "::json" if op.get_context().dialect.name == "postgresql" else ""
    query = (
        f"UPDATE calls SET policy_input = replace(CAST(policy_input AS TEXT), :old, :new){as_json}"  # noqa: S608
        " WHERE policy = 'round-robin' AND policy_input IS NOT NULL"
    )
    op.execute(sa.text(query).bindparams(old=f'"{old}":', new=f'"{new}":'))
