"""Draws the packages of the code and their imports as a Mermaid flowchart: `python docs/draw_packages.py`.

A package is a folder of `fshunt`. An arrow says that a module of one package imports a module of the other; an arrow
that others imply is left out. A test holds the drawing in architecture.md to it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
CODE = DOCS.parent / "fshunt"
NO_PACKAGES = {"__pycache__"}


def packages() -> dict[str, list[str]]:
    """The packages by name, each with the folders in it."""
    return {
        folder.name: sorted(inner.parent.name for inner in folder.glob("*/__init__.py"))
        for folder in sorted(CODE.iterdir())
        if folder.is_dir() and folder.name not in NO_PACKAGES
    }


def imports() -> dict[str, set[str]]:
    """The packages that each package imports, itself left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    names = packages()
    for package in names:
        for module in (CODE / package).rglob("*.py"):
            found[package] |= {other for other in _imported(module) if other in names and other != package}
    return dict(found)


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "fshunt":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fshunt."):
            yield str(node.module).split(".")[1]


def reduced(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no path over other packages implies."""

    def reachable(package: str) -> set[str]:
        return set().union(*({other} | reachable(other) for other in arrows.get(package, ())))

    return {
        package: {to for to in others if not any(to in reachable(other) for other in others if other != to)}
        for package, others in arrows.items()
    }


def draw() -> str:
    """The flowchart."""
    lines = ["flowchart TD"]
    for package, inner in packages().items():
        parts = f"<br>{' · '.join(inner)}" if inner else ""
        lines.append(f'    {package}["<b>{package}</b>{parts}"]')
    for package, others in sorted(reduced(imports()).items()):
        lines += [f"    {package} --> {other}" for other in sorted(others)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(draw())
