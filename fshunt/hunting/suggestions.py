"""Did you mean: the one place that answers a misspelt word with the nearest right ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MAX_COMPARED_CHARS = 64
MAX_NEAREST = 3
MAX_LISTED = 8
"""How many names a sentence lists at most."""


def nearest(word: str, names: Iterable[str], most: int = 1) -> list[str]:
    """Return the names that are most like the word, at most so many; none where none is near."""
    return difflib.get_close_matches(word[:MAX_COMPARED_CHARS], list(names), n=most)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return `` (did you mean `name`?)`` for the end of a sentence, or nothing where no name is near."""
    found = nearest(word, names)
    return f" (did you mean `{found[0]}`?)" if found else ""


def or_nearest(word: str, names: Sequence[str], otherwise: str) -> str:
    """Return ``did you mean A or B?`` as the second half of a sentence, or ``otherwise`` where no name is near."""
    found = nearest(word, names, MAX_NEAREST)
    return f"did you mean {' or '.join(sorted(found))}?" if found else otherwise


def what_there_is(word: str, names: Sequence[str], what: str) -> str:
    """Return the second half of a sentence about a name that does not exist: near names, else those there are."""
    if not names:
        return f"there is no {what} yet."
    verb = "is" if len(names) == 1 else "are"
    more = ", ..." if len(names) > MAX_LISTED else "."
    return or_nearest(word, names, f"there {verb} {', '.join(names[:MAX_LISTED])}{more}")
