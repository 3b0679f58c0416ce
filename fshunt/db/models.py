"""The tables. The terms are those of design, section 1."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from fshunt.db.types import SeenText, UtcDateTime

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints: a migration can drop only a constraint with a known name."""


IS_OPEN, HAS_FAILED = "ended_at IS NULL", "result = 'failed'"
FOR_NOTICES = "notice_group_id IS NOT NULL"
"""Conditions of indexes, word for word as queries have them."""


class Base(DeclarativeBase):
    """The base of all tables: names of constraints, and one column type for each Python type."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: String(),
        float: Float(),
        date: Date(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
    }


class Domain(Base):
    """A FreeSWITCH domain (tenant). Its row is the lock of all administration in it."""

    __tablename__ = "domains"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class HuntGroup(Base):
    """A hunt group. Times in seconds; exactly one of ``rings`` and ``ring_seconds`` is set.

    ``closed_since`` None: no person has closed it; else it is closed until ``closed_until`` (None: until it is opened).
    """

    __tablename__ = "groups"
    __table_args__ = (
        UniqueConstraint("domain_id", "pilot"),
        CheckConstraint("(rings IS NULL) <> (ring_seconds IS NULL)", name="one_ring_time"),
        CheckConstraint("cycles >= 1", name="cycles"),
        # An id is never reused: an open call may still refer to a group or member that was removed.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    pilot: Mapped[str]
    name: Mapped[str]
    policy: Mapped[str]
    rings: Mapped[int | None]
    ring_seconds: Mapped[float | None]
    voicemail: Mapped[str | None]
    cycles: Mapped[int]
    hunt_timeout: Mapped[float | None]
    prefix: Mapped[str | None]
    music: Mapped[str | None]
    call_waiting: Mapped[bool]
    wrap_up_seconds: Mapped[float]
    on_no_answer: Mapped[str]
    on_busy: Mapped[str]
    on_unreachable: Mapped[str]
    enabled: Mapped[bool]
    auto_block: Mapped[int | None]
    when_busy: Mapped[str] = mapped_column(server_default="overflow")
    answer_first: Mapped[bool] = mapped_column(server_default=false())
    transfer_context: Mapped[str | None]
    caller_id_number: Mapped[str | None]
    on_closed: Mapped[str] = mapped_column(server_default="voicemail")
    time_zone: Mapped[str | None]
    closed_since: Mapped[datetime | None]
    closed_until: Mapped[datetime | None]
    queue_limit: Mapped[int | None]
    announce_seconds: Mapped[float | None]
    voicemail_key: Mapped[bool] = mapped_column(server_default=false())
    callback: Mapped[bool] = mapped_column(server_default=false())


class BusinessHours(Base):
    """One interval in which a group is open, in minutes after the midnight of its ``weekday`` (0 is Monday).

    ``closes`` beyond 24 hours is on the next day. A group without any is not closed by hours. They are read only of a
    group with a time zone.
    """

    __tablename__ = "business_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("opens BETWEEN 0 AND 1439", name="opens"),
        CheckConstraint("closes > opens AND closes <= opens + 1440", name="closes"),
    )

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    weekday: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    opens: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    closes: Mapped[int]


class GroupHoliday(Base):
    """A holiday of a group, from its first day to its last one; ``hours`` as ``hours_text`` reads them (`closed`)."""

    __tablename__ = "holidays"
    __table_args__ = (CheckConstraint("last_day >= first_day", name="days"),)

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    first_day: Mapped[date] = mapped_column(primary_key=True)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    hours: Mapped[str]


class GroupLimits(Base):
    """How far a group's administrator may go; a group without a row has no limits (``hunting.limits``)."""

    __tablename__ = "group_limits"

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    policies: Mapped[str | None]
    max_ring_seconds: Mapped[float | None]
    max_external_members: Mapped[int | None]
    gateways: Mapped[str | None]
    transfers_to_pilots: Mapped[bool] = mapped_column(server_default=false())


