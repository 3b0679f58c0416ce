"""What is wired is wired by constructors: no module sets an attribute of an object whose class is not its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FSHUNT = Path(__file__).parents[2] / "fshunt"
ROOMS = ("daemon", "esl", "freeswitch", "process", "simulator")
ALLOWED = {
    ("process/logs.py", "handlers"),
    ("freeswitch/conf_files.py", "StartElementHandler"),
    ("freeswitch/conf_files.py", "StartDoctypeDeclHandler"),
}
"""The root logger and the parser of the standard library take these in no other way."""


def set_from_outside(source: str) -> Iterator[str]:
    """The attributes that a module sets on something else than self, and that no class of it declares."""
    tree = ast.parse(source)
    own = {
        name
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
        for inner in ast.walk(each)
        if (name := declared(inner)) is not None
    }
    for each in ast.walk(tree):
        sets = isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        if sets and not is_self(each.value) and each.attr not in own:
            yield each.attr


def declared(node: ast.AST) -> str | None:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
        return node.attr
    return None


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_nothing_is_set_on_an_object_from_outside_after_it_was_made() -> None:
    found = {
        (str(path.relative_to(FSHUNT)), name)
        for room in ROOMS
        for path in (FSHUNT / room).rglob("*.py")
        for name in set_from_outside(path.read_text())
    }
    assert not found - ALLOWED


def test_the_scan_finds_what_it_looks_for() -> None:
    assert list(set_from_outside("daemon.last_errors = errors\nself.a.on_change += 1")) == ["last_errors", "on_change"]
    assert list(set_from_outside("class A:\n  done: bool = False\ndef f(a):\n  a.done = True")) == []
