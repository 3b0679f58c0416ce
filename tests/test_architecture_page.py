"""docs/architecture.md shows the packages as they are."""

from __future__ import annotations

import re

from tests.support.documents import DOCS, script

PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def test_the_drawing_is_the_one_that_the_code_makes() -> None:
    assert f"```mermaid\n{script('draw_packages').draw()}\n```" in PAGE, (
        "run `python docs/draw_packages.py`, and put it into the page"
    )


def test_every_path_on_the_page_is_there() -> None:
    named = {path.rstrip("/") for path in re.findall(r"`((?:fshunt|docs|tests|migrations)/[\w./-]+)`", PAGE)}
    assert len(named) > 20
    there = [path for path in sorted(named) if "NAME" not in path and "NOUN" not in path]
    assert [path for path in there if not (DOCS.parent / path).exists()] == []
