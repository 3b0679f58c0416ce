"""The table of docs/faults.md and the tests name the same faults."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "faults.md"
OF_THE_INSTRUMENTS = {"claim_checker", "invariants", "processes", "proxy", "sqlite", "table"}
"""Tests of what the tests are made of: no fault of the world."""


def test_every_fault_of_the_table_is_a_test_and_every_test_is_in_the_table() -> None:
    files = [path for path in HERE.glob("test_*.py") if path.stem.removeprefix("test_") not in OF_THE_INSTRUMENTS]
    tests = [name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)]
    told = re.findall(r"`(test_\w+)`", PAGE.read_text())
    assert sorted(told) == sorted(tests)


def test_every_row_says_what_the_caller_experiences_and_what_is_recorded() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|") and "`test_" in line]
    assert len(rows) > 30
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row