class HuntMember(Base):
    """A member at its position. ``extension`` is ``1001``, or ``number@gateway`` for an external number.

    ``unanswered_in_a_row`` counts for ``auto_block``. ``blocked_since`` None: the member is not blocked in this group
    alone; else until ``blocked_until`` (None: until it is unblocked). A block whose end is past counts for nothing.
    """

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("group_id", "extension"),
        UniqueConstraint("group_id", "position"),
        CheckConstraint("rings IS NULL OR ring_seconds IS NULL", name="one_ring_time"),
        CheckConstraint("weight BETWEEN 0 AND 100", name="weight"),
        Index(None, "extension"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    position: Mapped[int]
    extension: Mapped[str]
    rings: Mapped[int | None]
    ring_seconds: Mapped[float | None]
    weight: Mapped[int]
    confirm: Mapped[bool]
    enabled: Mapped[bool]
    idle_since: Mapped[datetime | None]
    unanswered_in_a_row: Mapped[int] = mapped_column(server_default="0")
    caller_id_number: Mapped[str | None]
    blocked_since: Mapped[datetime | None]
    blocked_until: Mapped[datetime | None]


class GroupRotation(Base):
    """The pointers of circular (``answerer``) and round-robin (``first``); one row a group, locked while they move.

    ``moves`` counts the moves of both, so that old rows of ``rotation_moves`` can be told from new ones.
    """

    __tablename__ = "group_rotation"

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    answerer_id: Mapped[int | None]
    answerer_position: Mapped[int | None]
    first_id: Mapped[int | None]
    first_position: Mapped[int | None]
    moves: Mapped[int]


class RotationMove(Base):
    """One move of a pointer by one call, and the pointer before: a step tried twice moves it once (invariant I3).

    ``call_uuid`` is what the move is known by: of the pointer ``first`` the arrival of the caller, of ``answerer`` the
    hunt that was answered. A further daemon that takes a caller over begins a new hunt of the same arrival.
    """

    __tablename__ = "rotation_moves"

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    call_uuid: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    before_id: Mapped[int | None]
    before_position: Mapped[int | None]


class Block(Base):
    """An extension that is blocked in all groups of the domain.

    ``reason`` None: by its user; ``auto``: by fshunt, after unanswered calls in a row (``auto_block`` of a group).
    ``until`` None: until it is unblocked; a row whose end is past counts for nothing, and is removed later.
    """

    __tablename__ = "blocks"

    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True)
    extension: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    reason: Mapped[str | None]
    until: Mapped[datetime | None]


class Claim(Base):
    """The right of one hunt to ring or hold one member, for as long as the row is there (design, section 3).

    ``sequence`` orders the claims of one run: it tells a release that is written late from a later claim.
    """

    __tablename__ = "claims"

    domain: Mapped[str] = mapped_column(primary_key=True)
    extension: Mapped[str] = mapped_column(primary_key=True)
    call_uuid: Mapped[str]
    hunt_id: Mapped[str] = mapped_column(index=True)
    run_id: Mapped[str]
    sequence: Mapped[int]


class QueueEntry(Base):
    """A hunt in the queue of one member (``when_busy``). Of two hunts the one with the smaller ``ticket`` came first.

    ``since`` is wall time.
    """

    __tablename__ = "queue_entries"
    __table_args__ = (Index(None, "domain", "extension"),)

    hunt_id: Mapped[str] = mapped_column(primary_key=True)
    extension: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    group_id: Mapped[int]
    call_uuid: Mapped[str]
    run_id: Mapped[str]
    ticket: Mapped[int]
    since: Mapped[datetime]


class DaemonRecord(Base):
    """One run of a daemon, as it was at its last heartbeat, which is the ``counter``-th.

    ``lost``: another daemon has presumed it dead since. ``heartbeat_at`` is wall time, for display only.
    """

    __tablename__ = "daemons"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    counter: Mapped[int]
    lost: Mapped[bool]
    status: Mapped[dict[str, Any]]


class WebProcess(Base):
    """One run of `fshunt web`, as it was at its last heartbeat; times are wall time, for display only."""

    __tablename__ = "web_processes"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    listen: Mapped[str]
    version: Mapped[str]


class Cluster(Base):
    """What holds for all daemons on this database (one row, ``id`` 1).

    The number of heartbeats of its own after which a daemon presumes a run dead whose counter stands still: for its
    queue entries, for calls that have their result, and for all else. ``tickets`` were given to queued callers.
    """

    __tablename__ = "cluster"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    heartbeat_seconds: Mapped[float] = mapped_column(server_default="1")
    queue_heartbeats: Mapped[int] = mapped_column(server_default="4")
    talk_heartbeats: Mapped[int] = mapped_column(server_default="9")
    dead_heartbeats: Mapped[int] = mapped_column(server_default="59")
    tickets: Mapped[int] = mapped_column(server_default="0")


