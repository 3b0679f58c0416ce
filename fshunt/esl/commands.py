"""The commands we send to FreeSWITCH. Every command is built here, and every API command in ``api``.

So no text can become a second command, and no argument a second argument.

FreeSWITCH reads a command line by line up to an empty line. A line feed inside an argument would therefore begin a new
header or a new command; so text with a control character is refused, never repaired (design, section 9).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fshunt.errors import FshuntError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER = re.compile(r"[A-Za-z_-]+")
_APPLICATION = re.compile(r"[A-Za-z0-9_]+")
_DIALS = "bridge"
_EXPANDS = re.compile(
    r"\$[$\\]*\{|\\(?!,)"
)  # a variable, or an escape that has FreeSWITCH take the text apart (fact 39)
SUCCEEDS = "att_xfer_kill_uuid"
"""The variable with the channel in whose place FreeSWITCH puts another one (mod_sofia, REFER with Replaces)."""
_SPECIAL = "mod_event_socket"  # FreeSWITCH looks for this word anywhere in a command, in any letters,
_ACTED_ON = ("unload", "reload")  # together with one of these, and acts on the two (mod_event_socket.c)
_READ_OTHERWISE = "/+-"  # a filter that begins so is an expression, or says which events not to send


class UnsafeText(FshuntError):
    """Text that would change the meaning of a command. It was not sent."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, ready to be sent. Made by the functions below, which have checked its lines."""

    lines: tuple[str, ...] = field(repr=False)
    event_uuid: str | None = None
    """of an execute: the Application-UUID that its completion will carry"""

    @property
    def wire(self) -> bytes:
        """The bytes to send."""
        return ("\n".join(self.lines) + "\n\n").encode()

    @property
    def name(self) -> str:
        """Its first word, or the application, for a log: arguments may be confidential."""
        word = self.lines[0].partition(" ")[0]
        return self.lines[2].partition(": ")[2] if self.event_uuid else word


def command(*lines: str) -> Command:
    """A command of one line, or of a first line and headers. Raises UnsafeText."""
    for line in lines:
        _check(line)
    if not lines:
        raise UnsafeText("A command without a line cannot be sent to FreeSWITCH.")
    return Command(lines)


def connect() -> Command:
    """Greet FreeSWITCH on an outbound socket."""
    return command("connect")


def linger(seconds: int) -> Command:
    """Have FreeSWITCH report the end of a call for so many seconds after it (fact 6)."""
    return command(f"linger {seconds}")


def exit_() -> Command:
    """End the connection."""
    return command("exit")


def subscribe(*events: str) -> Command:
    """Ask for events; ``CUSTOM`` is followed by subclasses."""
    return command(f"event plain {' '.join(one_word(event) for event in events)}")


def unsubscribe(*events: str) -> Command:
    """Ask for these events no more."""
    return command(f"nixevent {' '.join(one_word(event) for event in events)}")


def add_filter(uuid: str) -> Command:
    """Ask for the events of a channel, besides those of other filters."""
    return command(f"filter Unique-ID {_filtered(one_word(uuid))}")


def add_filter_of_successor(uuid: str) -> Command:
    """Ask for the events of a channel that is to be put in the place of another one, which still rings (fact 58)."""
    return command(f"filter variable_{SUCCEEDS} {_filtered(one_word(uuid))}")


def add_filter_of_job(job: str) -> Command:
    """Ask for the ends of the background jobs of this Job-UUID, besides the events of other filters."""
    return command(f"filter Job-UUID {_filtered(one_word(job))}")


def add_filter_of_header(name: str, value: str) -> Command:
    """Ask for the events that have a header with this value, besides those of other filters."""
    return command(f"filter {one_word(name)} {_filtered(one_word(value))}")


def send_event(name: str, headers: Mapping[str, str]) -> Command:
    """Have FreeSWITCH deliver an event to its own modules, and to all who listen. Raises UnsafeText."""
    for header in headers:
        if not _HEADER.fullmatch(header):
            raise UnsafeText(f"{header!r} is not the name of a header.")
    return command(f"sendevent {one_word(name)}", *(f"{header}: {value}" for header, value in headers.items()))


