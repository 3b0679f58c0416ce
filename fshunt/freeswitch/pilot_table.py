"""The table of pilots that a switch keeps (``mod_db``): its dialplan gives only these numbers to fshunt (fact 73).

It lasts over restarts of FreeSWITCH, so that a caller gets to the group's box even if no daemon runs then. A row is
``PILOT@DOMAIN`` with ``DOMAIN|BOX``; where all groups are of one domain, each has a row ``PILOT`` besides, for callers
whose call names no domain. The switch cannot list more than 4096 characters of a table, so the keys stand in an index
of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count, islice
from typing import NamedTuple

from fshunt.errors import BadValue, FshuntError
from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.freeswitch.phones import CommandSender
from fshunt.hunting.validation import check_domain, check_extension, check_pilot

REALM, INDEX_REALM = "fshunt", "fshunt_index"
OWNER_KEY = "database"
"""The row of the index with the id of the database whose groups these are."""

NO_BOX = "-"
"""Stands for a box where a group has none."""

MAX_VALUE_CHARS = 255
"""The switch gives no more of a value; the index has keys in its values."""

ANSWER_SECONDS = 5.0
AT_ONCE = 200
"""Commands in one write: the switch answers all before it reads more."""

NOTHING = ("", "-ERR no reply")
Rows = Mapping[str, str]


class NoTable(FshuntError):
    """The switch keeps no values: ``mod_db`` is not loaded."""


class OthersTable(FshuntError):
    """The table is of another database's groups."""


class Pilot(NamedTuple):
    """A pilot, its domain, and the box for its callers while no daemon runs; None: it has none."""

    domain: str
    pilot: str
    box: str | None


def rows_of(pilots: Iterable[Pilot]) -> dict[str, str]:
    """Return the rows for these pilots.

    Left out is what a row cannot hold: a value that somebody has stored by hand and that is not of its kind, and a
    domain of more than some 220 characters.
    """
    rows: dict[str, str] = {}
    for each in (all_pilots := list(pilots)):
        with suppress(BadValue):
            domain, pilot = check_domain(each.domain).lower(), check_pilot(each.pilot)
            key, value = key_of(pilot, domain), f"{domain}|{NO_BOX if each.box is None else check_extension(each.box)}"
            if max(len(key), len(value)) <= MAX_VALUE_CHARS:
                rows[key] = value
    if len({each.domain.lower() for each in all_pilots}) == 1:
        rows |= {key.partition("@")[0]: value for key, value in rows.items()}
    return rows


def key_of(pilot: str, domain: str) -> str:
    """Return the key of a pilot's row."""
    return f"{pilot}@{domain.lower()}"


def has_row(line: CommandSender, pilot: str, domain: str | None = None) -> bool:
    """Ask a switch whether it gives a number to fshunt, for calls to a domain, or for those that name none.

    Raises NoTable, and what the connection raises.
    """
    number = check_pilot(pilot)
    (said,) = _select(line, REALM, [number if domain is None else key_of(number, check_domain(domain))])
    return said is not None


def owner_of_table(line: CommandSender) -> str | None:
    """Return the id of the database whose table a switch has; None: it has none yet. Raises as ``read_table`` does."""
    (owner,) = _select(line, INDEX_REALM, [OWNER_KEY])
    return owner


def take_table(line: CommandSender, owner: str) -> None:
    """Have the table of a switch belong to this database, whosever it was. Raises NoTable, as ``read_table`` does."""
    _send(line, [api.db_insert(INDEX_REALM, OWNER_KEY, owner)])


def read_table(line: CommandSender, owner: str) -> dict[str, str]:
    """Return the rows that a switch has. Raises NoTable, OthersTable, and what the connection raises."""
    if owner_of_table(line) not in (None, owner):
        raise OthersTable("its table of pilots belongs to another database.")
    keys = _read_index(line)
    return {key: value for key, value in zip(keys, _select(line, REALM, keys), strict=True) if value is not None}


def write_table(
    line: CommandSender, owner: str, known: Rows, wanted: Rows, wanted_now: Callable[[], Collection[str]]
) -> bool:
    """Bring the rows of a switch from ``known`` to ``wanted``, and tell whether anything had to be done.

    The index is written first and last, so that a row is never left that no index has. ``wanted_now`` gives the keys
    that are wanted when the others are about to be deleted: another daemon may have added one meanwhile. Raises what
    the connection raises; what was not written is written the next time.
    """
    changed = {key: value for key, value in wanted.items() if known.get(key) != value}
    gone = known.keys() - wanted.keys()
    if not changed and not gone:
        return False
    _send(line, [api.db_insert(INDEX_REALM, OWNER_KEY, owner), *_index_of([*known, *(changed.keys() - known.keys())])])
    _send(line, [api.db_insert(REALM, key, value) for key, value in changed.items()])
    if gone:
        kept = gone & set(wanted_now())
        _send(line, [api.db_delete(REALM, key) for key in sorted(gone - kept)])
        _send(line, _index_of([*wanted, *sorted(kept)]))
    return True


def _read_index(line: CommandSender) -> list[str]:
    keys: list[str] = []
    numbers = map(str, count())
    while True:
        parts = _select(line, INDEX_REALM, list(islice(numbers, AT_ONCE)))
        keys += [key for part in parts if part is not None for key in part.split("|")]
        if None in parts:
            return list(dict.fromkeys(keys))


def _index_of(keys: Sequence[str]) -> list[Command]:
    """Return the commands that write the index: parts as long as a value may be, and none after them."""
    parts = list(_joined(sorted(keys)))
    written = [api.db_insert(INDEX_REALM, str(number), part) for number, part in enumerate(parts)]
    # The index may have been longer; what stands after the first gap counts for nothing.
    return [*written, api.db_delete(INDEX_REALM, str(len(parts)))]


def _joined(keys: Iterable[str]) -> Iterator[str]:
    part = ""
    for key in keys:
        if part and len(part) + 1 + len(key) > MAX_VALUE_CHARS:
            yield part
            part = ""
        part = f"{part}|{key}" if part else key
    if part:
        yield part


def _select(line: CommandSender, realm: str, keys: Sequence[str]) -> list[str | None]:
    said = _send(line, [api.db_select(realm, key) for key in keys])
    return [None if each in NOTHING else each for each in said]


def _send(line: CommandSender, commands: Sequence[Command]) -> list[str]:
    answers: list[str] = []
    for first in range(0, len(commands), AT_ONCE):
        for frame in line.send_all(commands[first : first + AT_ONCE], ANSWER_SECONDS):
            said = frame.reply_text.strip()
            if "Command not found" in said:
                raise NoTable("it has no table of pilots: mod_db is not loaded.")
            if said == "!err!":
                raise FshuntError("it does not take a row of the table of pilots.")
            answers.append(said)
    return answers
