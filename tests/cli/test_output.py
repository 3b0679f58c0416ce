import io
import sys
from datetime import UTC, datetime

import pytest

from fshunt.cli import output
from fshunt.services.serialize import utc


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Makes both streams terminals; called within the test, as pytest puts its own streams there before it."""

    def make() -> tuple[Terminal, Terminal]:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "100")
        streams = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        return streams

    return make


def test_colour_is_for_terminals_only(on_terminal, monkeypatch):
    _, err = on_terminal()
    output.warn("One member.")
    assert err.getvalue() == "\x1b[33mWarning: One member.\x1b[0m\n"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    output.warn("One member.")
    assert sys.stderr.getvalue() == "Warning: One member.\n"


def test_no_color_is_respected(on_terminal, monkeypatch):
    out, err = on_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    output.error("It is broken")
    output.table(("name",), [("a",)])
    assert err.getvalue() == "Error: It is broken.\n"
    assert "\x1b" not in out.getvalue()


def test_a_table_is_ruled_on_a_terminal_and_plain_elsewhere(on_terminal, monkeypatch):
    out, _ = on_terminal()
    output.table(("name", "state"), [("a", "enabled"), ("longer", "")])
    assert "─" in out.getvalue()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    output.table(("name", "state"), [("a", "enabled"), ("longer", "")])
    assert sys.stdout.getvalue() == "name    state\na       enabled\nlonger\n"


WIDTHS = (output.Column("started"), output.Column("pilot", drop=1), output.Column("result", wraps=True))
LONG = [("2025-03-31 09:00:00", "5000", "voicemail 1005: nobody answered within the hunt timeout")]


@pytest.mark.parametrize(
    ("columns", "wide", "titles"),
    [
        ("80", False, ["started", "pilot", "result"]),
        ("48", False, ["started", "result"]),
        ("40", True, ["started", "pilot", "result"]),
    ],
)
def test_a_narrow_terminal_has_fewer_columns(on_terminal, monkeypatch, columns, wide, titles):
    out, _ = on_terminal()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(WIDTHS, LONG, wide=wide)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == titles
    assert all(len(line) <= int(columns) for line in lines) is not wide
    assert (LONG[0][-1] in out.getvalue()) is wide


def test_words_are_never_taken_for_markup(on_terminal):
    out, _ = on_terminal()
    output.table(("caller",), [("[red]Bob[/red]",)])
    assert "[red]Bob[/red]" in out.getvalue()


@pytest.mark.parametrize("char", ["\x1b", "\n", "\r", "\x07", "\x9b", "\u202e", "\u2028", "\ud800"])
def test_what_a_terminal_would_act_on_is_replaced(on_terminal, char):
    out, _ = on_terminal()
    output.say(f"Bob{char}by")
    output.table(("caller",), [(f"Bob{char}by",)])
    assert "Bob\N{REPLACEMENT CHARACTER}by" in out.getvalue()
    assert out.getvalue().count("Bob\N{REPLACEMENT CHARACTER}by") == 2


def test_times_in_json_are_in_utc_and_of_one_form():
    assert utc(datetime.fromisoformat("2025-03-31T09:00:00+02:00")) == "2025-03-31T07:00:00.000Z"
    assert utc(datetime.fromisoformat("2025-03-31T07:00:00.1234567+00:00")) == "2025-03-31T07:00:00.123Z"
    assert utc(None) is None


def test_what_has_no_form_in_json_is_an_error():
    with pytest.raises(TypeError):
        output.emit_json({"at": object()})


def test_facts_without_a_value_are_left_out(capsys):
    output.facts([("name", "Sales"), ("prefix", ""), ("policy", "regular")])
    assert capsys.readouterr().out == "name    Sales\npolicy  regular\n"


def test_a_time_that_is_not_there_is_empty():
    assert output.local(None) == ""
    assert len(output.local(datetime.now(UTC))) == len("2025-03-31 09:00:00")
