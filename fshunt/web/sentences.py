"""Sentences of services in the reader's language.

A service says what is wrong in one English sentence, the same at the command line, in the interface for programs and on
a page. Here the page finds it again, by its text or by a pattern of it, and shows it in the reader's language; a
sentence that is not listed stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from flask_babel import gettext


def N_(text: str) -> str:  # noqa: N802 the usual name of what only marks a text for the catalogue
    """Mark a text for the catalogue."""
    return text


SENTENCES = (
    N_("Sign in first."),
    N_("The sign-in took too long: begin again."),
    N_("The name or the password is wrong."),
    N_("The code is wrong, or was used before: wait for the next one."),
    N_("The time for the code is over: sign in again."),
    N_("The code is not right: is the phone's clock right?"),
    N_("Too many attempts: try again in %(seconds)s second."),
    N_("Too many attempts: try again in %(seconds)s seconds."),
    N_("The link does not hold any more: ask for a new one."),
    N_("The password has %(chars)s characters: use %(least)s or more, such as a few words."),
    N_("The password has %(chars)s characters: use at most %(most)s."),
    N_("The password has the name of the user in it: choose another."),
    N_("The password is one of the first that an attacker tries: choose another, such as a few words."),
    N_("There is no group %(pilot)s in %(domain)s."),
    N_("This form was sent from another site: nothing was changed."),
    N_("Your browser has sent no cookie with this form: allow cookies for this site, and try again."),
    N_("This form is not of your session any more: open the page again. Nothing was changed."),
)
"""What a `%(name)s` stands for is any text without a line's end."""

_HOLE = re.compile(r"%\\\((\w+)\\\)s")


def in_language(sentence: str) -> str:
    """Return the sentence in the reader's language."""
    for text, pattern in _patterns():
        found = pattern.fullmatch(sentence)
        if found is not None:
            return str(gettext(text, **found.groupdict()) if found.groupdict() else gettext(text))
    return sentence


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((text, re.compile(_HOLE.sub(r"(?P<\1>.+)", re.escape(text)))) for text in SENTENCES)
