"""Every command stands in the documents, as it is."""

import click
import pytest

from fshunt.cli.main import cli
from tests.support.documents import DOCS, script

GENERATE = script("generate")
LEAVES = {path: command for path, command in GENERATE.commands(cli, "fshunt") if not isinstance(command, click.Group)}


def test_the_page_of_commands_matches_the_code():
    assert (DOCS / "cli.md").read_text() == GENERATE.renewed("cli.md"), "run `python docs/generate.py`"


def test_every_command_stands_in_the_page_of_the_commands():
    page = (DOCS / "cli.md").read_text()
    for path, command in LEAVES.items():
        assert f"### {path}\n" in page
        assert f"    {command.example}\n" in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_completion_exists(shell):
    assert f"_FSHUNT_COMPLETE={shell}_source fshunt" in (DOCS / "cli.md").read_text()
