"""The numbered steps of a page, typed one after the other on a host without anything, lead to a group."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fshunt.cli.main import cli
from tests.support.documented_commands import commands_of
from tests.support.documents import DOCS

STEP = re.compile(r"^\d+\. (.*(?:\n   .*)*)", re.MULTILINE)


def steps(page: Path, heading: str) -> list[tuple[str, ...]]:
    """The commands of fshunt's in the numbered steps of a section."""
    text = page.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    inline = [code for step in STEP.findall(text) for code in re.findall(r"`([^`]+)`", step)]
    return [words[1:] for code in inline for words in commands_of(code) if words[:1] == ("fshunt",)]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr("fshunt.settings.loading.DEFAULT_FILE", tmp_path / "no-settings.toml")
    return CliRunner(env={"FSHUNT_DATABASE_URL": f"sqlite:///{tmp_path / 'fshunt.db'}", "FSHUNT_CONFIG": ""})


def test_the_first_hour_by_hand_ends_with_a_group_in_the_dialplan(host, tmp_path):
    typed = steps(DOCS / "first-hour.md", "By hand")
    assert [words[0] for words in typed] == ["db", "group", "member", "dialplan", "call"]
    dialplan = tmp_path / "dialplan.xml"
    for words in typed:
        put = [str(dialplan) if word.endswith(".xml") else word for word in words]
        result = host.invoke(cli, put)
        assert result.exit_code == 0, f"{words}\n{result.output}"
    [group] = json.loads(host.invoke(cli, ["group", "list", "--json"]).stdout)["groups"]
    assert len(group["members"]) == 3
    assert f"^{group['pilot']}\\z" in dialplan.read_text()
