"""The users of a domain of a switch's directory, as ``list_users`` writes them (fact 72). Pure, but for ``ask``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from fshunt.errors import FshuntError
from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.freeswitch.slices import Breathe, hold_breath, in_slices
from fshunt.hunting import validation

_HEAD = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number"
_FIELDS = 8
MAX_NAME_CHARS = 80
"""Of a name: more says nothing more on a page."""


class NotListed(FshuntError):
    """The switch does not list the users of its directory."""


class DirectoryUser(NamedTuple):
    """A user of a domain: the number that is dialled, and the name that others see; empty where there is none."""

    number: str
    name: str = ""


class CommandSender(Protocol):
    """A connection to one switch."""

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for their replies."""


def ask(switch: CommandSender, domain: str, timeout: float, breathe: Breathe = hold_breath) -> list[DirectoryUser]:
    """Ask a switch for the users of a domain. Raises NotListed, and what the connection raises."""
    (said,) = switch.send_all([api.list_users(validation.check_domain(domain))], timeout)
    return read_users(said.reply_text, domain, breathe)


def read_users(text: str, domain: str, breathe: Breathe = hold_breath) -> list[DirectoryUser]:
    """Return the users of a domain in a list, in order of their numbers. Raises NotListed for what is no list.

    Nothing in the list is escaped. A row whose number or domain is not what was asked for is left out, and so is a name
    that cannot be told from the other fields; ``breathe`` is called after every few rows.
    """
    head, _, rows = text.partition("\n")
    if head.strip() != _HEAD:
        raise NotListed(f"The switch does not list the users of its directory: it says {text[:80]!a}.")
    found: dict[str, DirectoryUser] = {}
    for user in in_slices(_users(rows, domain), breathe):
        known = found.get(user.number)
        if known is None or not known.name:  # a user of several groups is listed in each
            found[user.number] = user
    return sorted(found.values())


def _users(rows: str, domain: str) -> Iterator[DirectoryUser]:
    for row in rows.split("\n"):
        fields = row.split("|")
        if len(fields) < _FIELDS or fields[2].lower() != domain.lower():
            continue
        if validation.fits(validation.check_extension, fields[0]):
            # A contact is what a phone has registered, and a name what somebody has typed: either may have a "|".
            yield DirectoryUser(fields[0], _name(fields[6]) if len(fields) == _FIELDS else "")


def _name(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:MAX_NAME_CHARS].strip()