def delete_filter_of_job(job: str) -> Command:
    """Ask for the ends of these background jobs no more."""
    return command(f"filter delete Job-UUID {_filtered(one_word(job))}")


def delete_filter(uuid: str) -> Command:
    """Ask for the events of a channel no more."""
    return command(f"filter delete Unique-ID {_filtered(one_word(uuid))}")


def execute(application: str, argument: str, event_uuid: str, lock: bool = True) -> Command:
    """Runs an application on the caller's channel.

    Its CHANNEL_EXECUTE_COMPLETE carries ``event_uuid`` as Application-UUID. ``lock`` makes FreeSWITCH run applications
    one after another: without it a second ``bridge`` runs inside the first (fact 16). A ``$`` in the argument is
    refused, because FreeSWITCH would expand it, and can be made to run API commands by it. In a dial string, where the
    address of a phone may have one, it is refused only where it could expand (fact 39). Raises UnsafeText.
    """
    if not _APPLICATION.fullmatch(application):
        raise UnsafeText(f"{application!r} is not the name of a FreeSWITCH application.")
    expands = _EXPANDS.search(argument) if application == _DIALS else "$" in argument
    if expands or argument.startswith(" "):
        raise UnsafeText(f"{argument!r} would not reach the application {application} as it stands.")
    lines = ["sendmsg", "call-command: execute", f"execute-app-name: {application}"]
    lines += [f"execute-app-arg: {argument}"] if argument else []
    lines += ["event-lock: true"] if lock else []
    _check(event_uuid)
    return Command(command(*lines, f"Event-UUID: {event_uuid}").lines, event_uuid)


def inline_dialplan(actions: Sequence[tuple[str, str]], context: str) -> str:
    """The argument of ``transfer`` that has FreeSWITCH run these applications one after another. Raises UnsafeText.

    ``^`` stands between them, as a comma may be in an argument; the whole is one word in quotation marks (fact 61).
    """
    for application, argument in actions:
        if not _APPLICATION.fullmatch(application) or any(mark in argument for mark in "^'\"\\$"):
            raise UnsafeText(f"{application} {argument!r} cannot be an action of an inline dialplan.")
    listed = "^".join(f"{application}:{argument}" for application, argument in actions)
    return f"'m:^:{listed}' inline {one_word(context)}"


def reload_event_socket() -> Command:
    """The one command that may name the event socket's module: see ``api.reload_event_socket``."""
    return Command((f"api bgapi reload {_SPECIAL}",))


def auth(password: str) -> Command:
    """The login to an inbound event socket. Raises UnsafeText, which does not repeat the password."""
    try:
        return command(f"auth {password}")
    except UnsafeText:
        raise UnsafeText("The event socket's password has a character that cannot be sent to FreeSWITCH.") from None


def one_word(text: str) -> str:
    """Return a text that is one argument of a command. Raises UnsafeText."""
    if not text or " " in text:
        raise UnsafeText(f"{text!r} is not one argument of a FreeSWITCH command.")
    return text


def _filtered(uuid: str) -> str:
    """Return what has FreeSWITCH compare a header with this uuid, and with no other."""
    if uuid[0] not in _READ_OTHERWISE:
        return uuid
    code = "".join(c if c.isascii() and c.isalnum() else f"\\x{ord(c):02x}" for c in uuid)
    return f"/^{code}$/"


def _check(text: str) -> None:
    if not text:
        raise UnsafeText("An empty line would end a command to FreeSWITCH.")
    if _CONTROL.search(text):
        raise UnsafeText(f"{text!r} has a control character and cannot be sent to FreeSWITCH.")
    lower = text.lower()
    if _SPECIAL in lower and any(word in lower for word in _ACTED_ON):
        raise UnsafeText(f"{text!r} names {_SPECIAL}, which FreeSWITCH would act on.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnsafeText(f"{text!r} has no UTF-8 form and cannot be sent to FreeSWITCH.") from None
