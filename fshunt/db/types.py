"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and single surrogates, which no database stores."""
MAX_SEEN_CHARS = 256
"""Characters stored of a text from the caller or the switch: far more than any screen shows."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware on the way in, aware and in UTC on the way out.

    SQLite has no time zones and keeps the UTC wall time as text of fixed width, so that its order is the order in time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a time zone: it would be ambiguous."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without a time zone cannot be stored.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (given)
        """Return an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SeenText(TypeDecorator[str]):
    """Text from the caller or the switch, recorded whatever its bytes are.

    A record must not fail, so characters that cannot be stored become U+FFFD. A value that is **sent** is checked by
    ``hunting.validation`` instead, and refused (design, section 9).
    """

    impl = String()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (given)
        """Return the text without characters that a database cannot store."""
        if value is None:
            return None
        return UNSTORABLE.sub("\ufffd", value[:MAX_SEEN_CHARS])
