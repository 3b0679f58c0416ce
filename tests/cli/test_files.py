"""`fshunt files`, and what is made from the code in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fshunt.cli.described import commands, options
from fshunt.cli.main import cli
from fshunt.settings import ROWS, Settings, load
from fshunt.settings.described import TABLES, default_of

from .conftest import content_of

LEAVES = {path: each for path, each in commands(cli, "fshunt") if not isinstance(each, click.Group)}
MADE = {"fshunt.toml", "completions/_fshunt", "completions/fshunt.bash", "completions/fshunt.fish"}
MADE |= {"man/fshunt.1", "man/fshunt.toml.5"}


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["files", *words], prog_name="fshunt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("files") / "made"
    result = run("--to", str(to), "--program", "/srv/fshunt/bin/fshunt")
    assert result.exit_code == 0, result.output
    return to


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_files_of_the_checkout_and_those_made_from_the_code_are_written(folder: Path) -> None:
    above = Path(__file__).parents[2]
    same = {f"{kept}/{name}" for kept in ("systemd", "freeswitch-conf") for name in names(above / kept)}
    assert names(folder) == MADE | same | names(above / "packaging" / "host")


def test_the_units_start_the_program_that_is_named(folder: Path) -> None:
    for unit, command in (("fshunt", "serve"), ("fshunt-web", "web")):
        assert f"\nExecStart=/srv/fshunt/bin/fshunt {command}\n" in (folder / "systemd" / f"{unit}.service").read_text()


def test_a_second_run_changes_nothing_and_other_content_is_kept(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "made"
    shutil.copytree(folder, to)
    assert run("--to", str(to), "--program", "/srv/fshunt/bin/fshunt").exit_code == 0
    (to / "fshunt.toml").write_text("max_calls = 5\n")
    (to / "man" / "fshunt.1").unlink()
    refused = run("--to", str(to), "--program", "/srv/fshunt/bin/fshunt")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{to}/fshunt.toml is there and differs, so nothing was written" in refused.stderr
    assert (to / "fshunt.toml").read_text() == "max_calls = 5\n"
    assert not (to / "man" / "fshunt.1").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "Give the folder to write to: --to DIR"),
        (("--to", "/dev/null/x"), 1, "/dev/null/x"),
        (("--to", "x", "--program", "bin/fshunt"), 2, "--program must be an absolute path"),
        (("--to", "x", "--program", "/a b\nExecStop=/c"), 2, "--program must be an absolute path"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    words: tuple[str, ...], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_json_names_the_folder_and_the_files(tmp_path: Path) -> None:
    found = content_of(run("--to", str(tmp_path / "made"), "--json").stdout)
    assert found["folder"] == str(tmp_path / "made")
    assert {str(Path(file).relative_to(found["folder"])) for file in found["files"]} == names(tmp_path / "made")


def test_the_settings_file_sets_nothing_and_names_each_setting(folder: Path) -> None:
    text = (folder / "fshunt.toml").read_text()
    assert tomllib.loads(text) == {}
    assert max(map(len, text.splitlines())) <= 130
    named = re.findall(r"(?m)^#(?:\[\[)?([a-z_]+)(?: =|\]\])", text)
    assert set(named) >= set(ROWS)
    for row in ROWS.values():
        assert row.meaning.split()[0] in text


def test_the_settings_file_shows_the_defaults(folder: Path, tmp_path: Path) -> None:
    """Each line without its ``#`` is read, and has the default."""
    file = tmp_path / "fshunt.toml"
    file.write_text(re.sub(r"(?m)^#(?=[a-z_]+ = |\[\[)", "", (folder / "fshunt.toml").read_text()))
    found = load(file, environ={})
    assert set(found.sources.values()) == {"file"}
    plain = Settings(node_name="pbx-8084")
    for name in set(ROWS) - set(TABLES):
        assert getattr(found.settings, name) == getattr(plain, name), name
    assert {name: len(getattr(found.settings, name)) for name in TABLES} == dict.fromkeys(TABLES, 1)


def plain_text(page: Path) -> str:
    """The page without its marks: words as a reader sees them."""
    text = re.sub(r"\\f[BIP]|\\&", "", page.read_text()).replace("\\-", "-").replace("\\e", "\\")
    return re.sub(r"(?m)^\.\S+ ?", "", text)


def test_the_man_page_has_every_command_and_option(folder: Path) -> None:
    page = plain_text(folder / "man" / "fshunt.1")
    for path, command in LEAVES.items():
        part = page.split(f'"{path}"\n')[1].split('"fshunt ')[0]
        assert part.startswith(path)
        assert getattr(command, "example", "") in part
        for option in options(command):
            assert ", ".join(option.names) in part, path
            assert " ".join(option.help.replace("`", "").split()) in part, path


def test_the_man_page_of_the_settings_has_every_setting(folder: Path) -> None:
    page = plain_text(folder / "man" / "fshunt.toml.5")
    for row in ROWS.values():
        assert f"\n{row.name}\n" in page
        assert " ".join(row.meaning.replace("`", "").split()) in page
        assert f"Variable: {row.variable}." in page
        assert all(str(value) in page for value in default_of(row) if not isinstance(value, float))


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
@pytest.mark.parametrize("page", ["fshunt.1", "fshunt.toml.5"])
@pytest.mark.parametrize("width", [40, 80])
def test_groff_understands_every_line(folder: Path, page: str, width: int) -> None:
    """Warnings but for those of lines that have no room: a long name does not fit into a narrow one."""
    command = ["groff", "-man", "-Tutf8", "-ww", "-Wbreak", f"-rLL={width}n", str(folder / "man" / page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize(("shell", "name"), [("bash", "fshunt.bash"), ("zsh", "_fshunt"), ("fish", "fshunt.fish")])
def test_each_shell_understands_its_completion(folder: Path, shell: str, name: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    subprocess.run([shell, "-n", str(folder / "completions" / name)], check=True)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh on this machine")
def test_zsh_finds_the_completion_by_compinit_alone(folder: Path) -> None:
    ask = f"fpath=({folder}/completions $fpath); autoload -U compinit; compinit -D; print -r -- $_comps[fshunt]"
    done = subprocess.run(["zsh", "-fc", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "_fshunt\n"


def test_the_claim_audit_has_a_rotation_that_loses_no_line(folder: Path) -> None:
    text = (folder / "logrotate.d" / "fshunt").read_text()
    assert "copytruncate" not in text
    assert "nocreate" in text
