"""Sentences of services in the reader's language.

A service says what is wrong in one English sentence, the same at the command line, in the interface for programs and on
a page. Here the page finds it again in the catalogue (`sentence_texts.py`), by its text or by a pattern of it, and
shows it in the reader's language. What stands in a hole is a value, or again text of the catalogue.
"""

from __future__ import annotations

import re
from functools import cache

from flask_babel import gettext

from fshunt.web.sentence_texts import LISTS, PARTS, SENTENCES

PART_HOLES = frozenset(
    {
        "hint",
        "near",
        "role",
        "deed",
        "kind",
        "form",
        "subject_word",
        "thing",
        "difference",
        "differences",
        "before",
        "now",
        "places",
        "found",
        "why",
        "then",
    }
)

_HOLE = re.compile(r"%\\\((\w+)\\\)s")


def in_language(sentence: str) -> str:
    """Return the sentence in the reader's language."""
    return _in_language(sentence, SENTENCES)


def entry_of(sentence: str, texts: tuple[str, ...] = SENTENCES) -> tuple[str, dict[str, str]] | None:
    """Return the text of the catalogue that a sentence is, and what stands in its holes; None: there is none."""
    for text, pattern in _patterns(texts):
        found = pattern.fullmatch(sentence)
        if found is not None:
            return text, found.groupdict()
    return None


def texts_for(hole: str) -> tuple[str, ...] | None:
    """Return what may stand in a hole; None: a value, which stays as it is."""
    if hole in LISTS:
        return (LISTS[hole], *PARTS)
    return (*PARTS, *SENTENCES) if hole in PART_HOLES else None


def _in_language(sentence: str, texts: tuple[str, ...]) -> str:
    entry = entry_of(sentence, texts)
    if entry is None:
        return sentence
    text, values = entry
    shown = {hole: part_in_language(hole, value) for hole, value in values.items()}
    return str(gettext(text, **shown) if shown else gettext(text))


def part_in_language(hole: str, value: str) -> str:
    """Return what stands in a hole of a sentence in the reader's language; a value stays as it is."""
    texts = texts_for(hole)
    return value if texts is None else _in_language(value, texts)


def set_meanwhile(value: str) -> str:
    """Return the sentence beside an input that somebody else has set to another value since the form was made."""
    return str(
        gettext(
            "Somebody has set this to “%(value)s” in the meantime. Yours is kept here: save again to have it.",
            value=value or gettext("none"),
        )
    )


@cache
def _patterns(texts: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The one with the most words of its own comes first: it says most of what a sentence means. Lists are split."""
    ranked = sorted(texts, key=lambda text: (text in LISTS.values(), len(re.sub(r"%\(\w+\)s", "", text))), reverse=True)
    return tuple((text, re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(text)))) for text in ranked)
