"""Every command has help and an example."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from fshunt import __version__
from fshunt.cli.main import NOUNS, cli
from tests.support.documents import script

GENERATE = script("generate")
COMMANDS = dict(GENERATE.commands(cli, "fshunt"))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}

PROMISED = """
setup, db upgrade, db check, group add, group list, group show, group set, group hours, group closed, group limits,
group enable, group disable, group renumber, group next, group remove,
group notice add, group notice list, group notice remove, notice list, notice retry, notice discard,
holiday add, holiday list, holiday remove, holiday import,
member add, member list, member remove, member move, member order, member set, member enable, member disable,
member block, member unblock, call list, call show, call prune, callback list, callback remove,
top, events, history, undo,
user add, user list, user extension, user passwd, user invite, user grant, user revoke, user enable, user disable,
user remove,
domain list, domain rename,
token add, token list, token revoke, board add, board list, board revoke,
dialplan, serve, web, status, config check, files, demo
"""
NO_JSON = ["serve", "web", "demo", "top"]


def options(command: click.Command) -> set[str]:
    return {
        name
        for param in command.params
        if isinstance(param, click.Option)
        for name in param.opts + param.secondary_opts
    }


def test_the_commands_are_the_promised_ones():
    assert {path.removeprefix("fshunt ") for path in LEAVES} == {words.strip() for words in PROMISED.split(",")}


def test_the_options_are_the_promised_ones():
    ring = {"--rings", "--ring-seconds"}
    group = ring | {"--name", "--policy", "--voicemail", "--cycles", "--hunt-timeout", "--prefix", "--music"}
    group |= {"--call-waiting", "--no-call-waiting", "--on-no-answer", "--on-busy", "--on-unreachable"}
    group |= {"--when-busy", "--auto-block", "--wrap-up", "--transfer-context", "--caller-id-number"}
    group |= {"--answer-first", "--no-answer-first", "--on-closed", "--time-zone"}
    group |= {"--queue-limit", "--announce-every", "--voicemail-key", "--no-voicemail-key"}
    group |= {"--callback", "--no-callback"}
    serving = {"--domain", "--config", "--as"}
    common = serving | {"--json"}
    assert options(LEAVES["fshunt group add"]) == group | common | {"--force"}
    assert options(LEAVES["fshunt group set"]) >= group
    member = ring | {"--weight", "--confirm", "--no-confirm", "--caller-id-number"}
    assert options(LEAVES["fshunt member add"]) == member | {"--at"} | common
    assert options(LEAVES["fshunt member set"]) >= member
    assert options(LEAVES["fshunt member block"]) == {"--group", "--until", "--for"} | common
    assert options(LEAVES["fshunt member unblock"]) == {"--group"} | common
    assert options(LEAVES["fshunt group closed"]) == {"--until", "--for", "--off"} | common
    assert options(LEAVES["fshunt group hours"]) == {"--clear", "--time-zone"} | common
    assert options(LEAVES["fshunt holiday add"]) == {"--hours", "--time-zone"} | common
    follows = {"--limit", "--format", "--follow", "-f"} | common
    assert options(LEAVES["fshunt call list"]) == {"--since", "--failed", "--wide"} | follows
    assert options(LEAVES["fshunt events"]) == follows
    assert options(LEAVES["fshunt dialplan"]) == {"--out", "--table", "--reload"} | common
    assert options(LEAVES["fshunt files"]) == {"--to", "--program"} | common
    setup = {"--freeswitch", "--conf", "--pilot", "--member", "--yes", "-y", "--dry-run", "--test-call"}
    assert options(LEAVES["fshunt setup"]) == setup | common
    assert options(LEAVES["fshunt serve"]) == {"--listen"} | serving


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_an_example_and_the_common_options(path):
    command = COMMANDS[path]
    result = CliRunner().invoke(cli, [*path.split()[1:], "--help"], prog_name="fshunt")
    assert result.exit_code == 0
    assert command.help
    assert f"Usage: {path}" in result.stdout
    assert "Example:\n" in result.stdout
    assert "--domain D" in result.stdout
    assert "--config FILE" in result.stdout
    for param in command.params:
        assert not isinstance(param, click.Option) or param.help, param.name


@pytest.mark.parametrize("path", COMMANDS)
def test_h_is_short_for_help_everywhere(path):
    short, long = (CliRunner().invoke(cli, [*path.split()[1:], word], prog_name="fshunt") for word in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)


@pytest.mark.parametrize("path", COMMANDS)
def test_the_first_sentence_of_help_fits_into_the_list_of_commands(path):
    assert not COMMANDS[path].get_short_help_str(62).endswith("...")


@pytest.mark.parametrize("path", COMMANDS)
def test_the_example_of_a_command_can_be_read_by_it(path):
    example = shlex.split(COMMANDS[path].example)
    assert " ".join(example).startswith(path)
    words, command = example[1:], cli
    context = click.Context(cli, info_name="fshunt", resilient_parsing=False)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    command.make_context("example", words)


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_that_prints_has_json(path):
    assert ("--json" in options(LEAVES[path])) is (path.removeprefix("fshunt ") not in NO_JSON)


def test_every_noun_has_the_description_of_its_own_help():
    for name, noun in NOUNS.items():
        assert noun.about == COMMANDS[f"fshunt {name}"].get_short_help_str(100), name


@pytest.mark.parametrize("words", [[], ["group"], ["member"], ["call"], ["db"], ["config"], ["user"], ["token"]])
def test_a_noun_alone_prints_its_help(words):
    result = CliRunner().invoke(cli, words, prog_name="fshunt")
    assert result.exit_code == 0
    assert result.stdout == CliRunner().invoke(cli, [*words, "--help"], prog_name="fshunt").stdout


def test_the_version_is_that_of_the_package():
    assert CliRunner().invoke(cli, ["--version"], prog_name="fshunt").stdout == f"fshunt {__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", __version__)
