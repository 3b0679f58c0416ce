"""What a switch is asked before it is relied on: domain, user, voicemail box, a number of the dialplan.

Set-up, ``config check`` and each call ask the same questions in the same words. A question takes whatever can send
commands to one switch, and returns one of three answers. Errors of the connection pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fshunt.errors import BadValue, FshuntError
from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.freeswitch.dialplan_contexts import Context, Lookups
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.directory import read_dial_string
from fshunt.freeswitch.phones import CommandSender
from fshunt.freeswitch.pilot_table import has_row
from fshunt.hunting import validation
from fshunt.hunting.features import TOGGLE_MARK
from fshunt.settings import WatchedSwitch

if TYPE_CHECKING:
    from fshunt.esl.inbound import Inbound

CONNECT_SECONDS = 3.0
"""How long a switch may take to accept the connection; normally it takes milliseconds."""

ANSWER_SECONDS = 3.0
"""How long it may take to answer; the directory of a switch may be behind HTTP."""

NOT_CONFIGURED = "no [[switch]] is configured"


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer, and in a few words what it is based on; for NOT_FOUND, what is missing."""

    answer: Answer
    why: str = ""
    everywhere: bool = True
    """False: one switch has it, and another one has not."""
    controlled: bool = False
    """Of a number: whether a controller takes its calls, as those of a pilot. With UNKNOWN: it would take them if the
    switch's table of pilots had the number."""
    controllers: tuple[str, ...] = ()
    """Its addresses, if this process has asked the switch itself."""
    after_the_table: bool = False
    """Of a number that something takes: only as long as the switch's table of pilots, which is before it, lacks the
    number. FreeSWITCH's example configuration ends with an extension that takes every number."""

    before_ours: bool = False
    """Of a number that something takes: whether an extension that gives callers to a controller stands behind it."""

    @property
    def is_missing(self) -> bool:
        """Whether the switch knows that it is not there."""
        return self.answer is Answer.NOT_FOUND


def untold(answers: Mapping[str, Checked]) -> dict[str, list[str]]:
    """Return the numbers of which the switch, or its dialplan, does not tell where they lead, by the reason."""
    found: dict[str, list[str]] = {}
    for number, said in answers.items():
        if said.answer is Answer.UNKNOWN and not said.controlled:
            found.setdefault(said.why, []).append(number)
    return found


FOUND = Checked(Answer.FOUND)
NOT_CHECKED = Checked(Answer.UNKNOWN, NOT_CONFIGURED)


class QuestionKind(StrEnum):
    """What can be asked: a fixed list, and nothing of it changes anything at a switch."""

    DOMAIN = "domain"
    USER = "user"
    BOX = "box"
    NUMBER = "number"
    PILOT = "pilot"


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its arguments, which can be written down: another process may be the one that asks the switch."""

    kind: QuestionKind
    arguments: tuple[str, ...]

    def check(self) -> Question:
        """Return the question if its arguments may be sent to a switch; raise BadValue if not."""
        checks = _ARGUMENTS[self.kind]
        if len(checks) != len(self.arguments):
            raise BadValue(f"The question {self.kind.value} needs {len(checks)} arguments, not {len(self.arguments)}.")
        for check, argument in zip(checks, self.arguments, strict=True):
            check(argument)
        return self

    def put(self, switch: CommandSender) -> Checked:
        """Ask one switch. Raises what the connection raises."""
        return _ASKS[self.kind](switch, *self.check().arguments)


Ask = Callable[[Sequence[Question]], list[Checked]]
"""Asks all switches: over connections of its own (``on_all``), or through the daemons (``questions.Questions``)."""

Connect = Callable[[WatchedSwitch], AbstractContextManager[CommandSender]]
"""Connects to a switch for the length of a block."""


@contextmanager
def connected(switch: WatchedSwitch) -> Iterator[Inbound]:
    """A connection to a switch, closed at the end. Raises FshuntError."""
    from fshunt.esl.inbound import Inbound

    inbound = Inbound.connect(switch.host, switch.port, switch.password(), CONNECT_SECONDS)
    with closing(inbound):
        yield inbound


def check_domain(switch: CommandSender, domain: str) -> Checked:
    """Whether the directory has the domain."""
    (said,) = _ask(switch, api.domain_exists(validation.check_domain(domain)))
    return _yes_or_no(said, f"domain {domain} is not in the directory")


def check_user(switch: CommandSender, user: str, domain: str) -> Checked:
    """Whether the directory has the user, by the id or by a ``number-alias``."""
    (said,) = _ask(switch, api.user_id(validation.check_extension(user), validation.check_domain(domain)))
    return _user(said, user, domain)


def check_box(switch: CommandSender, box: str, domain: str, profile: str) -> Checked:
    """Whether ``voicemail`` would take a message for the box (fact 59)."""
    box, domain = validation.check_extension(box), validation.check_domain(domain)
    user, enabled, count = _ask(
        switch,
        api.user_id(box, domain),
        api.user_param(box, domain, "vm-enabled"),
        api.voicemail_count(validation.check_profile(profile), box, domain),
    )
    if "Command not found" in count:
        return Checked(Answer.NOT_FOUND, "mod_voicemail is not loaded")
    if "No such profile" in count:
        return Checked(Answer.NOT_FOUND, f"mod_voicemail has no profile {profile}")
    known = _user(user, box, domain)
    if known.answer is Answer.FOUND and enabled.lower() in ("false", "no", "off", "disabled", "inactive", "0"):
        return Checked(Answer.NOT_FOUND, f"voicemail of user {box}@{domain} is off (vm-enabled)")
    return known


def not_honoured(extension: str, switch: str, what: str | None) -> str:
    """Say what does not count of a user's dial-string."""
    return f"Dial-string of {extension} in the directory of switch {switch}: not honoured is {what}."