class Announcement(Base):
    """SQLite only: that something has changed for a member (PostgreSQL has notifications)."""

    __tablename__ = "announcements"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    domain: Mapped[str]
    extension: Mapped[str]


class CallRecord(Base):
    """One hunt. ``uuid`` is the caller's channel: a transferred caller may hunt twice under one uuid.

    There is no foreign key to groups: a record stays when its group is removed. ``ended_at`` is None while the call is
    open; with ``end_seen`` false nobody saw the end, and ``ended_at`` is when the record was closed. ``node`` is the
    daemon that writes the record, ``run_id`` its run.
    """

    __tablename__ = "calls"
    __table_args__ = (
        Index(None, "domain", "pilot", "started_at"),
        Index(None, "started_at"),
        Index(None, "node", "ended_at"),
        Index(None, "domain", "started_at"),
        Index(None, "pilot", "started_at"),
        # Whether a caller has called again.
        Index(None, "domain", "pilot", "caller_number", "started_at"),
        # For PostgreSQL the order of the characters, so that it finds what a uuid begins with.
        Index(None, "uuid", postgresql_ops={"uuid": "text_pattern_ops"}),
        # Open calls and failed hunts: few among years of others.
        Index(None, "run_id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_calls_open", "started_at", sqlite_where=text(IS_OPEN), postgresql_where=text(IS_OPEN)),
        Index("ix_calls_failed", "started_at", sqlite_where=text(HAS_FAILED), postgresql_where=text(HAS_FAILED)),
        # Calls that notices are still to be made of: a few seconds' worth, in groups that have notices.
        Index("ix_calls_for_notices", "started_at", sqlite_where=text(FOR_NOTICES), postgresql_where=text(FOR_NOTICES)),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(SeenText)
    domain: Mapped[str] = mapped_column(SeenText)
    pilot: Mapped[str] = mapped_column(SeenText)
    group_name: Mapped[str]
    policy: Mapped[str]
    caller_number: Mapped[str | None] = mapped_column(SeenText)
    caller_name: Mapped[str | None] = mapped_column(SeenText)
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_seen: Mapped[bool]
    result: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(SeenText)
    answered_by: Mapped[str | None]
    destination: Mapped[str | None]
    policy_input: Mapped[dict[str, Any] | None] = mapped_column(deferred=True, deferred_raiseload=True)
    """Long: read only where it is asked for, and by no list of calls."""
    node: Mapped[str]
    run_id: Mapped[str | None]
    waited_seconds: Mapped[float | None]
    notice_group_id: Mapped[int | None]
    """The group, if it had notices when the call began; None again when they are made."""

    offers: Mapped[list[OfferRecord]] = relationship(
        order_by="(OfferRecord.cycle, OfferRecord.stage, OfferRecord.position)", viewonly=True
    )
    skips: Mapped[list[SkipRecord]] = relationship(
        order_by="(SkipRecord.cycle, SkipRecord.stage, SkipRecord.position)", viewonly=True
    )


class CalledBack(Base):
    """That somebody has called a caller back, as the user ``said_by`` has noted ``at`` a moment."""

    __tablename__ = "called_back"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]
    said_by: Mapped[str]


class OfferRecord(Base):
    """One member rung once for one call; ``outcome`` is None while it rings."""

    __tablename__ = "offers"

    id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    stage: Mapped[int]
    cycle: Mapped[int]
    position: Mapped[int]
    extension: Mapped[str]
    phones: Mapped[int]
    ring_seconds: Mapped[float]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    cause: Mapped[str | None] = mapped_column(SeenText)
    sip_code: Mapped[int | None]
    detail: Mapped[str | None] = mapped_column(SeenText)


class SkipRecord(Base):
    """One member skipped in one stage of one call, and the reason."""

    __tablename__ = "skips"

    id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    stage: Mapped[int]
    cycle: Mapped[int]
    position: Mapped[int]
    extension: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str | None] = mapped_column(SeenText)
    at: Mapped[datetime]


