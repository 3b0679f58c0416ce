"""which code can use the tables; policy input without what the policy did not use.

Revision 0005, after 0004. Taken back, the policy input of calls has what 0003 expects, with the values of a group
where nothing was known: the order of the members comes out the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OLDEST_CODE = "0005"

CALLS = sa.table("calls", sa.column("id", sa.String()), sa.column("policy_input", sa.JSON(none_as_null=True)))
ROWS_AT_ONCE = 1000

USED_OF_MEMBER = {"weighted": {"weight"}, "uniform": {"idle_since"}}
USED_OF_GROUP = {"circular": {"answerer"}, "round-robin": {"turn"}, "weighted": {"seed"}}
UNKNOWN_OF_MEMBER = {"weight": 1, "idle_since": None}
UNKNOWN_OF_GROUP = {"answerer": None, "turn": None, "seed": 0}


def upgrade() -> None:
    table = op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("oldest_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_compatibility"),
    )
    op.bulk_insert(table, [{"id": 1, "oldest_code": revision}])
    _change_policy_input(_used)


def downgrade() -> None:
    _change_policy_input(_whole)
    op.drop_table("compatibility")


def _used(policy_input: dict[str, Any]) -> dict[str, Any]:
    policy = policy_input["policy"]
    of_member = {"id", "extension"} | USED_OF_MEMBER.get(policy, set())
    of_group = {"policy"} | USED_OF_GROUP.get(policy, set())
    members = [{name: value for name, value in m.items() if name in of_member} for m in policy_input["members"]]
    return {name: value for name, value in policy_input.items() if name in of_group} | {"members": members}


def _whole(policy_input: dict[str, Any]) -> dict[str, Any]:
    members = [UNKNOWN_OF_MEMBER | member for member in policy_input["members"]]
    return UNKNOWN_OF_GROUP | policy_input | {"members": members}


def _change_policy_input(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the policy input of all calls; one that has another form is left as it is."""
    connection, last = op.get_bind(), ""
    by_id = sa.update(CALLS).where(CALLS.c.id == sa.bindparam("call")).values(policy_input=sa.bindparam("policy_input"))
    while True:
        query = sa.select(CALLS).where(CALLS.c.id > last).order_by(CALLS.c.id).limit(ROWS_AT_ONCE)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].id
        changed = [{"call": row.id, "policy_input": change(row.policy_input)} for row in rows if _is_whole(row)]
        if changed:
            connection.execute(by_id, changed)


def _is_whole(row: Any) -> bool:
    found = row.policy_input
    if not isinstance(found, dict) or not isinstance(found.get("members"), list) or "policy" not in found:
        return False
    return all(isinstance(member, dict) for member in found["members"])
