"""What a log line says to programs: the name of its event, and whom it is about (docs/log.md)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

FIELDS = ("event", "call", "pilot", "domain", "member", "outcome")
"""The fields that a JSON line has beside its message, where they are known."""


class LogEvent(StrEnum):
    """What a line tells of. The names are stable: programs look for them."""

    CALL_ARRIVED = "call-arrived"
    GROUP_CLOSED = "group-closed"
    PHONE_AWAITED = "phone-awaited"
    SKIPPED = "skipped"
    RINGING = "ringing"
    PHONE_JOINED = "phone-joined"
    ANSWERED = "answered"
    NOT_ANSWERED = "not-answered"
    NOT_RUNG = "not-rung"
    BLOCKED = "blocked"
    CALLER_ANSWERED = "caller-answered"
    QUEUED = "queued"
    LEFT_QUEUE = "left-queue"
    REPLACED = "replaced"
    VOICEMAIL = "voicemail"
    DETACHED = "detached"
    TAKEN_OVER = "taken-over"
    CAME_BACK = "came-back"
    ENDED = "ended"
    CALL_REFUSED = "call-refused"
    CALL_WITHOUT_DATABASE = "call-without-database"
    CALL_WARNING = "call-warning"
    FEATURE_CODE = "feature-code"
    VARIABLES_CLEARED = "variables-cleared"
    STATE = "state"
    INTERNAL_ERROR = "internal-error"
    DAEMON_STARTED = "daemon-started"
    DAEMON_STOPPING = "daemon-stopping"
    DAEMON_STOPPED = "daemon-stopped"
    SETTINGS_RELOADED = "settings-reloaded"
    DATABASE_DOWN = "database-down"
    DATABASE_UP = "database-up"
    WRITES_PENDING = "writes-pending"
    WRITES_LOST = "writes-lost"
    SWITCH_WATCHED = "switch-watched"
    SWITCH_LOST = "switch-lost"
    DIRECTORY_DOWN = "directory-down"
    DIRECTORY_UP = "directory-up"
    CALLBACK = "callback"
    NOTICE_SENT = "notice-sent"
    NOTICE_NOT_SENT = "notice-not-sent"


def about(event: LogEvent, **known: str | None) -> Mapping[str, str | None]:
    """Return the ``extra`` of a log call; ``known`` are values of ``FIELDS``, None where one is not known."""
    return {"event": event, **known}
