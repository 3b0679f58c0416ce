"""accounts: users with grants, sessions, known browsers, invitations and tokens; and changes, the audit of them all.

Revision 0009, after 0008. It only adds tables. Taken back, accounts and audit are lost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OLDEST_CODE = "0006"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_changes()
    _create_users()
    op.create_table(
        "grants",
        _user_id(),
        sa.Column("group_id", sa.Integer(), nullable=False),
        _of_user("grants"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_grants_group_id_groups", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "group_id", name="pk_grants"),
    )
    op.create_index("ix_grants_group_id", "grants", ["group_id"])
    _create_sessions_and_browsers()
    _create_invitations_and_tokens()
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_tries"),
    )
    op.create_index("ix_sign_in_tries_last_at", "sign_in_tries", ["last_at"])


def downgrade() -> None:
    for table in ("sign_in_tries", "tokens", "invitations", "known_browsers", "web_sessions", "grants", "users"):
        op.drop_table(table)
    op.drop_table("changes")


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("entrance", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("domain", sa.String(), nullable=True),
        sa.Column("pilot", sa.String(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_key", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_index("ix_changes_domain_id", "changes", ["domain", "id"])
    op.create_index("ix_changes_domain_pilot_id", "changes", ["domain", "pilot", "id"])
    op.create_index("ix_changes_group_id_id", "changes", ["group_id", "id"])
    op.create_index("ix_changes_subject_domain_subject_key_id", "changes", ["subject", "domain", "subject_key", "id"])


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=True),
        sa.Column("extension", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("password_at", MOMENT, nullable=True),
        sa.Column("totp_secret", sa.String(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("(domain IS NULL) = (extension IS NULL)", name=op.f("ck_users_whole_extension")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name_key", name="uq_users_name_key"),
        sa.UniqueConstraint("domain", "extension", name="uq_users_domain_extension"),
        sqlite_autoincrement=True,
    )


def _create_sessions_and_browsers() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("id_hash", sa.String(), nullable=False),
        _user_id(),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("awaits_code", sa.Boolean(), server_default=sa.false(), nullable=False),
        _of_user("web_sessions"),
        sa.PrimaryKeyConstraint("id_hash", name="pk_web_sessions"),
    )
    op.create_index("ix_web_sessions_user_id", "web_sessions", ["user_id"])
    op.create_table(
        "known_browsers",
        sa.Column("id_hash", sa.String(), nullable=False),
        _user_id(),
        sa.Column("used_at", MOMENT, nullable=False),
        _of_user("known_browsers"),
        sa.PrimaryKeyConstraint("id_hash", name="pk_known_browsers"),
    )
    op.create_index("ix_known_browsers_user_id", "known_browsers", ["user_id"])


def _create_invitations_and_tokens() -> None:
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(), nullable=False),
        _user_id(),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        _of_user("invitations"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
        sa.UniqueConstraint("user_id", name="uq_invitations_user_id"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        _user_id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        _of_user("tokens"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])


def _user_id() -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer(), nullable=False)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    """What belongs to a user goes with the user."""
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id_users", ondelete="CASCADE")
