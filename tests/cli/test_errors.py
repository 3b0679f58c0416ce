import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fshunt.cli import base
from fshunt.cli.base import Noun, NounCommand, Root, outcome_of


@pytest.fixture
def broken(monkeypatch):
    """A command line whose only command does what the test wants."""

    def make(body):
        command = click.command("fall", cls=NounCommand)(body)
        monkeypatch.setattr(base, "import_module", lambda name: type("module", (), {"fall": command}))
        return Root("fshunt", nouns={"fall": Noun("somewhere", "Falls.")})

    return make


def test_what_was_not_expected_is_one_sentence_without_a_traceback(broken):
    def body():
        raise RuntimeError("first line\nsecond line")

    result = CliRunner().invoke(broken(body), ["fall"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: Internal error: RuntimeError: first line second line. Please report it;"
        " FSHUNT_DEBUG=1 shows the traceback.\n"
    )


def test_fshunt_debug_shows_the_traceback(broken):
    def body():
        raise RuntimeError("why")

    result = CliRunner(env={"FSHUNT_DEBUG": "1"}).invoke(broken(body), ["fall"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_ctrl_c_ends_quietly(broken):
    def body():
        raise KeyboardInterrupt

    result = CliRunner().invoke(broken(body), ["fall"])
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_a_commands_number_is_the_exit_code(broken):
    assert CliRunner().invoke(broken(lambda: 7), ["fall"]).exit_code == 7
    assert outcome_of(lambda: None) == 0


def run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FSHUNT_", "_FSHUNT"))}
    env |= options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "fshunt", *words], env=env, text=True, capture_output="stdout" not in options, **options
    )


def test_a_reader_that_has_left_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = run("--help", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_disk_that_is_full_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = run("--help", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_a_name_that_the_terminal_cannot_show_is_no_error(office):
    office.run("group", "set", "5000", "--name", "Büro Łódź")
    done = run("group", "show", "5000", env=office.env | {"PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Group 5000 Büro ?ód?, pbx.test\n")


def modules_after(*words: str, env: dict[str, str]) -> set[str]:
    code = (
        "import sys; from fshunt.cli.base import outcome_of; from fshunt.cli.main import cli\n"
        "code = outcome_of(lambda: cli.main(sys.argv[1:], 'fshunt', standalone_mode=False))\n"
        "print('modules:', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], env=os.environ | env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules:")[2].split())


def test_help_waits_for_no_heavy_import():
    heavy = {"gevent", "alembic", "sqlalchemy", "rich", "greenswitch"}
    assert not modules_after("--help", env={}) & heavy
    assert not modules_after("--version", env={}) & heavy


def test_the_list_of_groups_does_not_wait_for_gevent_and_alembic(office):
    modules = modules_after("group", "list", env=office.env)
    assert "sqlalchemy" in modules
    assert not modules & {"gevent", "alembic", "greenswitch"}


def test_python_m_fshunt_is_the_command(office):
    done = run("group", "show", "5000", env=office.env)
    assert done.returncode == 0
    assert "Group 5000 Sales, pbx.test" in done.stdout
    assert run("group", "show", "5009", env=office.env).returncode == 1
