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
    N_("%(subject)s must not be empty."),
    N_("%(subject)s must be from %(low)s to %(high)s, not %(value)s."),
    N_("%(subject)s must be one of %(values)s, not %(value)s."),
    N_("%(value)s is not a whole number."),
    N_("%(value)s is not a number of seconds."),
    N_("%(value)s is not a time: use a time such as 13:00, `today`, or a date or time such as 2026-12-24 12:00."),
    N_("%(value)s is past: name a time that is ahead."),
    N_(
        "%(value)s is not an extension: up to %(most)s letters, digits, '_', '.', '-', or a '+' in front, without "
        "spaces."
    ),
    N_(
        "%(value)s is not a number to transfer to: up to %(most)s digits or letters, '*', '#', '_', '.', '-', or a '+' "
        "in front, without spaces."
    ),
    N_("%(value)s is not an external number: 2 to 20 digits, with a '+' in front if it is international."),
    N_("%(value)s is not a gateway: up to 64 letters, digits, '_', '.' or '-'."),
    N_("%(value)s is not a music source: local_stream://NAME, tone_stream://TONES, or a sound file."),
    N_("%(value)s is not a position: use a whole number from 1."),
    N_("%(value)s is not a name: it is empty or has spaces at an end."),
    N_("%(value)s is not a name: it is longer than %(most)s characters."),
    N_("%(value)s is not a name: %(mark)s is not allowed in it."),
    N_("%(value)s is not a caller-name prefix: it is longer than %(most)s characters."),
    N_("%(value)s is not a caller-name prefix: %(mark)s is not allowed in it."),
    N_("%(value)s is not a policy: did you mean %(name)s?"),
    N_("%(value)s is not a policy: use %(names)s."),
    N_("%(value)s is not a hang-up cause of FreeSWITCH: did you mean %(name)s?"),
    N_("%(value)s is not a hang-up cause of FreeSWITCH: use one such as USER_BUSY or NO_ANSWER."),
    N_("A ring time needs either rings or seconds, not both."),
    N_("%(pilot)s cannot transfer to %(other)s: its callers would go round in circles."),
    N_("%(member)s is already a member of %(pilot)s."),
    N_("%(member)s is already a member of %(pilot)s; remove it there first, or list the domain in `shared_members`."),
    N_("%(member)s is the pilot of a group: a member is an extension or an external number."),
    N_("%(member)s is not a member of %(pilot)s."),
    N_("Position %(position)s does not exist: use %(range)s."),
    N_("The order of the members has changed in the meantime: look at it again."),
    N_("Somebody has changed %(what)s since change %(number)s: %(values)s."),
    N_("Change %(number)s is undone already: undo change %(other)s to have it again."),
    N_("The %(what)s is not there any more: change %(number)s cannot be undone."),
    N_("The %(what)s is there again: change %(number)s cannot be undone."),
    N_("There is no such change."),
    N_("Voicemail box %(box)s of %(domain)s: not found (%(why)s)."),
    N_("Voicemail box %(box)s of %(domain)s: not found."),
    N_("No daemon says what a switch sees: states are those in the database only."),
    N_("Group %(pilot)s has no members: callers go straight to the 'unreachable' destination."),
    N_(
        "Group %(pilot)s has one member and no other box: it does no more than the own forwarding of extension "
        "%(member)s."
    ),
    N_("Group %(pilot)s has no voicemail box: unanswered callers are disconnected."),
    N_("Group %(pilot)s queues callers without a hunt timeout: they wait up to %(seconds)s s."),
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


def set_meanwhile(value: str) -> str:
    """Return the sentence beside an input that somebody else has set to another value since the form was made."""
    return str(
        gettext(
            "Somebody has set this to “%(value)s” in the meantime. Yours is kept here: save again to have it.",
            value=value or gettext("none"),
        )
    )


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((text, re.compile(_HOLE.sub(r"(?P<\1>.+)", re.escape(text)))) for text in SENTENCES)
