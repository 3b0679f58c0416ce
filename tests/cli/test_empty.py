"""A list that is empty says of what, and how the first comes into it."""

import re
import shlex

import click
import pytest

from fshunt.cli.main import cli

EMPTY = [
    ("member", "list", "5100"),
    ("holiday", "list", "5100"),
    ("call", "list"),
    ("call", "list", "5100", "--failed"),
    ("user", "list"),
    ("token", "list"),
    ("board", "list"),
    ("board", "list", "5100"),
]


@pytest.fixture
def bare(fshunt):
    """A group without members."""
    fshunt.run("group", "add", "5100")
    return fshunt


@pytest.mark.parametrize("words", EMPTY)
def test_an_empty_list_names_the_command_that_is_next(bare, words):
    [sentence] = bare.run(*words).stdout.splitlines()
    [named] = re.findall("`(fshunt [^`]+)`", sentence)
    example = [word if word.islower() or word.isdigit() or word.startswith("-") else "5100" for word in named.split()]
    command, left = cli, shlex.split(" ".join(example))[1:]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(cli), left.pop(0))
        assert command is not None
    assert bare.json(*words) == []


def test_without_a_group_the_list_of_groups_says_how_to_add_one(fshunt):
    assert fshunt.run("group", "list").stdout == (
        "No groups yet: `fshunt group add PILOT --domain D` adds the first.\n"
    )
    assert fshunt.run("history").stdout.startswith("No changes yet: `fshunt group ")
