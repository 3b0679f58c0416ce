"""Links within the repository lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.documented_commands import PAGES, ROOT, name_of

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`|^    [^\n]*$", re.MULTILINE | re.DOTALL)
ALL = (*PAGES, ROOT / "CHANGELOG.md")


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and the site make them."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        found.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page):
    dead = []
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in headings(there)):
            dead.append(f"{target}#{anchor}")
    assert dead == []
