import json
import os
import pwd
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fshunt.cli import base
from fshunt.cli.base import Noun, NounCommand, Root
from fshunt.cli.outcome import outcome_of


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
    command = [*options.pop("prefix", []), sys.executable, "-m", "fshunt", *words]
    return subprocess.run(command, env=env, text=True, capture_output="stdout" not in options, **options)


OTHERS = ("--help",), ("call", "list", "--json")


@pytest.mark.parametrize(
    "words", [("group", "list"), *(pytest.param(words, marks=pytest.mark.faults) for words in OTHERS)]
)
def test_a_reader_that_has_left_ends_it_as_sigpipe_would(office, words):
    read, write = os.pipe()
    os.close(read)
    done = run(*words, stdout=write, stderr=subprocess.PIPE, env=office.env)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "words", [("group", "list"), *(pytest.param(words, marks=pytest.mark.faults) for words in OTHERS)]
)
def test_a_disk_that_is_full_is_one_sentence(office, words):
    with Path("/dev/full").open("w") as full:
        done = run(*words, stdout=full, stderr=subprocess.PIPE, env=office.env)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    sentence = json.loads(done.stderr)["error"]["message"] if "--json" in words else done.stderr.strip()
    assert sentence.endswith("Standard output cannot be written: No space left on device.")


def in_a_shell(redirected: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = f"{shlex.join([sys.executable, '-m', 'fshunt', *words])} {redirected}"
    return subprocess.run(["sh", "-c", command], text=True, capture_output=True)


def test_an_output_that_is_closed_is_one_sentence():
    done = in_a_shell(">&-", "--help")
    assert (done.returncode, done.stderr) == (1, "Error: Standard output cannot be written: Bad file descriptor.\n")


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-"])
def test_errors_that_nobody_can_read_leave_the_exit_code_as_it_is(redirected):
    assert in_a_shell(redirected, "group", "lost").returncode == 2
    assert in_a_shell(redirected, "group", "lost", "--json").returncode == 2


@pytest.mark.parametrize("begun", ["import", "command"])
def test_ctrl_c_at_any_moment_ends_with_130_and_no_traceback(tmp_path, begun):
    """While modules are imported as well as in a command: a file that is imported, or read, says that it began."""
    (tmp_path / "config").mkdir()
    fifo = tmp_path / "config" / "fshunt.toml"
    os.mkfifo(fifo)
    hooked = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in the background
    hooked += f"import sys, fshunt.__main__ as program; sys.argv[1:] = ['config', 'check', '--config', {str(fifo)!r}]\n"
    if begun == "import":
        hooked += (
            "class Slow:\n"
            "    def find_spec(self, name, *_):\n"
            f"        if name == 'click': open({str(fifo)!r}).read()\n"
            "sys.meta_path.insert(0, Slow())\n"
        )
    process = subprocess.Popen(
        [sys.executable, "-c", hooked + "program.main()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with fifo.open("w"):  # opens as soon as the program reads it
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "")


@pytest.fixture
def closed_to_us(tmp_path) -> Iterator[tuple[Path, list[str]]]:
    """A folder that is closed to the user of the tests, and what makes a command theirs: root may enter any folder."""
    folder = tmp_path / "closed"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        folder.chmod(0o700)
        yield folder, ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    else:
        folder.chmod(0)
        yield folder, []
        folder.chmod(0o700)


MORE = ("db", "check"), ("db", "upgrade"), ("status",), ("serve",)


@pytest.mark.parametrize(
    "words", [("group", "list"), *(pytest.param(words, marks=pytest.mark.faults) for words in MORE)]
)
def test_a_user_to_whom_the_folder_of_the_database_is_closed_gets_one_sentence(closed_to_us, words):
    folder, prefix = closed_to_us
    env = {"FSHUNT_DATABASE_URL": f"sqlite:///{folder}/fshunt.db", "FSHUNT_OUTBOX_DIR": str(folder / "outbox")}
    done = run(*words, env=env, prefix=prefix)
    assert (done.returncode, done.stdout) == (1, "")
    owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    assert done.stderr.startswith(
        f"Error: The database {folder}/fshunt.db cannot be opened: {folder} belongs to {owner}, "
    )
    assert done.stderr.endswith(" may not write there. Run the command by `sudo`.\n")


def test_a_name_that_the_terminal_cannot_show_is_no_error(office):
    office.run("group", "set", "5000", "--name", "Büro Łódź")
    done = run("group", "show", "5000", env=office.env | {"PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Group 5000 Büro ?ód?, pbx.test\n")


def modules_after(*words: str, env: dict[str, str]) -> set[str]:
    code = (
        "import sys; from fshunt.cli.outcome import outcome_of; from fshunt.cli.main import cli\n"
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
