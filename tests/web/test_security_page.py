"""docs/security.md names tests that are there."""

from __future__ import annotations

import re

from tests.support.documents import DOCS

PAGE = (DOCS / "security.md").read_text(encoding="utf-8")
ROOT = DOCS.parent


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/\w+(?:/\w+)?/test_\w+\.py)`|`(test_\w+)`", PAGE)
    assert len(named) > 40
    source = ""
    for file, test in named:
        if file:
            source = (ROOT / file).read_text(encoding="utf-8")
        else:
            assert f"def {test}(" in source, test
