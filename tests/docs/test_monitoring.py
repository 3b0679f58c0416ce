"""The dashboard and the alerts of contrib/: what they ask for exists, and the alerts fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from fshunt.cli.main import cli
from fshunt.daemon.net.metrics import Metrics
from tests.support.documented_commands import Shown, commands_of, unknown_in
from tests.support.documents import DOCS

CONTRIB = DOCS.parent / "contrib"
RULES = CONTRIB / "prometheus" / "fshunt.rules.yml"
RULE_TESTS = RULES.with_name("fshunt.rules.test.yml")
DASHBOARD = CONTRIB / "grafana" / "fshunt.json"
PROMETHEUS = "up"
"""A metric that Prometheus makes itself, of each target."""

NAME = re.compile(r"\b(?:fshunt|process)_[a-z_]+\b|\bup\b")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool on this machine: apt-get install prometheus"
)


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def queries() -> Iterator[str]:
    """Every expression of the alerts and of the dashboard."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (
        each["definition"] for each in json.loads(DASHBOARD.read_text())["templating"]["list"] if "definition" in each
    )


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The names that a daemon exports, each with its labels."""
    metrics = Metrics()
    metrics.watch(
        hunts=lambda: 0,
        talks=lambda: 0,
        waiting=lambda: 0,
        claims=lambda: 0,
        switches=lambda: {"127.0.0.1:8021": True},
        database=lambda: True,
        outbox_pending=lambda: 0,
    )
    metrics.setup_delay(0.01)
    families = text_string_to_metric_families(metrics.page().decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_every_metric_that_is_asked_for_is_exported(exported):
    asked = {name for query in queries() for name in NAME.findall(query)}
    assert asked - {PROMETHEUS} <= set(exported)


def test_every_label_that_is_asked_for_is_exported(exported):
    for query in queries():
        labels = {name for name in NAME.findall(query) for name in exported.get(name, ())} | {"job", "instance"}
        asked = re.findall(r"(\w+)(?:=~|!=|=)\"", query)
        asked += [name.strip() for names in re.findall(r"by \(([^)]*)\)", query) for name in names.split(",")]
        assert set(asked) <= labels, query


def test_every_metric_is_on_the_dashboard(exported):
    shown = {name for panel in panels() for target in panel["targets"] for name in NAME.findall(target["expr"])}
    page = (DOCS / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(fshunt_[a-z_]+)`", page, re.MULTILINE))
    assert documented
    assert documented <= {name.removesuffix("_bucket") for name in shown}


def test_the_panels_do_not_overlap():
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels())
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_every_command_that_an_alert_names_exists():
    named = [
        command for rule in rules() for command in re.findall("`(fshunt [^`]+)`", rule["annotations"]["description"])
    ]
    assert named
    for command in named:
        for words in commands_of(command):
            assert unknown_in(cli, Shown(RULES.name, 0, words)) is None, command


def test_every_alert_is_tested_and_explained():
    fires = {
        case["alertname"]
        for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    alerts = [rule["alert"] for rule in rules()]
    assert fires == set(alerts)
    assert re.findall(r"^\| `(Fshunt\w+)` \|", (DOCS / "monitoring.md").read_text(), re.MULTILINE) == alerts


def run(*words: str | Path) -> None:
    done = subprocess.run(words, cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_prometheus_takes_the_rules_and_the_configuration():
    run("promtool", "check", "rules", RULES.name)
    run("promtool", "check", "config", "prometheus.yml")


@promtool
def test_the_alerts_fire_when_they_should():
    run("promtool", "test", "rules", RULE_TESTS.name)


@promtool
def test_prometheus_understands_every_query_of_the_dashboard(tmp_path):
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    records = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(asked)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    run("promtool", "check", "rules", file)
