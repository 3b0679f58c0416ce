"""What the pages quote of fshunt's output is what fshunt says."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.support.documents import DOCS

CODE_FILES = sorted((DOCS.parent / "fshunt").rglob("*.py"))
QUOTE = re.compile(r'"([^"\n]*(?:\n[^"\n]*)?)"')
CODE = re.compile(r"^ *```.*?^ *```$|^    [^\n]*$|`fs_cli[^`]*`", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"…|\.\.\.|[0-9]+|ivr_demo|pbx\.example\.com")
"""What stands in a quotation for something that differs from case to case."""

LEAST_WORDS = 3
"""Shorter pieces are words of their own, such as "404" or "busy"."""

NOT_OURS = ("send to voicemail",)
"""Words of another system."""


@cache
def said() -> str:
    """All text in fshunt's code, each piece of a sentence on a line."""
    nodes = (node for file in CODE_FILES for node in ast.walk(ast.parse(file.read_text())))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return "\n".join(texts).lower()


@pytest.mark.parametrize("name", ["troubleshooting.md", "upgrade.md", "trunk.md", "high-availability.md", "backup.md"])
def test_what_a_page_quotes_is_said(name):
    text = re.sub(r"`([^`]*)`", r"\1", CODE.sub("", (DOCS / name).read_text()))
    unsaid = []
    for quote in QUOTE.findall(text):
        for piece in VARIABLE.split(" ".join(quote.split())):
            words = piece.strip(" .,;:").lower()
            if len(words.split()) >= LEAST_WORDS and words not in said() and words not in NOT_OURS:
                unsaid.append(words)
    assert unsaid == []


def test_a_sentence_that_fshunt_does_not_say_is_found():
    assert "the pilot has gone for lunch" not in said()
