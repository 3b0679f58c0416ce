"""Tables on a terminal of 40 columns: fewer columns, and none of their titles or numbers in pieces."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import pytest

from fshunt.cli import output

from .conftest import Fshunt

COLUMNS = 40
LISTS = [
    ("group", "list"),
    ("group", "show", "5000"),
    ("member", "list", "5000"),
    ("holiday", "list", "5000"),
    ("history",),
    ("user", "list"),
    ("token", "list"),
    ("board", "list"),
    ("domain", "list"),
    ("events",),
    ("status",),
    ("config", "check", "--settings"),
]

Table = tuple[Sequence[output.Column], Sequence[Sequence[str]]]


class Terminal(io.StringIO):
    """A standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def full(office: Fshunt, beat, monkeypatch) -> Fshunt:
    """An office in which no list is empty, with another domain besides, and long names."""
    office.env["FSHUNT_DEFAULT_DOMAIN"] = "pbx.test"
    for words in (
        ("group", "add", "5001", "--domain", "another-tenant.test", "--name", "Customer care of the second tenant"),
        ("member", "add", "5000", "+14155550123@carrier"),
        ("holiday", "add", "5000", "2026-12-25", "Christmas"),
        ("user", "add", "ana", "--role", "provider", "--no-password"),
        ("token", "add", "ana", "wallboard", "--scope", "read"),
        ("board", "add", "5000", "Sales floor"),
    ):
        office.run(*words)
    beat()
    office.env.pop("FSHUNT_DEFAULT_DOMAIN")
    return office


@pytest.fixture
def tables(monkeypatch) -> list[Table]:
    """The tables that a command prints, with their columns."""
    found: list[Table] = []

    def note(columns: Sequence[output.Column | str], rows: Sequence[Sequence[str]], *, wide: bool = False) -> None:
        found.append(([output.Column(each) if isinstance(each, str) else each for each in columns], list(rows)))

    monkeypatch.setattr(output, "table", note)
    return found


def on_40_columns(table: Table, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    with monkeypatch.context() as patched:
        patched.setenv("COLUMNS", str(COLUMNS))
        patched.setenv("NO_COLOR", "1")
        patched.setattr(sys, "stdout", Terminal())
        print_table(*table)
        return sys.stdout.getvalue().splitlines()  # type: ignore[attr-defined]


print_table = output.table


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_is_readable(full, tables, monkeypatch, words):
    in_domain = () if words[0] in ("user", "token", "board", "domain", "status", "config") else ("--domain", "pbx.test")
    full.invoke(*words, *in_domain)
    assert tables
    for columns, rows in tables:
        lines = on_40_columns((columns, rows), monkeypatch)
        assert max(map(len, lines)) <= COLUMNS
        titles, rule = lines[:2]
        assert set(rule) == {"─"}, "all titles stand in one line"
        kept = [at for at, column in enumerate(columns) if column.title in titles]
        assert len(kept) >= 2
        whole = "\n".join(lines)
        for at in kept:
            if not columns[at].wraps:
                assert all(row[at] in whole for row in rows), f"{columns[at].title} is in pieces"


def test_the_groups_of_several_domains_are_readable(full, tables, monkeypatch):
    full.invoke("group", "list")
    [table] = tables
    lines = on_40_columns(table, monkeypatch)
    assert lines[0].split() == ["domain", "pilot"]
    assert max(map(len, lines)) <= COLUMNS
