"""Hooks of mkdocs: what the site has besides the pages of this folder.

README, the changes and FreeSWITCH's side become pages, and the files of contrib/ can be downloaded. Links that lead out
of this folder lead to them, or become plain text. A Mermaid diagram becomes a table: to draw it a page would load a
script from elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "freeswitch-conf/README.md": "freeswitch.md"}
"""Pages from outside this folder, by their path in the repository, and their names on the site."""

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
IMAGE = re.compile(r'(<img [^>]*src|srcset)="([^"]+)"')
CODE = re.compile(r"^(?: *```.*?^ *```$|    [^\n]*$)", re.MULTILINE | re.DOTALL)
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATE = re.compile(r"^ *(\S+) --> (\S+?)(?:: (.*))?$", re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages and files from outside this folder."""
    for source, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in sorted((ROOT / "contrib").rglob("*.*")):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to where their targets are on the site, and turn diagrams into tables."""
    sources = {name: source for source, name in PAGES.items()}
    source = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    markdown = MERMAID.sub(lambda found: diagram_table(found[1]), markdown)
    parts, last = [], 0
    for code in CODE.finditer(markdown):  # what looks like a link in code is none
        parts += [with_links(markdown[last : code.start()], source), code[0]]
        last = code.end()
    return "".join([*parts, with_links(markdown[last:], source)])


def with_links(text: str, source: str) -> str:
    """The text of a page of the repository, with links as they are on the site."""

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if not target or "://" in target:
            return f"[{LINK.sub(link, words)}]({target}{anchor})"
        there = place_of(source, target)
        return words if there is None else f"[{words}]({there}{anchor})"

    text = IMAGE.sub(lambda found: f'{found[1]}="{place_of(source, found[2]) or found[2]}"', text)
    return LINK.sub(link, text)


def place_of(source: str, target: str) -> str | None:
    """Where a file that a page of the repository links to is on the site; None where it is not there."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.startswith("contrib/") and (ROOT / path).is_file() else None


def diagram_table(diagram: str) -> str:
    """A Mermaid diagram as a table of its arrows."""
    labels = dict(re.findall(r'^ *(\w+)\["(.*)"\]$', diagram, re.MULTILINE))
    arrows = [(before, event, now) for before, now, event in STATE.findall(diagram) if "[*]" not in (before, now)]
    if labels:
        rows = {name: [now for before, _, now in arrows if before == name] for name in labels}
        lines = [f"| {labels[name]} | {', '.join(below)} |" for name, below in rows.items()]
        return "\n".join(["| package | imports |", "|---|---|", *lines])
    lines = [f"| *{before}* | {event} | *{now}* |" for before, event, now in arrows]
    return "\n".join(["| state | event | next state |", "|---|---|---|", *lines])
