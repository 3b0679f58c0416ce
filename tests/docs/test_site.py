"""The site of the documents: every page is in it, no link in it is dead, and it loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.support.documents import DOCS

ROOT = DOCS.parent
BESIDES = {"index.md", "changelog.md", "freeswitch.md"}
"""Pages that are made of files outside docs/."""

LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "srcset", "video": "src"}


def settings() -> dict:
    """What mkdocs.yml says."""
    return dict(yaml.safe_load((ROOT / "mkdocs.yml").read_text()))


def pages_of(nav: list) -> list[str]:
    found = []
    for each in nav:
        [below] = each.values()
        found += pages_of(below) if isinstance(below, list) else [below]
    return found


def test_every_page_is_in_the_navigation_once():
    found = pages_of(settings()["nav"])
    assert sorted(found) == sorted({page.name for page in DOCS.glob("*.md")} | BESIDES)


def test_every_page_is_in_the_readme():
    linked = re.findall(r"\]\(docs/([a-z-]+\.md)\)", (ROOT / "README.md").read_text().split("## Documents")[1])
    assert set(linked) == {page.name for page in DOCS.glob("*.md")}


class Loaded(HTMLParser):
    """Collects what a page loads when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in LOADING and values.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(values.get(LOADING[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as `make docs` does."""
    if find_spec("material") is None:
        pytest.skip("no mkdocs-material in this environment: `make docs` installs it")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_loads_nothing_from_elsewhere(site):
    for file in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(file.read_text())
        assert loaded.found
        assert [each for each in loaded.found if re.match(r"(https?:)?//", each)] == [], file.name
    for file in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", file.read_text()) == [], file.name


def test_no_page_asks_for_a_script_that_draws_diagrams(site):
    """The theme would load one from elsewhere."""
    assert [file.name for file in site.rglob("*.html") if 'class="mermaid"' in file.read_text()] == []


def test_it_can_be_searched(site):
    index = (site / "search" / "search_index.json").read_text()
    for word in ("rotation pointer", "all unregistered", "keep_calls_days"):
        assert word in index.lower()


def test_files_can_be_downloaded(site):
    for name in ("openapi.json", "contrib/grafana/fshunt.json", "contrib/prometheus/fshunt.rules.yml"):
        assert (site / name).stat().st_size > 1000


@pytest.mark.parametrize("name", ["architecture.html", "hunt-states.html"])
def test_a_diagram_is_a_table(site, name):
    text = (site / name).read_text()
    assert "<th>next state</th>" in text or "<th>imports</th>" in text