def dial_strings(switch: WatchedSwitch, users: Iterable[tuple[str, str]], connect: Connect = connected) -> list[str]:
    """Return a sentence for each user, (extension, domain), whose dial-string is not wholly honoured.

    Raises what the connection raises.
    """
    asked = list(users)
    questions = [
        api.user_param(validation.check_extension(user), validation.check_domain(domain), "dial-string")
        for user, domain in asked
    ]
    with connect(switch) as line:
        replies = line.send_all(questions, ANSWER_SECONDS) if questions else []
    found = [read_dial_string(frame.reply_text).not_honoured for frame in replies]
    return [
        not_honoured(f"{user}@{domain}", switch.name, what)
        for (user, domain), what in zip(asked, found, strict=True)
        if what is not None
    ]


def reload_xml(switch: WatchedSwitch, connect: Connect = connected) -> None:
    """Have a switch read its dialplan anew. Raises what the connection raises, and FshuntError if it does not do it."""
    with connect(switch) as line:
        (said,) = _ask(line, api.reload_xml())
    if said != "+OK [Success]":  # an error in a file, too, is told after "+OK": the files before it stay loaded
        raise FshuntError(f"FreeSWITCH at {switch.name} did not load its files: {said[:200]}")


class Look:
    """A connection for one or many questions at one moment: each context of the dialplan is asked for once.

    ``lookups`` keeps what was found in contexts beyond this look.
    """

    def __init__(self, line: CommandSender, lookups: Lookups | None = None) -> None:
        self._line, self._lookups = line, lookups or Lookups()
        self._contexts: dict[str, Context] = {}

    def send(self, command: Command, timeout: float) -> Frame:
        """Sends one command and waits for its reply."""
        return self._line.send(command, timeout)

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for their replies."""
        return self._line.send_all(said, timeout)

    def context(self, name: str) -> Context:
        """Return a context of the dialplan. Raises as ``send`` does."""
        if name not in self._contexts:
            (said,) = _ask(self._line, api.dialplan_context(validation.check_context(name)))
            self._contexts[name] = Context(said, self._lookups)
        return self._contexts[name]


def check_number(switch: CommandSender, number: str, context: str) -> Checked:
    """Whether the context does anything with the number but end the call (fact 60)."""
    number = _check_dialled(number)
    shown = (switch if isinstance(switch, Look) else Look(switch)).context(context)
    lookup, after_the_table = shown.find(number), False
    if lookup is None:
        return Checked(Answer.UNKNOWN, f"the switch does not show context {context}")
    addresses = lookup.controllers
    if lookup.by_table:
        in_table = has_row(switch, number)
        further = shown.find(number, in_table)
        if further is not None and (in_table or further.answer is Answer.FOUND):
            lookup, after_the_table = further, not in_table
    return Checked(
        lookup.answer,
        _in_context(lookup.why, context),
        controlled=lookup.controlled,
        controllers=addresses,
        after_the_table=after_the_table,
        before_ours=lookup.before_ours,
    )


def _check_dialled(number: str) -> str:
    """Return a number to which calls may be transferred, or which keys dial that block; raise BadValue for others."""
    validation.check_transfer_number(number.removeprefix(TOGGLE_MARK))
    return number


def check_pilot(switch: CommandSender, pilot: str, domain: str) -> Checked:
    """Whether the switch's table of pilots has the pilot of the domain."""
    if has_row(switch, validation.check_pilot(pilot), validation.check_domain(domain)):
        return FOUND
    return Checked(Answer.NOT_FOUND, f"pilot {pilot} of {domain} is not in its table of pilots")


