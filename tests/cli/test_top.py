"""`fshunt top`: the screen as text, and the command on a terminal."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from fshunt.cli.top import keys_in
from fshunt.cli.top_screen import Screen, Size, cells, cut, draw, lasting
from fshunt.services.top_view import Counts, GroupNow, LastCall, Overview
from tests.support.terminal import OnTerminal

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SALES = GroupNow("pbx.test", "5000", "Sales", Counts(2, 1, 3, 4, 1, 2, 1), waits_since=NOON - timedelta(seconds=65))
NIGHT = GroupNow("pbx.test", "5100", "Reception", Counts(free=1), closed="closed")
TALKS = LastCall("5000", "Bob <+14155550100>", "talks with 1001", NOON - timedelta(seconds=29))
GONE = LastCall("5100", "unknown", "voicemail 1005", NOON - timedelta(hours=2), NOON - timedelta(hours=1))
TOTAL = Counts(2, 1, 3, 5, 1, 2, 1)
OVERVIEW = Overview(NOON, (SALES, NIGHT), TOTAL, (TALKS, GONE))
SGR = re.compile(r"\x1b\[\d+m")


@pytest.fixture(autouse=True)
def utc_here(monkeypatch) -> Iterator[None]:
    """This machine is in UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def drawn(overview: Overview = OVERVIEW, width: int = 80, height: int | None = 24, **more) -> list[str]:
    return [line.rstrip() for line in draw(Screen(overview, NOON, **more), Size(width, height))]


def test_a_screen_of_80_columns():
    assert (
        drawn()
        == [
            "fshunt  12:00:00  2 groups                                               q quits",
            "waiting 2  ringing 1  talking 3  free 5  blocked 1  unregistered 2  other 1",
            "",
            "pilot  group        waiting  ringing  talking  free  blocked  unregistered  other",
            "",
        ][:3]
        + drawn()[3:]
    )
    titles, sales, night = drawn()[3:6]
    assert titles.split() == ["pilot", "group", "waiting", "ringing", "talking", "free", "blocked", "unregistered"]
    assert sales.split() == ["5000", "Sales", "2", "1:05", "1", "3", "4", "1", "2"]
    assert night.split() == ["5100", "(closed)", "Recep...", "-", "-", "-", "1", "-", "-"]
    assert drawn(width=100)[3].split()[-1] == "other"
    assert drawn()[7:] == [
        "last calls",
        "11:59:31  5000  Bob <+14155550100>          talks with 1001                 0:29",
        "10:00:00  5100  unknown                     voicemail 1005               1:00:00",
    ]


def test_a_screen_of_40_columns():
    assert drawn(width=40) == [
        "fshunt  12:00:00  2 groups       q quits",
        "waiting 2  ringing 1  talking 3  free 5",
        "blocked 1  unregistered 2  other 1",
        "",
        "pilot wait ring talk free blkd unrg",
        "5000     2    1    3    4    1    2",
        "5100     -    -    -    1    -    -",
        "",
        "last calls",
        "11:59:31  5000  talks with 1001     0:29",
        "10:00:00  5100  voicemail 1005   1:00:00",
    ]


@pytest.mark.parametrize("width", [1, 5, 12, 20, 39, 40, 60, 79, 80, 132, 250])
@pytest.mark.parametrize("height", [1, 3, 6, 10, 24, 60])
def test_it_fits_each_terminal(width, height):
    many = tuple(replace(SALES, pilot=f"5{n:03}", domain=f"d{n % 2}.test", name="\u8ca9\u58f2" * 9) for n in range(40))
    overview = replace(OVERVIEW, groups=many, calls=(TALKS, GONE) * 10, sentences=("It is not known.",) * 5)
    for first in (0, 7, 1000):
        lines = drawn(overview, width, height, trouble="The database is away.", first=first, colour=True)
        assert len(lines) <= height
        assert max(cells(SGR.sub("", line)) for line in lines) <= width


def test_groups_that_do_not_fit_are_scrolled():
    overview = replace(OVERVIEW, groups=tuple(replace(SALES, pilot=f"50{n:02}") for n in range(30)))

    def pilots(first: int) -> list[str]:
        return [line.split()[0] for line in drawn(overview, first=first, height=20) if line.startswith("50")]

    assert pilots(0)[0] == "5000"
    assert pilots(4)[0] == "5004"
    assert len(pilots(4)) == len(pilots(0)) > 8
    assert pilots(1000)[-1] == "5029"
    [more] = [line for line in drawn(overview, first=4, height=20) if "below" in line]
    assert more.startswith("4 above, ")
    assert "last calls" in drawn(overview, height=20)


def test_several_domains_have_a_line_each():
    overview = replace(OVERVIEW, groups=(SALES, replace(NIGHT, domain="z.test")))
    assert [line.split()[0] for line in drawn(overview)[3:8]] == ["pilot", "pbx.test", "5000", "z.test", "5100"]


def test_what_is_wrong_stands_first():
    overview = replace(OVERVIEW, sentences=("One.", "Two.", "Three."))
    assert drawn(overview, trouble="The database is away.")[1:5] == [
        "! As of 12:00:00: The database is away.",
        "! One.",
        "! Two.",
        "! and 1 more: `fshunt status`",
    ]


