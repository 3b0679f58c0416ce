"""The priority in front of each line, where the journal reads it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from fshunt.process.logs import JournalFormatter, JsonFormatter, is_journal


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("fshunt", level, "", 0, message, None, None)


@pytest.mark.parametrize(
    ("level", "priority"), [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)]
)
def test_each_line_has_its_priority(level: str, priority: int) -> None:
    found = JournalFormatter(logging.Formatter("%(message)s")).format(record(getattr(logging, level), "one\ntwo"))
    assert found == f"<{priority}>one\n<{priority}>two"


def test_a_json_line_has_one_too() -> None:
    found = JournalFormatter(JsonFormatter()).format(record(logging.WARNING, "one\ntwo"))
    assert found.startswith("<4>{")
    assert json.loads(found.removeprefix("<4>"))["message"] == "one\ntwo"


def test_the_journal_is_the_stream_that_systemd_names(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        named = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(stream.fileno(), named)
        assert not is_journal(stream.fileno(), {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not is_journal(stream.fileno(), {})
    with (tmp_path / "other").open("w") as other:
        assert not is_journal(other.fileno(), named)
