"""Every list has the same four forms."""

import csv
import io

import click
import pytest

from fshunt.cli.base import ListCommand
from fshunt.cli.main import cli
from tests.support.documents import script

LISTS = [
    path.split()[1:]
    for path, command in script("generate").commands(cli, "fshunt")
    if isinstance(command, ListCommand) or (path.endswith(" list") and not isinstance(command, click.Group))
]
OF_A_GROUP = {"member", "holiday"}


def words_of(path: list[str]) -> list[str]:
    return [*path, "5000"] if path[0] in OF_A_GROUP else path


@pytest.fixture
def full(office):
    """The office with something in each list but that of calls."""
    office.run("user", "add", "ana", "--role", "provider", "--no-password")
    office.run("token", "add", "ana", "crm", "--scope", "read")
    office.run("board", "add", "5000", "Hall")
    office.run("holiday", "add", "5000", "2099-12-25", "Christmas, eve", "--time-zone", "Europe/Rome")
    return office


@pytest.mark.parametrize("path", LISTS, ids=" ".join)
def test_a_list_has_every_form(full, path):
    words = words_of(path)
    plain, as_json = full.run(*words).stdout, full.run(*words, "--json").stdout
    assert full.run(*words, "--format", "table").stdout == plain
    assert full.run(*words, "--format", "json").stdout == as_json
    listed = full.json(*words)
    for form, separator in (("csv", ","), ("tsv", "\t")):
        titles, *rows = csv.reader(io.StringIO(full.run(*words, "--format", form).stdout), delimiter=separator)
        assert len(rows) == len(listed)
        assert all(len(row) == len(titles) for row in rows)


def test_values_are_quoted_for_programs(full):
    [titles, row] = csv.reader(io.StringIO(full.run("holiday", "list", "5000", "--format", "csv").stdout))
    assert dict(zip(titles, row, strict=True))["name"] == "Christmas, eve"


def test_an_error_of_the_form_json_is_json(office):
    for words in (("--format", "json"), ("--format=json",)):
        assert office.invoke("member", "list", "5999", *words).stderr.startswith('{"schema": 1, "error"')


def test_two_forms_or_an_unknown_one_are_refused(office):
    assert office.refused(2, "group", "list", "--json", "--format", "csv").endswith(
        "Use only one of --json and --format csv."
    )
    assert "did you mean `csv`" in office.refused(2, "group", "list", "--format", "cvs")
