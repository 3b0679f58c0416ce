"""docs/architecture.md shows the rooms as they are."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_drawing_is_the_one_that_the_code_makes() -> None:
    spec = importlib.util.spec_from_file_location("draw_rooms", ROOT / "docs" / "draw_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    rooms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rooms)
    assert f"```mermaid\n{rooms.draw()}\n```" in PAGE, "run `python docs/draw_rooms.py`, and put it into the page"


def test_every_path_on_the_page_is_there() -> None:
    named = {path.rstrip("/") for path in re.findall(r"`((?:fshunt|docs|tests|migrations)/[\w./-]+)`", PAGE)}
    assert len(named) > 20
    there = [path for path in sorted(named) if "NAME" not in path and "NOUN" not in path]
    assert [path for path in there if not (ROOT / path).exists()] == []
