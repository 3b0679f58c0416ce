import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete, get_completion_class

from fshunt.cli.main import NOUNS, cli


def complete(monkeypatch, env: dict[str, str], *words: str) -> list[str]:
    """What TAB offers for the last word."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    found = ShellComplete(cli, {}, "fshunt", "_FSHUNT_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found]


def test_commands_and_policies_complete(monkeypatch):
    assert complete(monkeypatch, {}, "group", "re") == ["renumber", "remove"]
    assert complete(monkeypatch, {}, "group", "set", "5000", "--policy", "r") == ["regular", "round-robin"]


def test_pilots_complete_from_the_database(monkeypatch, office):
    office.run("group", "add", "5100")
    office.run("group", "add", "5200", "--domain", "b.test")
    assert complete(monkeypatch, office.env, "group", "show", "") == ["5000", "5100"]
    assert complete(monkeypatch, office.env, "group", "show", "51") == ["5100"]
    assert complete(monkeypatch, office.env, "group", "show", "--domain", "b.test", "") == ["5200"]


def test_members_complete_from_the_group(monkeypatch, office):
    office.run("group", "add", "5100")
    office.run("member", "add", "5100", "1009", "+14155550123@carrier")
    assert complete(monkeypatch, office.env, "member", "set", "5100", "") == ["1009", "+14155550123@carrier"]
    assert complete(monkeypatch, office.env, "member", "block", "100") == ["1001", "1002", "1003", "1009"]


def test_without_a_database_nothing_completes_and_nothing_breaks(monkeypatch, tmp_path, capfd):
    env = {"FSHUNT_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    assert complete(monkeypatch, env, "group", "show", "") == []
    assert complete(monkeypatch, {"FSHUNT_NONSENSE": "1"}, "member", "block", "") == []
    assert capfd.readouterr() == ("", "")


ASKED = 'eval "$(_FSHUNT_COMPLETE=zsh_source fshunt)"; print -r -- $_comps[fshunt]'


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh on this machine")
@pytest.mark.parametrize("before", ["", "autoload -Uz compinit && compinit -D; "], ids=["plain", "after compinit"])
def test_zsh_completes_whether_compinit_has_run_or_not(before):
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ZDOTDIR": "/nonexistent"}
    done = subprocess.run(["zsh", "-fc", before + ASKED], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("_fshunt_completion\n", "")


def test_the_text_for_zsh_loads_its_completion_before_it_is_used():
    kind = get_completion_class("zsh")
    assert kind is not None
    lines = [line.strip() for line in kind(cli, {}, "fshunt", "_FSHUNT_COMPLETE").source().splitlines()]
    at = lines.index("compdef _fshunt_completion fshunt")
    assert lines[at - 1] == "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }"


HEAVY = {"sqlalchemy", "alembic", "gevent", "flask", "psycopg", "rich"}
"""Packages of which each takes longer to import than all that help needs."""

WORKING = ("fshunt.db.", "fshunt.daemon.", "fshunt.web.", "fshunt.services.groups", "fshunt.services.serialize")

IMPORTED = """
import sys
from contextlib import suppress
from fshunt.cli.main import cli
with suppress(SystemExit):
    cli.main(sys.argv[1:], prog_name="fshunt")
sys.stderr.write(" ".join(sys.modules))
"""


def imported(words: list[str], env: dict[str, str] | None = None) -> list[str]:
    """The modules that a run of the command line has imported, of those that it should not."""
    here = [sys.executable, "-c", IMPORTED, *words]
    ran = subprocess.run(here, env=os.environ | (env or {}), capture_output=True, text=True, check=True)
    assert ran.stdout, ran.stderr
    return [name for name in ran.stderr.split() if name in HEAVY or name.startswith(WORKING)]


@pytest.mark.parametrize("noun", NOUNS)
def test_help_waits_for_no_database(noun):
    assert imported([noun, "--help"]) == []


@pytest.mark.parametrize("words", ["fshunt group re", "fshunt user add ana --role ", "fshunt member set 5000 1001 --"])
def test_completion_of_words_waits_for_no_database(words):
    asked = {"_FSHUNT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert imported([], asked) == []


@pytest.mark.parametrize("words", ["fshunt group show 5", "fshunt member set 5000 10", "fshunt domain rename pbx"])
def test_completion_from_the_database_waits_for_its_driver_alone(office, words, database_url):
    asked = {"_FSHUNT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    found = set(imported([], office.env | asked)) - {"fshunt.db.words", "fshunt.db.sqlite_file", "fshunt.db.queries"}
    assert found - ({"sqlalchemy"} if "?" in database_url else set()) <= (
        {"psycopg"} if database_url.startswith("postgresql") else set()
    )
    assert not any(name.startswith("fshunt.db.engine") for name in found)


def test_domains_complete_and_without_one_named_the_only_one_counts(monkeypatch, office):
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    assert complete(monkeypatch, office.env, "domain", "rename", "p") == ["pbx.test"]
    assert complete(monkeypatch, office.env, "group", "show", "") == ["5000"]
    office.run("group", "add", "5200", "--domain", "b.test")
    assert complete(monkeypatch, office.env, "group", "show", "") == [], "two domains, and none is named"
    assert complete(monkeypatch, office.env, "domain", "rename", "") == ["b.test", "pbx.test"]


def test_a_database_without_tables_completes_nothing(monkeypatch, empty_database_url, capfd):
    env = {"FSHUNT_DATABASE_URL": empty_database_url, "FSHUNT_DEFAULT_DOMAIN": "pbx.test"}
    assert complete(monkeypatch, env, "group", "show", "") == []
    assert complete(monkeypatch, env, "domain", "rename", "") == []
    assert capfd.readouterr() == ("", "")
