"""The phones of extensions, as their switch names them now, and which of them can be dialled (facts 17 and 40).

Asked for each call: an event of the monitor is late, the switch's own answer is not (fact 31). Pure, but for ``ask``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.hunting import validation

MAX_SHOWN_CHARS = 80
"""Of a contact in a log line or a record: more says nothing more."""


@dataclass(frozen=True, slots=True)
class MemberPhones:
    """The phones of a member: the endpoints that can be dialled; why the others cannot be, a contact each, in words."""

    endpoints: tuple[str, ...] = ()
    undialable: tuple[str, ...] = ()

    @property
    def registered(self) -> bool:
        """Whether there is a phone at all."""
        return bool(self.endpoints or self.undialable)

    @property
    def why_not(self) -> str | None:
        """Why no phone of the member can be dialled; None where one can be, or there is none."""
        return self.undialable[0] if self.undialable and not self.endpoints else None


class CommandSender(Protocol):
    """What ``ask`` needs of a session, or of an inbound connection."""

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for their replies."""


def ask(sender: CommandSender, domain: str, extensions: Sequence[str], timeout: float) -> dict[str, MemberPhones]:
    """Ask a switch for all phones of all these extensions, in one write. Raises what the connection raises."""
    marks = {extension: uuid4().hex for extension in extensions}
    questions = [query(extension, domain, mark) for extension, mark in marks.items()]
    answers = sender.send_all(questions, timeout) if questions else []
    return {
        extension: phones_of(answer.reply_text, mark)
        for (extension, mark), answer in zip(marks.items(), answers, strict=True)
    }


def query(extension: str, domain: str, mark: str) -> Command:
    """Return the command that asks for all phones of an extension, each with ``mark`` before it (fact 17).

    ``mark`` must be new for each question, and nothing that can be guessed.
    """
    user = validation.check_extension(extension)
    return api.sofia_contact(user, validation.check_domain(domain), validation.check_uuid(mark))


def phones_of(answer: str, mark: str) -> MemberPhones:
    """Return the phones in an answer to ``query``.

    What a phone registered is not trusted. The switch joins contacts by commas, and a contact may hold one; but only
    the switch knows ``mark``, which it put before each.
    """
    parts = answer.split(mark)[1:]
    found = [part.removesuffix(",") for part in parts[:-1]] + parts[-1:]  # the switch takes the last comma off
    endpoints, undialable = [], []
    for contact in found:
        reason = _why_not(contact)
        if reason is None:
            endpoints.append(contact)
        else:
            undialable.append(reason)
    return MemberPhones(tuple(endpoints), tuple(undialable))


def _why_not(contact: str) -> str | None:
    if validation.fits(validation.check_contact, contact):
        return None
    shown = contact if len(contact) <= MAX_SHOWN_CHARS else contact[:MAX_SHOWN_CHARS] + "..."
    return f"no SIP address that can be dialled: {shown!a}"