_ASKS: dict[QuestionKind, Callable[..., Checked]] = {
    QuestionKind.DOMAIN: check_domain,
    QuestionKind.USER: check_user,
    QuestionKind.BOX: check_box,
    QuestionKind.NUMBER: check_number,
    QuestionKind.PILOT: check_pilot,
}
_ARGUMENTS: dict[QuestionKind, tuple[Callable[[str], str], ...]] = {
    QuestionKind.DOMAIN: (validation.check_domain,),
    QuestionKind.USER: (validation.check_extension, validation.check_domain),
    QuestionKind.BOX: (validation.check_extension, validation.check_domain, validation.check_profile),
    QuestionKind.NUMBER: (_check_dialled, validation.check_context),
    QuestionKind.PILOT: (validation.check_pilot, validation.check_domain),
}


def on_all(
    switches: Iterable[WatchedSwitch],
    questions: Sequence[Question],
    connect: Connect = connected,
    lookups: Lookups | None = None,
) -> list[Checked]:
    """Ask each switch all questions, and return what all of them together say to each; for ``lookups`` see ``Look``.

    It is FOUND where one has it, with the names of those that have not; NOT_FOUND where none has it and all answered.
    """
    asked = list(switches)
    if not asked:
        return [NOT_CHECKED for _ in questions]
    answers = [_on_one(switch, questions, connect, lookups) for switch in asked]
    names = [switch.name for switch in asked]
    return [_together(names, of_question) for of_question in zip(*answers, strict=True)]


def _on_one(
    switch: WatchedSwitch, questions: Sequence[Question], connect: Connect, lookups: Lookups | None
) -> list[Checked]:
    answers: list[Checked] = []
    try:
        with connect(switch) as line:
            look = Look(line, lookups)
            answers.extend(question.put(look) for question in questions)
    except FshuntError as error:
        why = Checked(Answer.UNKNOWN, f"switch {switch.name} did not answer: {str(error).rstrip('.')}")
        answers += [why] * (len(questions) - len(answers))
    return answers


def _together(names: Sequence[str], answers: Sequence[Checked]) -> Checked:
    found = [each for each in answers if each.answer is Answer.FOUND]
    lacking = [name for name, each in zip(names, answers, strict=True) if each.is_missing]
    if found:
        missing_at = f"but not on switch {', '.join(lacking)}"
        return Checked(Answer.FOUND, missing_at, everywhere=False) if lacking else found[0]
    unknown = [each for each in answers if each.answer is Answer.UNKNOWN]
    return unknown[0] if unknown else answers[0]


def _ask(switch: CommandSender, *commands: Command) -> list[str]:
    return [frame.reply_text.strip() for frame in switch.send_all(commands, ANSWER_SECONDS)]


def _yes_or_no(said: str, missing: str) -> Checked:
    if said == "true":
        return FOUND
    return Checked(Answer.NOT_FOUND, missing) if said == "false" else Checked(Answer.UNKNOWN, f"it says {said[:80]!r}")


def _user(said: str, user: str, domain: str) -> Checked:
    """An empty output reaches us as an error that says so."""
    if not said or said == "-ERR no reply":
        return Checked(Answer.NOT_FOUND, f"user {user}@{domain} is not in the directory")
    return Checked(Answer.UNKNOWN, f"it says {said[:80]!r}") if said.startswith("-ERR") else FOUND


def _in_context(why: str, context: str) -> str:
    return f"{why}, context {context}" if why else f"in context {context}"
