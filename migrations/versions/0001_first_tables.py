"""first tables: groups, rotation, claims and records.

Revision 0001, after nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_domains()
    _create_groups()
    _create_members()
    _create_memory()
    _create_claims()
    _create_calls()
    _create_offers()
    _create_skips()


def downgrade() -> None:
    children_first = (
        "skips",
        "offers",
        "calls",
        "claims",
        "memory_moves",
        "group_memory",
        "members",
        "groups",
        "blocks",
        "domains",
    )
    for table in children_first:
        op.drop_table(table)


def _create_domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_domains"),
        sa.UniqueConstraint("name", name="uq_domains_name"),
    )
    op.create_table(
        "blocks",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name="fk_blocks_domain_id_domains", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("domain_id", "extension", name="pk_blocks"),
    )


def _create_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("pilot", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("rings", sa.Integer()),
        sa.Column("ring_seconds", sa.Float()),
        sa.Column("voicemail", sa.String()),
        sa.Column("cycles", sa.Integer(), nullable=False),
        sa.Column("hunt_timeout", sa.Float()),
        sa.Column("prefix", sa.String()),
        sa.Column("music", sa.String()),
        sa.Column("call_waiting", sa.Boolean(), nullable=False),
        sa.Column("rest_seconds", sa.Float(), nullable=False),
        sa.Column("on_no_answer", sa.String(), nullable=False),
        sa.Column("on_busy", sa.String(), nullable=False),
        sa.Column("on_unreachable", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(rings IS NULL) <> (ring_seconds IS NULL)", name=op.f("ck_groups_one_ring_time")),
        sa.CheckConstraint("cycles >= 1", name=op.f("ck_groups_cycles")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name="fk_groups_domain_id_domains", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("domain_id", "pilot", name="uq_groups_domain_id_pilot"),
        sqlite_autoincrement=True,
    )


def _create_members() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("rings", sa.Integer()),
        sa.Column("ring_seconds", sa.Float()),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("confirm", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("idle_since", MOMENT),
        sa.CheckConstraint("rings IS NULL OR ring_seconds IS NULL", name=op.f("ck_members_one_ring_time")),
        sa.CheckConstraint("weight BETWEEN 0 AND 100", name=op.f("ck_members_weight")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_members_group_id_groups", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
        sa.UniqueConstraint("group_id", "extension", name="uq_members_group_id_extension"),
        sa.UniqueConstraint("group_id", "position", name="uq_members_group_id_position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_members_extension", "members", ["extension"])


def _create_memory() -> None:
    op.create_table(
        "group_memory",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("answerer_id", sa.Integer()),
        sa.Column("answerer_place", sa.Integer()),
        sa.Column("turn_id", sa.Integer()),
        sa.Column("turn_place", sa.Integer()),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_group_memory_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", name="pk_group_memory"),
    )
    op.create_table(
        "memory_moves",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("before_id", sa.Integer()),
        sa.Column("before_place", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_memory_moves_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "kind", "call_uuid", name="pk_memory_moves"),
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("call_uuid", sa.String(), nullable=False),
        sa.Column("hunt_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("claimed_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("domain", "extension", name="pk_claims"),
    )
    op.create_index("ix_claims_hunt_id", "claims", ["hunt_id"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("pilot", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("caller_number", sa.String()),
        sa.Column("caller_name", sa.String()),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_seen", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String()),
        sa.Column("reason", sa.String()),
        sa.Column("answered_by", sa.String()),
        sa.Column("destination", sa.String()),
        sa.Column("facts", sa.JSON()),
        sa.Column("owner", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_uuid", "calls", ["uuid"])
    op.create_index("ix_calls_domain_pilot_started_at", "calls", ["domain", "pilot", "started_at"])
    op.create_index("ix_calls_started_at", "calls", ["started_at"])
    op.create_index("ix_calls_owner_ended_at", "calls", ["owner", "ended_at"])


def _create_offers() -> None:
    op.create_table(
        "offers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("phones", sa.Integer(), nullable=False),
        sa.Column("ring_seconds", sa.Float(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("outcome", sa.String()),
        sa.Column("cause", sa.String()),
        sa.Column("sip_code", sa.Integer()),
        sa.Column("detail", sa.String()),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_offers_call_id_calls", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
    )
    op.create_index("ix_offers_call_id", "offers", ["call_id"])


def _create_skips() -> None:
    op.create_table(
        "skips",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String()),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_skips_call_id_calls", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_skips"),
    )
    op.create_index("ix_skips_call_id", "skips", ["call_id"])