class User(Base):
    """Who may sign in. ``name_key`` is the name in small letters: no two users differ in capitals alone.

    ``role`` is ``provider``, ``admin`` or ``member``. ``extension`` of ``domain`` is a member's own, which need not be
    in a group yet. ``password_hash`` None: not set yet. ``totp_step`` is the last step of 30 s whose code was used: no
    code is taken twice.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("name_key"),
        UniqueConstraint("domain", "extension"),
        CheckConstraint("(domain IS NULL) = (extension IS NULL)", name="whole_extension"),
        # An id is never reused: a session or an audit must not become another user's.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    role: Mapped[str]
    domain: Mapped[str | None]
    extension: Mapped[str | None]
    password_hash: Mapped[str | None]
    password_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None]
    totp_step: Mapped[int | None]
    disabled: Mapped[bool] = mapped_column(server_default=false())
    time_zone: Mapped[str | None]
    language: Mapped[str | None]
    created_at: Mapped[datetime]


class Grant(Base):
    """A group that an administrator looks after."""

    __tablename__ = "grants"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True)


class WebSession(Base):
    """A browser that is signed in. ``id_hash`` is the SHA-256 of what its cookie holds.

    ``used_at`` is written at most once a minute. ``awaits_code``: the password was right, the TOTP code is missing.
    """

    __tablename__ = "web_sessions"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(SeenText)
    agent: Mapped[str | None] = mapped_column(SeenText)
    awaits_code: Mapped[bool] = mapped_column(server_default=false())


class KnownBrowser(Base):
    """A browser in which a user has signed in before: attempts of others do not slow it down."""

    __tablename__ = "known_browsers"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime]


class RecoveryCode(Base):
    """A code that lets its user in once in place of a one-time code. ``code_hash`` is its SHA-256."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime]


class Invitation(Base):
    """A link by which a user sets a password, once. A user has one at most."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("user_id"),)

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    made_by: Mapped[str]
    expires_at: Mapped[datetime]


class Token(Base):
    """What a program shows in place of a password. ``scopes`` are words with a space between."""

    __tablename__ = "tokens"
    __table_args__ = (UniqueConstraint("token_hash"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Board(Base):
    """An address at which a wall screen shows a group without signing in, until ``expires_at`` or until it is removed.

    ``secret_hash`` is the SHA-256 of what stands in the address.
    """

    __tablename__ = "boards"
    __table_args__ = (UniqueConstraint("secret_hash"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str]
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """A key that a program sent with a request to make something, and what it was answered.

    ``request_hash`` is the SHA-256 of what was asked for: the same key with another request is a mistake. ``answer``
    None: the transaction that makes the thing is not over.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key_hash: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class SignInTries(Base):
    """The failed sign-ins of one account, one address or one known browser, and when the next try is taken.

    ``key`` begins with the kind; the rest is a hash, since people type passwords into the field of the name.
    """

    __tablename__ = "sign_in_tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    not_before: Mapped[datetime | None]


