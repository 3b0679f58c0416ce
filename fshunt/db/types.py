"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and halves of surrogate pairs, which no database takes."""
MAX_SEEN_CHARS = 255
"""Characters kept of a text that the caller or the switch chose: far more than any screen shows."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware on the way in, aware and in UTC on the way out.

    SQLite has no time zones and keeps the UTC wall time as text of fixed width, so that its order is the order in time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a time zone: nobody could say when it was."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without a time zone cannot be stored.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (given)
        """Give back an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SeenText(TypeDecorator[str]):
    """Text of which the caller or the switch chose the bytes: recorded whatever it is.

    A record must not fail, so what cannot be stored becomes U+FFFD. What is **sent** is checked by ``hunting.kinds``
    instead, and refused (design, section 9).
    """

    impl = String()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (given)
        """Make the text one that a database can hold."""
        if value is None:
            return None
        return UNSTORABLE.sub("\ufffd", value[:MAX_SEEN_CHARS])