def test_colours_say_nothing_that_the_text_does_not():
    plain, coloured = drawn(trouble="Away."), drawn(trouble="Away.", colour=True)
    assert [SGR.sub("", line).rstrip() for line in coloured] == plain
    assert coloured != plain


def test_what_a_caller_chose_is_not_acted_on():
    evil = replace(OVERVIEW, calls=(replace(TALKS, caller="\x1b[2Jx\r\n", state="\x9b2J"),))
    assert not any(set(line) & set("\x1b\x9b\r\n") for line in drawn(evil))


def test_words_are_cut_by_the_columns_that_they_take():
    assert (cut("abcdef", 5), cut("abc", 2), cut("\u8ca9\u58f2\u8ca9", 5)) == ("ab...", "ab", "\u8ca9...")
    assert [lasting(seconds) for seconds in (0, 59.9, 65, 3723)] == ["0:00", "0:59", "1:05", "1:02:03"]


def test_without_groups_it_says_so():
    assert "No groups." in drawn(Overview(NOON))


def test_keys_are_told_apart():
    assert keys_in(b"q\x1b[Bj\x1b[6~x") == [b"q", b"\x1b[B", b"j", b"\x1b[6~", b"x"]
    assert keys_in(b"\x1b") == [b"\x1b"]


def test_where_there_is_no_terminal_one_screen_is_printed(office):
    shown = office.run("top").stdout.splitlines()
    assert "1 group" in shown[0]
    assert "q quits" not in shown[0]
    assert [line.split()[:2] for line in shown if line.startswith("5000")] == [["5000", "Sales"]]
    assert not any("\x1b" in line for line in shown)
    assert office.refused(1, "top", "5999") == "There is no group 5999 in pbx.test: there is 5000."


@pytest.fixture
def started(sqlite_url, fshunt_on) -> Iterator[Callable[..., OnTerminal]]:
    """Start the command on a terminal, on a database with a group."""
    office = fshunt_on(str(sqlite_url))
    office.run("group", "add", "5000", "--name", "Sales")
    office.run("member", "add", "5000", "1001")
    begun: list[OnTerminal] = []

    def start(*under: str, **more: str) -> OnTerminal:
        program = [*under, sys.executable, "-m", "fshunt", "top"]
        begun.append(OnTerminal(program, {**os.environ, **office.env, **more}))
        begun[-1].until("Sales")
        return begun[-1]

    yield start
    for each in begun:
        each.close()


RESTORED = "\x1b[?25h\x1b[?1049l"
"""The cursor, and the screen that was there before."""


def assert_restored(terminal: OnTerminal) -> None:
    """The last that it has printed gives the screen back; a sentence may follow."""
    assert terminal.seen.count(RESTORED) == 1
    assert terminal.seen.startswith("\x1b[?1049h\x1b[?25l")


@pytest.mark.parametrize(("key", "no_color"), [("q", ""), ("\x03", "1")])
def test_q_and_ctrl_c_quit_and_the_terminal_is_as_before(started, key, no_color):
    terminal = started(NO_COLOR=no_color)
    while_drawn = terminal.modes_now
    terminal.press(key)
    terminal.until(RESTORED)
    assert terminal.modes_now == terminal.modes != while_drawn
    assert terminal.end() == 0
    assert_restored(terminal)
    assert bool(SGR.search(terminal.seen)) is not bool(no_color)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_restores_the_terminal(started, number):
    terminal = started()
    terminal.send(number)
    terminal.until(RESTORED)
    assert terminal.modes_now == terminal.modes
    assert terminal.end() == 128 + number
    assert_restored(terminal)


def test_an_error_inside_restores_the_terminal_and_is_told_in_one_sentence(started, tmp_path):
    faulty = tmp_path / "sitecustomize.py"
    faulty.write_text(
        "import fshunt.services.top_view as t\n"
        "seen = t.TopView.look\n"
        "def look(self, times=[]):\n"
        "    times.append(1)\n"
        "    return seen(self) if len(times) == 1 else 1 / 0\n"
        "t.TopView.look = look\n"
    )
    terminal = started(PYTHONPATH=str(tmp_path))
    assert terminal.end() == 1
    assert_restored(terminal)
    assert "Internal error: ZeroDivisionError" in terminal.seen.split(RESTORED)[1]


def test_it_is_drawn_anew_when_the_terminal_gets_another_size(started):
    terminal = started()
    terminal.resize((40, 20))
    terminal.until("pilot wait ring talk free blkd unrg")
    terminal.press("q")
    assert terminal.end() == 0


def test_a_database_that_is_away_is_told_until_it_is_back(started, sqlite_url):
    file = Path(str(make_url(str(sqlite_url)).database))
    terminal = started()
    aside = file.rename(file.with_suffix(".aside"))
    terminal.until("! As of ")
    aside.rename(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("UPDATE groups SET name = 'Shop'")
    assert "! As of" not in terminal.until("Shop").rpartition("\x1b[H")[2]
    terminal.press("q")
    assert terminal.end() == 0


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(started):
    terminal = started("/bin/sh", "-c", 'set -m; "$@"; echo stopped; fg; exit', "sh")
    terminal.press("\x1a")
    assert "\x1b" not in terminal.until("stopped").split(RESTORED)[1].split("stopped")[0]
    terminal.until("Sales")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.seen.count(RESTORED) == 2


def test_a_terminal_that_cannot_be_drawn_on_gets_one_screen(started):
    terminal = started(TERM="dumb")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