class ChangeRecord(Base):
    """One change of the administration (the audit): who, from where, what was before and what is after.

    ``before`` and ``after`` have the fields that changed; all of them where something was added or removed, so that it
    can be undone. ``group_id`` stays the group's when its pilot changes; there is no foreign key, since the record
    outlives the group. ``undoes`` and ``undone_by`` are ids of other changes.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "domain", "id"),
        Index(None, "domain", "pilot", "id"),
        Index(None, "group_id", "id"),
        Index(None, "subject", "domain", "subject_key", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(SeenText)
    entrance: Mapped[str]
    address: Mapped[str | None] = mapped_column(SeenText)
    domain: Mapped[str | None]
    pilot: Mapped[str | None]
    group_id: Mapped[int | None]
    subject: Mapped[str]
    subject_key: Mapped[str]
    action: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    undoes: Mapped[int | None]
    undone_by: Mapped[int | None]


class LiveWatch(Base):
    """Somebody looks at live states: of one group, of a domain (``pilot`` empty), or of all (both empty).

    Who looks counts ``renewals`` on every few seconds. A watch is over when they stand still: no clock is compared.
    """

    __tablename__ = "live_watches"

    domain: Mapped[str] = mapped_column(primary_key=True)
    pilot: Mapped[str] = mapped_column(primary_key=True)
    renewals: Mapped[int]


class LivePhones(Base):
    """What one run of a daemon sees of the phones of a watched group's members: JSON of ``switch_phones.published``.

    The row is there while the group is watched, and is written when it changes. It goes with the run.
    """

    __tablename__ = "live_phones"

    run_id: Mapped[str] = mapped_column(ForeignKey("daemons.run_id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phones: Mapped[dict[str, Any]]


class SwitchQuestion(Base):
    """A question to the switches: whoever asks has no connection to them, and a daemon has.

    ``run_id``: which run of a daemon has taken it. Who has asked removes it.
    """

    __tablename__ = "switch_questions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    asked_at: Mapped[datetime]
    run_id: Mapped[str | None]
    answer: Mapped[dict[str, Any] | None]
    answered_at: Mapped[datetime | None]


class Notice(Base):
    """Of what a group tells somebody, and how (``notices.notice``). ``events`` are words with spaces between.

    ``secret`` is what a webhook is signed with. ``queue_is_longer`` and ``queue_told_at``: whether the queue is longer
    than it may be, and when that was told last.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("group_id", "target"),
        CheckConstraint("after_minutes IS NULL OR digest_at IS NULL", name="one_time"),
        # An id is never reused: receivers know a repeat by it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    channel: Mapped[str]
    target: Mapped[str]
    events: Mapped[str]
    queue_longer_than: Mapped[int | None]
    after_minutes: Mapped[int | None]
    digest_at: Mapped[int | None]
    secret: Mapped[str | None]
    created_at: Mapped[datetime]
    last_sent_at: Mapped[datetime | None]
    queue_is_longer: Mapped[bool] = mapped_column(server_default=false())
    queue_told_at: Mapped[datetime | None]


class NoticeDelivery(Base):
    """One message that is to be sent; it is removed when it was. The receiver knows a repeat by ``id``.

    ``caller`` is the number whose further misses are told in the same message, while it waits. A try counts ``tries``
    up before it begins: who has counted sends, and nobody else until ``next_try_at``. ``dead``: it is not tried again.
    """

    __tablename__ = "notice_deliveries"
    __table_args__ = (
        Index(None, "dead", "next_try_at"),
        Index(None, "notice_id", "caller"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id", ondelete="CASCADE"))
    caller: Mapped[str | None] = mapped_column(SeenText)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default="0")
    dead: Mapped[bool] = mapped_column(server_default=false())
    last_error: Mapped[str | None] = mapped_column(SeenText)


class NoticeHappening(Base):
    """One event that a delivery tells: of a call (its hunt), of a member who was blocked, or of ``queued`` callers."""

    __tablename__ = "notice_happenings"

    id: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("notice_deliveries.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    at: Mapped[datetime]
    call_id: Mapped[str | None]
    member: Mapped[str | None]
    queued: Mapped[int | None]


OPEN_CALLBACK = "ended_at IS NULL"


class CallbackRequest(Base):
    """A caller who has left the call queue to be called back, with the ticket (design, section 20).

    ``number`` is an extension of the domain if ``internal``, else a number of the dialplan context ``dial_context``;
    ``context`` is the one in which the pilot was called. ``attempt`` is the uuid of the channel that serves the
    request, at ``switch``; ``run_id`` has chosen it before it asked for the channel. ``tries``: how often the caller's
    phone was called. ``ended_at`` None: the request is open.
    """

    __tablename__ = "callbacks"
    __table_args__ = (
        Index(
            "ix_callbacks_open",
            "group_id",
            "number",
            unique=True,
            sqlite_where=text(OPEN_CALLBACK),
            postgresql_where=text(OPEN_CALLBACK),
        ),
        Index(None, "ended_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    number: Mapped[str]
    name: Mapped[str] = mapped_column(SeenText)
    internal: Mapped[bool]
    context: Mapped[str]
    dial_context: Mapped[str]
    switch: Mapped[str]
    hunt_id: Mapped[str]
    ticket: Mapped[int]
    requested_at: Mapped[datetime]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(server_default="0")
    attempt: Mapped[str | None]
    run_id: Mapped[str | None]
    not_before: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class Compatibility(Base):
    """Which code can use the tables: fshunt whose newest migration is ``oldest_code`` or a later one. One row, id 1."""

    __tablename__ = "compatibility"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    oldest_code: Mapped[str]


class DatabaseIdentity(Base):
    """The random id of this database, which a migration has made. One row, id 1."""

    __tablename__ = "database_identity"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    database_id: Mapped[str]
