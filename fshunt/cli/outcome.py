"""How a command ends: its exit code, and whatever goes wrong in one sentence."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import click

from fshunt.cli import output
from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.suggestions import did_you_mean

Fail = Callable[[str, str, int], int]
"""Tells a sentence and the code of an error, and returns the exit code: the one given, unless its form has its own."""

NAGIOS = "--nagios"
"""The option of `fshunt status` with which an error, too, is a line for a monitoring system."""

EXIT_UNKNOWN = 3
"""What monitoring systems take for: the state is not known."""

EXIT_INTERRUPTED = 130
"""What a shell gives for a program that Ctrl-C ended."""

EXIT_READER_GONE = 141
"""What a shell gives for a program whose reader, such as `head`, has ended: 128 and the number of SIGPIPE."""

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors of standard output; an error of a file that has a name is of that file."""

INTERNAL = "internal"
"""The code of an error that nobody has foreseen."""


def failing(args: Sequence[str]) -> Fail:
    """Return how errors of a command are told; the words alone count, since they may be what is wrong."""
    if {"status", NAGIOS} <= set(args):
        return _fail_as_plugin
    return _fail_in_json if _wants_json(args) else _fail


def _wants_json(args: Sequence[str]) -> bool:
    """Tell whether an error, too, is to be JSON."""
    return "--json" in args or "--format=json" in args or ("--format", "json") in pairwise(args)


class _ReaderGone(Exception):
    """The output goes nowhere any more."""


@contextmanager
def own_broken_pipe() -> Iterator[None]:
    """Tell an end of the reader apart from click's own errors, whose exit code would be another."""
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderGone from error


def outcome_of(run: Callable[[], Any], fail: Fail | None = None) -> int:
    """Run a command and return its exit code; whatever goes wrong becomes one sentence on stderr, never a traceback.

    The exit codes: 0 done, 1 failed, 2 usage error, 130 interrupted, 141 the reader of the output has gone.
    ``fail`` tells it in another form, as ``failing`` returns it.
    """
    fail = fail or _fail
    try:
        code = run()
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.UsageError as error:
        return fail(_usage_sentence(error), UsageError.code, error.exit_code)
    except click.ClickException as error:
        return fail(error.format_message(), FshuntError.code, error.exit_code)
    except FshuntError as error:
        return fail(str(error), error.code, error.exit_code)
    except (_ReaderGone, BrokenPipeError):
        _drop_the_output()
        return EXIT_READER_GONE
    except OSError as error:
        if error.errno not in CANNOT_WRITE or error.filename is not None:
            return fail(_unexpected(error), INTERNAL, 1)
        _drop_the_output()
        return fail(f"Standard output cannot be written: {error.strerror}.", FshuntError.code, 1)
    except Exception as error:  # noqa: BLE001 the outermost frame: the user gets a sentence, FSHUNT_DEBUG=1 the traceback
        return fail(_unexpected(error), INTERNAL, 1)
    return code if isinstance(code, int) else 0


def _usage_sentence(error: click.UsageError) -> str:
    message = error.format_message()
    if error.ctx is None:
        return message
    if isinstance(error, click.NoSuchOption):
        message = f"`{error.ctx.command_path}` has no option `{error.option_name}`{_nearest_option(error)}"
    return f"{message.rstrip('.')}; see `{error.ctx.command_path} --help`."


def _nearest_option(error: click.NoSuchOption) -> str:
    params = error.ctx.command.params if error.ctx else ()
    names = [name for param in params if isinstance(param, click.Option) for name in param.opts]
    return did_you_mean(error.option_name, [*names, "--help"])


def _fail(message: str, _code: str, exit_code: int) -> int:
    with suppress(OSError):  # nobody reads standard error
        output.error(message)
    return exit_code


def _fail_in_json(message: str, code: str, exit_code: int) -> int:
    with suppress(OSError):
        output.json_error(code, message)
    return exit_code


def _fail_as_plugin(message: str, _code: str, _exit_code: int) -> int:
    with suppress(OSError):
        output.say(plugin_line("UNKNOWN", message))
    return EXIT_UNKNOWN


def plugin_line(state: str, message: str) -> str:
    """Return a line for a monitoring system; a bar in it would begin the performance data."""
    return f"FSHUNT {state} - {' '.join(message.split()).replace('|', '/')}"


def _drop_the_output() -> None:
    """Leave nothing to be written at the program's end: Python would print an error then."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 it is open until the program ends


def _unexpected(error: Exception) -> str:
    if os.environ.get("FSHUNT_DEBUG"):
        traceback.print_exception(error)
    words = " ".join(str(error).split())
    return f"Internal error: {type(error).__name__}: {words}. Please report it; FSHUNT_DEBUG=1 shows the traceback."
