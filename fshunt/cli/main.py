"""The command `fshunt`: its nouns, and where each stands."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO, cast

import click
from click.shell_completion import add_completion_class

from fshunt import __version__
from fshunt.cli.base import Noun, Root
from fshunt.cli.completion import ZshWithCompinit

NOUNS = {
    "setup": Noun("fshunt.cli.setup", "Set fshunt up beside FreeSWITCH, asking before each change."),
    "db": Noun("fshunt.cli.db", "Create, upgrade and check the database."),
    "domain": Noun("fshunt.cli.domain", "Domains: what is in each, and another name for one."),
    "group": Noun("fshunt.cli.group", "Hunt groups and their settings."),
    "member": Noun("fshunt.cli.member", "The members of a group, their order and ring time."),
    "holiday": Noun("fshunt.cli.holiday", "The holidays of a group."),
    "call": Noun("fshunt.cli.call", "Calls to hunt groups: which phones rang or not, and why."),
    "callback": Noun("fshunt.cli.callback", "Callers who asked to be called back."),
    "top": Noun("fshunt.cli.top", "Show all groups live: callers, members and the last calls."),
    "events": Noun("fshunt.cli.events", "Show what happens: calls, ringing phones, blocks and changes."),
    "history": Noun("fshunt.cli.history", "Show who changed what, the newest change first."),
    "undo": Noun("fshunt.cli.history", "Take a change of a group, member, block, limits or hours back."),
    "user": Noun("fshunt.cli.user", "Who may sign in to the web pages, and look after which groups."),
    "token": Noun("fshunt.cli.token", "What programs use in place of a password."),
    "notice": Noun("fshunt.cli.notice", "Notices that wait to be sent, and those that failed."),
    "board": Noun("fshunt.cli.board", "Addresses at which a wall screen shows a group."),
    "dialplan": Noun("fshunt.cli.dialplan", "Write FreeSWITCH's dialplan for the pilots of the database."),
    "serve": Noun("fshunt.cli.serve", "Run the daemon that FreeSWITCH connects to."),
    "web": Noun("fshunt.cli.web", "Run the web pages on which people look after their groups."),
    "status": Noun("fshunt.cli.status", "Show problems, daemons, watched switches and queued callers."),
    "config": Noun("fshunt.cli.config", "Show the settings and check them."),
    "files": Noun("fshunt.cli.files", "Write the files that a host needs besides the program."),
    "demo": Noun("fshunt.cli.demo", "Show a hunt group at work, without FreeSWITCH."),
}


@click.group(
    cls=Root,
    nouns=NOUNS,
    example="fshunt group add 5000 --name Sales --policy circular",
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.version_option(__version__, prog_name="fshunt", message="%(prog)s %(version)s")
def cli() -> None:
    """Hunt groups for FreeSWITCH.

    A caller dials a pilot number; the members of its group ring in the order of the group's policy; if nobody
    answers, the caller goes to voicemail.

    Changes apply from the next call; the daemon needs no restart.
    """


add_completion_class(ZshWithCompinit)


class _Closed(io.TextIOBase):
    """Stands in for a standard output that is closed (`>&-`), where Python has none: nothing can be written to it."""

    def write(self, _text: str, /) -> int:
        """Raise the error that a closed file gives."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def main() -> None:
    """Run the command line."""
    if cast("TextIO | None", sys.stdout) is None:
        sys.stdout = _Closed()
    if cast("TextIO | None", sys.stderr) is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 it is open until the program ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is shown with a mark; it is no reason to stop.
            stream.reconfigure(errors="replace")
    cli.main(prog_name="fshunt")
