"""docs/security.md has a row for each requirement of the standard, and names tests that are there."""

from __future__ import annotations

import re

from tests.support.documents import DOCS

PAGE = (DOCS / "security.md").read_text(encoding="utf-8")
ROOT = DOCS.parent

LEVEL_2 = """
1.1: 1-7; 1.2: 1-4; 1.4: 1 4 5; 1.5: 1-4; 1.6: 1-4; 1.7: 1-2; 1.8: 1-2; 1.9: 1-2; 1.10: 1; 1.11: 1-2; 1.12: 2; 1.14: 1-6
2.1: 1-12; 2.2: 1-3; 2.3: 1-3; 2.4: 1-5; 2.5: 1-7; 2.6: 1-3; 2.7: 1-6; 2.8: 1-7; 2.9: 1-3; 2.10: 1-4
3.1: 1; 3.2: 1-4; 3.3: 1-4; 3.4: 1-5; 3.5: 1-3; 3.7: 1
4.1: 1 2 3 5; 4.2: 1-2; 4.3: 1-3
5.1: 1-5; 5.2: 1-8; 5.3: 1-10; 5.4: 1-3; 5.5: 1-4
6.1: 1-3; 6.2: 1-6; 6.3: 1-2; 6.4: 1-2
7.1: 1-4; 7.2: 1-2; 7.3: 1 3 4; 7.4: 1-3
8.1: 1-4; 8.2: 1-3; 8.3: 1-8
9.1: 1-3; 9.2: 1-4
10.2: 1-2; 10.3: 1-3
11.1: 1-8
12.1: 1-3; 12.2: 1; 12.3: 1-6; 12.4: 1-2; 12.5: 1-2; 12.6: 1
13.1: 1 3 4 5; 13.2: 1 2 3 5 6; 13.3: 1-2; 13.4: 1-2
14.1: 1-4; 14.2: 1-6; 14.3: 2-3; 14.4: 1-7; 14.5: 1-4
"""
"""The requirements of OWASP ASVS 4.0.3 that hold at level 2: sections, and the numbers in each."""

REASONS = ("Not applicable: ", "Not met: ", "By review: ")
ROWS = re.findall(r"^\| ([0-9][^|]*) \| ([^|]*) \| ([^|]*) \|$", PAGE, re.MULTILINE)


def test_each_requirement_of_level_2_has_one_row() -> None:
    wanted = []
    for section, numbers in re.findall(r"([0-9.]+): ([0-9 -]+)", LEVEL_2):
        for first, last in re.findall(r"([0-9]+)(?:-([0-9]+))?", numbers):
            wanted += [(*map(int, section.split(".")), n) for n in range(int(first), int(last or first) + 1)]
    assert len(wanted) > 200
    assert sorted(number for row in ROWS for number in numbers_of(row[0])) == sorted(wanted)


def numbers_of(requirement: str) -> list[tuple[int, ...]]:
    """The numbers that a row is of: `2.7.1`, or `2.7.1–2.7.6` for all from one to the other."""  # noqa: RUF002
    found = []
    for first, last in re.findall(r"([0-9]+\.[0-9]+\.[0-9]+)(?:–([0-9.]+[0-9]))?", requirement):  # noqa: RUF001
        *section, begin = map(int, first.split("."))
        end = int(last.rpartition(".")[2]) if last else begin
        found += [(*section, number) for number in range(begin, end + 1)]
    return found


def test_a_row_has_tests_or_the_reason_why_it_has_none() -> None:
    for requirement, how, tests in ROWS:
        assert "`tests/" in tests or how.startswith(REASONS), requirement


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/\w+(?:/\w+)?/test_\w+\.py)`|`(test_\w+)`", PAGE)
    assert len(named) > 200
    source = ""
    for file, test in named:
        if file:
            source = (ROOT / file).read_text(encoding="utf-8")
        else:
            assert f"def {test}(" in source, test
